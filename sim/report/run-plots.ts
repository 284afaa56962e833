/** The plots of one run. Each says one thing; marks on a time axis are what happened to the world. */
import type { RunResult, TimelineBucket } from '../index.ts'
import { areaPlot } from './area-plot.ts'
import { amountAxis, bytesAxis, delayAxis, msAxis, percentAxis, timeAxis } from './axis.ts'
import { barPlot, rowBars } from './bar-plot.ts'
import { linePlot, type Mark } from './line-plot.ts'
import { formatBytes, formatCount, formatMs, formatPercent } from './units.ts'

const deciles = Array.from({ length: 10 }, (_, index) => String(index + 1))
const decileTitle = 'tenth of the models, most popular first'

export function decilePlot({ totals: { loadDelayByDecile: rows } }: RunResult): string {
  const values = rows.map(({ loadDelay }) => loadDelay.meanMs ?? Number.NaN)
  return barPlot({
    title: 'Mean load delay by popularity',
    xTitle: decileTitle,
    names: deciles.slice(0, rows.length),
    y: msAxis('load delay', values),
    series: [{ name: 'mean', values }],
    format: formatMs,
    more: (index) =>
      `99 % within ${formatMs(rows[index]!.loadDelay.p99Ms)}, ${formatCount(rows[index]!.requestCount)} requests`,
  })
}

export function decileHitPlot({ totals: { loadDelayByDecile: rows } }: RunResult): string {
  return barPlot({
    title: 'Served from memory by popularity',
    xTitle: decileTitle,
    names: deciles.slice(0, rows.length),
    y: percentAxis('of requests'),
    series: [{ name: 'memory', values: rows.map(({ memoryHitPercent }) => memoryHitPercent) }],
    format: formatPercent,
  })
}

export function servedPlot(result: RunResult): string {
  const { timeline, durationS } = result
  const failedPercent = ({ failedCount, requestCount }: TimelineBucket) =>
    requestCount === 0 ? 0 : (100 * failedCount) / requestCount
  const shares = (shareOf: (bucket: TimelineBucket) => number) => timeline.map(shareOf)
  const memory = shares(({ memoryHitPercent }) => memoryHitPercent)
  const forwarded = shares(({ forwardedPercent }) => forwardedPercent)
  const failed = shares(failedPercent)
  const rest = timeline.map(({ requestCount }, index) =>
    requestCount === 0 ? 0 : Math.max(0, 100 - memory[index]! - forwarded[index]! - failed[index]!),
  )
  return areaPlot({
    title: 'Where requests were served from',
    x: timeAxis(durationS),
    y: percentAxis('of requests'),
    starts: timeline.map(({ atS }) => atS),
    layers: [
      { name: 'memory', values: memory, colorIndex: 2 },
      { name: 'a holder, forwarded', values: forwarded, colorIndex: 5 },
      { name: 'after a load', values: rest, colorIndex: 4 },
      { name: 'failed', values: failed, colorIndex: 1 },
    ],
    marks: marksOf(result),
  })
}

export function delayPlot(result: RunResult): string {
  const { timeline, durationS } = result
  const delays = timeline.map(({ loadDelayMeanMs }) => loadDelayMeanMs ?? Number.NaN)
  const points = timeline.map(({ atS }, index) => [atS, delays[index]!] as const)
  return linePlot({
    title: 'Load delay over time',
    x: timeAxis(durationS),
    y: delayAxis('mean load delay', delays),
    lines: [{ name: 'mean load delay', points }],
    marks: marksOf(result),
  })
}

