/**
 * The report of a replay: one HTML file that needs no other. Two bounds are in every plot, whatever was asked for: the clairvoyant
 * one (BeladyAM, which knows the next request of every model) and the unbounded one (memory for all: each model is loaded once).
 */

import { formatBytes } from '../../../common/index.ts'
import { type AnyPolicyName, isOraclePolicyName } from '../../../placement/index.ts'
import { type ReplayRow, runReplay, sumOfSizes, type Trace } from '../../traces/index.ts'
import { missPercentByDecile } from '../deciles.ts'
import { escapeText } from '../svg.ts'
import { type PlotLine, svgPlot } from './svg-plot.ts'

export interface ReplayReport {
  readonly title: string
  readonly trace: Trace
  /** Results at the memory that was asked for. */
  readonly rows: readonly ReplayRow[]
  readonly capacityBytes: number
  /** Monotonic. */
  readonly nowMs: () => number
}

const clairvoyant: AnyPolicyName = 'belady-am'
/** Where the curves are drawn, besides the memory that was asked for. */
const memoryFractions = [0.1, 0.25, 0.5, 0.75, 1]

interface Curve {
  readonly name: string
  readonly isBound: boolean
  readonly isOurs: boolean
  readonly byMemory: readonly ReplayRow[]
  readonly atMemory: ReplayRow
}

export function reportPage({ title, trace, rows, capacityBytes, nowMs }: ReplayReport): string {
  const totalBytes = sumOfSizes(trace.models)
  const run = (policy: AnyPolicyName, bytes: number) => runReplay({ policy, trace, capacityBytes: bytes }, nowMs)
  const capacities = [...new Set([...memoryFractions.map((fraction) => fraction * totalBytes), capacityBytes])]
    .filter((bytes) => bytes <= totalBytes || bytes === capacityBytes)
    .sort((left, right) => left - right)
  const curveOf = (name: AnyPolicyName, label: string): Curve => {
    const atMemory = rows.find(({ policy }) => policy === name) ?? run(name, capacityBytes)
    const byMemory = capacities.map((bytes) => (bytes === capacityBytes ? atMemory : run(name, bytes)))
    return { name: label, isBound: isOraclePolicyName(name), isOurs: name === 'holdfast', byMemory, atMemory }
  }
  const everything = run('lru', Number.POSITIVE_INFINITY)
  const curves: Curve[] = [
    ...rows.filter(({ policy }) => policy !== clairvoyant).map(({ policy }) => curveOf(policy, policy)),
    curveOf(clairvoyant, 'clairvoyant (belady-am)'),
    {
      name: 'unbounded memory',
      isBound: true,
      isOurs: false,
      byMemory: capacities.map(() => everything),
      atMemory: everything,
    },
  ]
  const lines = (valuesOf: (curve: Curve) => readonly number[]): PlotLine[] =>
    curves.map((curve) => ({ name: curve.name, isBound: curve.isBound, isOurs: curve.isOurs, values: valuesOf(curve) }))
  const memoryTicks = capacities.map((bytes) => ({
    at: bytes / totalBytes,
    label: `${Number(((100 * bytes) / totalBytes).toPrecision(2))} %`,
  }))
  const xTitle = `memory, of the ${formatBytes(totalBytes)} of all models together`
  const plots = [
    svgPlot({
      title: 'Mean load delay by memory',
      xTitle,
      yTitle: 'seconds per request',
      xTicks: memoryTicks,
      lines: lines(({ byMemory }) => byMemory.map(({ meanLoadDelayS }) => meanLoadDelayS)),
    }),
    svgPlot({
      title: 'Misses by memory',
      xTitle,
      yTitle: '% of requests',
      xTicks: memoryTicks,
      lines: lines(({ byMemory }) => byMemory.map(({ missPercent }) => missPercent)),
    }),
    svgPlot({
      title: `Misses by popularity, at ${formatBytes(capacityBytes)}`,
      xTitle: 'tenth of the models, most popular first',
      yTitle: '% of requests',
      xTicks: Array.from({ length: 10 }, (_, decile) => ({ at: decile, label: String(decile + 1) })),
      lines: lines(({ atMemory }) => missPercentByDecile(trace, atMemory.result)),
    }),
  ]
  const subtitle = `${trace.timesMs.length} requests for ${trace.models.length} models of ${formatBytes(totalBytes)} together; memory ${formatBytes(capacityBytes)}`
  return page(title, subtitle, tableOf(curves), plots)
}

function tableOf(curves: readonly Curve[]): string {
  const cells = curves.map(({ name, isOurs, atMemory }) => ({
    isOurs,
    texts: [
      name,
      atMemory.missPercent.toFixed(3),
      atMemory.meanLoadDelayS.toFixed(4),
      atMemory.p99LoadDelayS.toFixed(2),
    ],
  }))
  const row = (tag: string, texts: readonly string[], attribute = '') =>
    `<tr${attribute}>${texts.map((text) => `<${tag}>${escapeText(text)}</${tag}>`).join('')}</tr>`
  return `<table>${row('th', ['policy', 'misses, %', 'mean load delay, s', '99th percentile, s'])}${cells.map(({ isOurs, texts }) => row('td', texts, isOurs ? ' class="ours"' : '')).join('')}</table>`
}

function page(title: string, subtitle: string, table: string, plots: readonly string[]): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escapeText(title)}</title>
<style>
body{font:15px/1.5 system-ui,sans-serif;max-width:920px;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
svg{width:100%;height:auto;margin:1rem 0;font:12px system-ui,sans-serif;fill:#333}
svg .title{font-weight:600;font-size:14px}
table{border-collapse:collapse}td,th{padding:.25rem .9rem;text-align:right;border-bottom:1px solid #ddd}
td:first-child,th:first-child{text-align:left}
tr.ours{font-weight:600}h1{font-size:1.4rem;overflow-wrap:anywhere}p{max-width:44rem}
</style></head><body>
<h1>${escapeText(title)}</h1><p>${escapeText(subtitle)}</p>
<p>Load delay is what a request waits for its model to be loaded; a request that finds its model waits for nothing. Dashed lines are
bounds: oracles know all requests in advance, and with unbounded memory each model is loaded once.</p>
${table}
${plots.join('\n')}
</body></html>
`
}
