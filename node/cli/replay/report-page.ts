/**
 * The report of a replay: one HTML file that needs no other. Two bounds are in every plot, whatever was asked for: the clairvoyant
 * one (BeladyAM, which knows the next request of every model) and the unbounded one (memory for all: each model is loaded once).
 */
import type { AnyPolicyName } from '../../../placement/eviction/index.ts'
import { missPercentByDecile } from '../../../sim/deciles.ts'
import { sumOfSizes, type Trace } from '../../../sim/trace.ts'
import { formatBytes } from '../format-bytes.ts'
import { type ReplayRow, runReplay } from './run-replays.ts'
import { escapeText, type PlotLine, svgPlot } from './svg-plot.ts'

export interface ReportOptions {
  readonly title: string
  readonly trace: Trace
  /** Results at the memory that was asked for. */
  readonly rows: readonly ReplayRow[]
  readonly capacityBytes: number
}

const clairvoyant: AnyPolicyName = 'belady-am'
/** Where the curves are drawn, besides the memory that was asked for. */
const memoryFractions = [0.1, 0.25, 0.5, 0.75]

interface Curve {
  readonly name: string
  readonly isBound: boolean
  readonly byMemory: readonly ReplayRow[]
  readonly atMemory: ReplayRow
}

export function reportPage({ title, trace, rows, capacityBytes }: ReportOptions): string {
  const totalBytes = sumOfSizes(trace.models)
  const capacities = [...new Set([...memoryFractions.map((fraction) => fraction * totalBytes), capacityBytes])]
    .filter((bytes) => bytes <= totalBytes || bytes === capacityBytes)
    .sort((left, right) => left - right)
  const curveOf = (name: AnyPolicyName, label: string, isBound: boolean): Curve => {
    const atMemory = rows.find(({ policy }) => policy === name) ?? runReplay(name, trace, capacityBytes)
    const byMemory = capacities.map((bytes) => (bytes === capacityBytes ? atMemory : runReplay(name, trace, bytes)))
    return { name: label, isBound, byMemory, atMemory }
  }
  const everything = runReplay('lru', trace, Number.POSITIVE_INFINITY)
  const curves: Curve[] = [
    ...rows.filter(({ policy }) => policy !== clairvoyant).map(({ policy }) => curveOf(policy, policy, false)),
    curveOf(clairvoyant, 'clairvoyant (belady-am)', true),
    { name: 'unbounded memory', isBound: true, byMemory: capacities.map(() => everything), atMemory: everything },
  ]
  const lines = (valuesOf: (curve: Curve) => readonly number[]): PlotLine[] =>
    curves.map((curve) => ({ name: curve.name, isBound: curve.isBound, values: valuesOf(curve) }))
  const memoryLabels = capacities.map((bytes) => `${Math.round((100 * bytes) / totalBytes)} %`)
  const xTitle = 'memory, of all models together'
  const plots = [
    svgPlot({
      title: 'Mean load delay by memory',
      xTitle,
      yTitle: 'seconds per request',
      xLabels: memoryLabels,
      lines: lines(({ byMemory }) => byMemory.map(({ meanLoadDelayS }) => meanLoadDelayS)),
    }),
    svgPlot({
      title: 'Misses by memory',
      xTitle,
      yTitle: '% of requests',
      xLabels: memoryLabels,
      lines: lines(({ byMemory }) => byMemory.map(({ missPercent }) => missPercent)),
    }),
    svgPlot({
      title: `Misses by popularity, at ${formatBytes(capacityBytes)}`,
      xTitle: 'tenth of the models, most popular first',
      yTitle: '% of requests',
      xLabels: Array.from({ length: 10 }, (_, decile) => String(decile + 1)),
      lines: lines(({ atMemory }) => missPercentByDecile(trace, atMemory.result)),
    }),
  ]
  const subtitle = `${trace.timesMs.length} requests for ${trace.models.length} models of ${formatBytes(totalBytes)} together; memory ${formatBytes(capacityBytes)}`
  return page(title, subtitle, tableOf(curves), plots)
}

function tableOf(curves: readonly Curve[]): string {
  const cells = curves.map(({ name, atMemory }) => [
    name,
    atMemory.missPercent.toFixed(3),
    atMemory.meanLoadDelayS.toFixed(4),
    atMemory.p99LoadDelayS.toFixed(2),
  ])
  const row = (tag: string, texts: readonly string[]) =>
    `<tr>${texts.map((text) => `<${tag}>${escapeText(text)}</${tag}>`).join('')}</tr>`
  return `<table>${row('th', ['policy', 'misses, %', 'mean load delay, s', '99th percentile, s'])}${cells.map((texts) => row('td', texts)).join('')}</table>`
}

function page(title: string, subtitle: string, table: string, plots: readonly string[]): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escapeText(title)}</title>
<style>
body{font:15px/1.5 system-ui,sans-serif;max-width:820px;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
svg{width:100%;height:auto;margin:1rem 0;font:12px system-ui,sans-serif;fill:#333}
svg .title{font-weight:600;font-size:14px}
table{border-collapse:collapse}td,th{padding:.25rem .9rem;text-align:right;border-bottom:1px solid #ddd}
td:first-child,th:first-child{text-align:left}
</style></head><body>
<h1>${escapeText(title)}</h1><p>${escapeText(subtitle)}</p>
${table}
${plots.join('\n')}
</body></html>
`
}
