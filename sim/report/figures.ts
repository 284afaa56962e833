/** The figures by which runs are compared and searched: how each is called, read from a result, written, and which way is better. */
import type { RunResult, ServedFrom } from '../index.ts'
import { formatBytes, formatCount, formatMs, formatPercent, formatUsd } from './units.ts'

export interface Figure {
  readonly title: string
  readonly better: 'lower' | 'higher'
  /** NaN where there is none: a run without answers has no delay. */
  readonly of: (result: RunResult) => number
  readonly format: (value: number) => string
}

export const figures = {
  meanLoadDelayMs: {
    title: 'mean load delay',
    better: 'lower',
    of: ({ totals }) => totals.loadDelay.meanMs ?? Number.NaN,
    format: formatMs,
  },
  p50LoadDelayMs: {
    title: 'median load delay',
    better: 'lower',
    of: ({ totals }) => totals.loadDelay.p50Ms ?? Number.NaN,
    format: formatMs,
  },
  p90LoadDelayMs: {
    title: '90 % of load delays within',
    better: 'lower',
    of: ({ totals }) => totals.loadDelay.p90Ms ?? Number.NaN,
    format: formatMs,
  },
  p99LoadDelayMs: {
    title: '99 % of load delays within',
    better: 'lower',
    of: ({ totals }) => totals.loadDelay.p99Ms ?? Number.NaN,
    format: formatMs,
  },
  meanQueueDelayMs: {
    title: 'mean wait for a worker',
    better: 'lower',
    of: ({ totals }) => totals.queueDelay.meanMs ?? Number.NaN,
    format: formatMs,
  },
  hitPercent: {
    title: 'served from memory',
    better: 'higher',
    of: ({ totals }) => servedPercent(totals, 'memory'),
    format: formatPercent,
  },
  originBytes: {
    title: 'bytes sent by the origin',
    better: 'lower',
    of: ({ totals }) => totals.originBytes,
    format: formatBytes,
  },
  originUsd: { title: 'origin egress', better: 'lower', of: ({ totals }) => totals.originUsd, format: formatUsd },
  peerSharePercent: {
    title: 'bytes from peers',
    better: 'higher',
    of: ({ totals }) => totals.peerSharePercent,
    format: formatPercent,
  },
  failedCount: {
    title: 'requests without an answer',
    better: 'lower',
    of: ({ totals }) => failedCount(totals),
    format: formatCount,
  },
} as const satisfies Record<string, Figure>

export type FigureName = keyof typeof figures
export const figureNames = Object.keys(figures) as readonly FigureName[]

export function figure(name: FigureName): Figure {
  return figures[name]
}

export function servedPercent({ requestCount, servedBy }: RunResult['totals'], from: ServedFrom): number {
  return requestCount === 0 ? 0 : (100 * servedBy[from]) / requestCount
}

export function failedCount({ failedBy }: RunResult['totals']): number {
  return Object.values(failedBy).reduce((sum, count) => sum + count, 0)
}
