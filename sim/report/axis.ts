/** Axes on the scales of d3: where the scale begins and ends, and ticks at round numbers. */
import { scaleLinear, scaleLog } from 'd3-scale'
import { byteScale, formatMs, formatSpan, msScale, significant } from './units.ts'

export interface Tick {
  readonly at: number
  readonly label: string
}

export interface Axis {
  /** With the unit. */
  readonly title: string
  readonly from: number
  readonly to: number
  readonly ticks: readonly Tick[]
  readonly isLogarithmic?: boolean
}

const ticksWanted = 5

/** From zero to a round number above the greatest value; `factor` is that of the unit in the title. */
export function amountAxis(title: string, values: readonly number[], factor = 1): Axis {
  const greatest = greatestOf(values) / factor || 1
  const scale = scaleLinear().domain([0, greatest]).nice(ticksWanted)
  const ticks = scale.ticks(ticksWanted).map((tick) => ({ at: tick * factor, label: significant(tick) }))
  return { title, from: 0, to: scale.domain()[1]! * factor, ticks }
}

export function bytesAxis(what: string, values: readonly number[], suffix = ''): Axis {
  const { factor, unit } = byteScale(greatestOf(values))
  return amountAxis(`${what}, ${unit}${suffix}`, values, factor)
}

export function msAxis(what: string, values: readonly number[]): Axis {
  const { factor, unit } = msScale(greatestOf(values))
  return amountAxis(`${what}, ${unit}`, values, factor)
}

/** Delays that differ by factors, as those of caches that fill and full ones do, are told apart by their logarithm. */
export function delayAxis(what: string, values: readonly number[]): Axis {
  const positive = values.filter((value) => Number.isFinite(value) && value > 0).sort((left, right) => left - right)
  const low = positive[Math.floor(positive.length / 4)] ?? 0
  const greatest = positive.at(-1) ?? 0
  if (greatest <= 20 * low || low === 0) return msAxis(what, values)
  return logAxis(what, [Math.max(positive[0]!, low / 10), greatest], formatMs)
}

export const percentAxis = (what: string): Axis => ({
  title: `${what}, %`,
  from: 0,
  to: 100,
  ticks: [0, 20, 40, 60, 80, 100].map((value) => ({ at: value, label: String(value) })),
})

const spansS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200, 86_400]

/** Time within a run, from its start to its end. Ticks are whole minutes, hours and days, which are no powers of ten. */
export function timeAxis(durationS: number): Axis {
  const wantedS = durationS / ticksWanted
  const spanS = durationS < ticksWanted ? undefined : spansS.find((span) => span >= wantedS * 0.8)
  const unitS = durationS < ticksWanted ? 1 : 86_400
  const steps = scaleLinear()
    .domain([0, durationS / unitS])
    .ticks(ticksWanted)
  const timesS =
    spanS === undefined
      ? steps.map((step) => step * unitS)
      : Array.from({ length: Math.floor(durationS / spanS + 1e-9) + 1 }, (_, index) => index * spanS)
  const ticks = timesS.map((timeS) => ({ at: timeS, label: timeS === 0 ? '0' : formatSpan(timeS) }))
  return { title: 'time in the run', from: 0, to: durationS, ticks }
}

/** Values that differ by factors: a tick per power of ten, and 2 and 5 between where there is room for them. */
export function logAxis(title: string, values: readonly number[], format: (value: number) => string): Axis {
  const positive = values.filter((value) => Number.isFinite(value) && value > 0)
  const from = positive.length === 0 ? 1 : Math.min(...positive)
  const to = Math.max(from * 1.5, ...positive)
  const marks = Math.log10(to / from) > 3 ? [1] : [1, 2, 5]
  const inside = scaleLog()
    .domain([from * 0.999, to * 1.001])
    .ticks()
    .filter((tick) => marks.includes(Math.round(tick / 10 ** Math.floor(Math.log10(tick) + 1e-9))))
  const ticks = (inside.length < 2 ? [from, to] : inside).map((tick) => ({ at: tick, label: format(tick) }))
  return { title, from, to, ticks, isLogarithmic: true }
}

/** Names side by side, each in the middle of its place. */
export function namesAxis(title: string, names: readonly string[]): Axis {
  const ticks = names.map((name, index) => ({ at: index + 0.5, label: name }))
  return { title, from: 0, to: Math.max(1, names.length), ticks }
}

/** Places of values on the axis, between two coordinates; what lies beyond an end is drawn at the end. */
export function scaleOf({ from, to, isLogarithmic = false }: Axis, range: readonly [number, number]) {
  const scale = isLogarithmic ? scaleLog() : scaleLinear()
  return scale.domain([from, to]).range(range).clamp(true)
}

function greatestOf(values: readonly number[]): number {
  let greatest = 0
  for (const value of values) if (Number.isFinite(value) && value > greatest) greatest = value
  return greatest
}