export function bytesPlot(result: RunResult): string {
  const { timeline, durationS } = result
  const widths = timeline.map(({ atS }, index) => (timeline[index + 1]?.atS ?? durationS) - atS || 1)
  const rates = (bytesOf: (bucket: TimelineBucket) => number) =>
    timeline.map((bucket, index) => bytesOf(bucket) / widths[index]!)
  const origin = rates(({ originBytes }) => originBytes)
  const peers = rates(({ peerBytes }) => peerBytes)
  return areaPlot({
    title: 'Model bytes over the network',
    x: timeAxis(durationS),
    y: bytesAxis(
      'rate',
      origin.map((bytes, index) => bytes + peers[index]!),
      '/s',
    ),
    starts: timeline.map(({ atS }) => atS),
    layers: [
      { name: 'from the origin', values: origin, colorIndex: 1 },
      { name: 'from peers', values: peers, colorIndex: 0 },
    ],
    marks: marksOf(result),
  })
}

export function loadPlot(result: RunResult): string {
  const { timeline, durationS } = result
  const counts = timeline.map(({ requestCount }) => requestCount)
  return areaPlot({
    title: 'Requests over time',
    x: timeAxis(durationS),
    y: amountAxis(`requests per ${significantWidth(result)}`, counts),
    starts: timeline.map(({ atS }) => atS),
    layers: [{ name: 'requests', values: counts, colorIndex: 7 }],
    marks: marksOf(result),
  })
}

export function changesPlot(result: RunResult): string {
  const { timeline, durationS } = result
  const line = (name: string, countOf: (bucket: TimelineBucket) => number) => ({
    name,
    points: timeline.map((bucket) => [bucket.atS, countOf(bucket)] as const),
  })
  return linePlot({
    title: 'Evictions and copies over time',
    x: timeAxis(durationS),
    y: amountAxis(
      `per ${significantWidth(result)}`,
      timeline.flatMap(({ evictionCount, replicationCount }) => [evictionCount, replicationCount]),
    ),
    lines: [
      line('evictions', ({ evictionCount }) => evictionCount),
      line('copies made ahead', ({ replicationCount }) => replicationCount),
    ],
    marks: marksOf(result),
  })
}

export function memoryPlot(result: RunResult): string {
  const { timeline, durationS, memoryLimitBytes } = result
  return linePlot({
    title: 'Memory in use, all nodes',
    x: timeAxis(durationS),
    y: bytesAxis('models in memory', [memoryLimitBytes]),
    lines: [
      { name: 'in use', points: timeline.map(({ atS, memoryUsedBytes }) => [atS, memoryUsedBytes] as const) },
      {
        name: 'limit',
        points: [
          [0, memoryLimitBytes],
          [durationS, memoryLimitBytes],
        ],
        isDashed: true,
        colorIndex: 7,
      },
    ],
    marks: marksOf(result),
  })
}

export function reasonPlots({ totals }: RunResult): string[] {
  return [
    rowBars('Evictions by reason', rowsOf(totals.evictionsByReason), formatCount),
    rowBars('Copies, prefetches and sheds by reason', rowsOf(totals.replicationsByReason), formatCount),
  ]
}

export function linkPlot({ totals: { bytesByLink } }: RunResult): string {
  const rows = [
    { name: 'within a site', value: bytesByLink.site },
    { name: 'between sites of a zone', value: bytesByLink.zone },
    { name: 'between zones', value: bytesByLink.far },
    { name: 'from the origin', value: bytesByLink.origin },
  ]
  return rowBars('Model bytes sent in the whole run, by way', rows, formatBytes)
}

function rowsOf(counts: Readonly<Record<string, number>>): { name: string; value: number }[] {
  return Object.entries(counts)
    .map(([name, value]) => ({ name, value }))
    .sort((left, right) => right.value - left.value || (left.name < right.name ? -1 : 1))
}

/** More flags than this hide what they stand on. */
const marksMax = 40

function marksOf({ events }: RunResult): Mark[] {
  return events
    .slice(0, marksMax)
    .map(({ atS, text }) => ({ at: atS, text: `${formatSpanAt(atS)}: ${text}`, label: text }))
}

function formatSpanAt(atS: number): string {
  return `at ${Math.round(atS)} s`
}

function significantWidth({ timeline, durationS }: RunResult): string {
  const width = (timeline[1]?.atS ?? durationS) - (timeline[0]?.atS ?? 0)
  return `${Number(width.toPrecision(3))} s`
}
