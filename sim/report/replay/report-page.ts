/**
 * The report of a replay: one HTML file that needs no other. Two bounds are in every plot, whatever was asked for: the clairvoyant
 * one (BeladyAM, which knows the next request of every model) and the unbounded one (memory for all: each model is loaded once).
 */

import { formatBytes } from '../../../common/index.ts'
import { type AnyPolicyName, isOraclePolicyName } from '../../../placement/index.ts'
import { type ReplayRow, runReplay, sumOfSizes, type Trace } from '../../traces/index.ts'
import { type Axis, amountAxis, logAxis, namesAxis } from '../axis.ts'
import { missPercentByDecile } from '../deciles.ts'
import { linePlot } from '../line-plot.ts'
import { page, paragraph, plots, table } from '../page.ts'
import { significant } from '../units.ts'

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
const explanation =
  'Load delay is what a request waits for its model to be loaded; a request that finds its model waits for nothing. Dashed lines are bounds: oracles know all requests in advance, and with unbounded memory each model is loaded once.'
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
  const shares = capacities.map((bytes) => (100 * bytes) / totalBytes)
  const ticks = shares.map((share) => ({ at: share, label: String(Number(share.toPrecision(2))) }))
  const memory: Axis = {
    title: `memory, % of the ${formatBytes(totalBytes)} of all models`,
    from: 0,
    to: Math.max(100, ...shares),
    ticks,
  }
  const deciles = Array.from({ length: 10 }, (_, index) => String(index + 1))
  const subtitle = `${trace.timesMs.length} requests for ${trace.models.length} models of ${formatBytes(totalBytes)} together; memory ${formatBytes(capacityBytes)}`
  return page({
    title,
    subtitle,
    parts: [
      paragraph(explanation),
      table(
        ['policy', 'misses, %', 'mean load delay, s', '99th percentile, s'],
        curves.map(({ name, atMemory }) => [
          name,
          atMemory.missPercent.toFixed(3),
          atMemory.meanLoadDelayS.toFixed(4),
          atMemory.p99LoadDelayS.toFixed(2),
        ]),
      ),
      plots([
        curvesPlot('Mean load delay by memory', 'mean load delay, s', memory, shares, curves, ({ byMemory }) =>
          byMemory.map(({ meanLoadDelayS }) => meanLoadDelayS),
        ),
        curvesPlot('Misses by memory', 'misses, % of requests', memory, shares, curves, ({ byMemory }) =>
          byMemory.map(({ missPercent }) => missPercent),
        ),
        curvesPlot(
          `Misses by popularity, at ${formatBytes(capacityBytes)}`,
          'misses, % of requests',
          namesAxis('tenth of the models, most popular first', deciles),
          deciles.map((_, index) => index + 0.5),
          curves,
          ({ atMemory }) => missPercentByDecile(trace, atMemory.result),
        ),
      ]),
    ],
  })
}

/** Policies differ by factors, so the axis is logarithmic when all values are above zero. */
function curvesPlot(
  title: string,
  yTitle: string,
  x: Axis,
  places: readonly number[],
  curves: readonly Curve[],
  valuesOf: (curve: Curve) => readonly number[],
): string {
  const lines = curves.map((curve) => {
    const values = valuesOf(curve)
    return {
      name: curve.name,
      isDashed: curve.isBound,
      isBold: curve.isOurs,
      points: places.map((place, index) => [place, values[index] ?? Number.NaN] as const),
    }
  })
  const all = lines.flatMap(({ points }) => points.map(([, value]) => value)).filter(Number.isFinite)
  const y = all.every((value) => value > 0) ? logAxis(yTitle, all, significant) : amountAxis(yTitle, all)
  const dotText = (line: { name: string; points: readonly (readonly [number, number])[] }, index: number) =>
    `${line.name}: ${significant(line.points[index]![1])}`
  return linePlot({ title, x, y, lines, dotText })
}
