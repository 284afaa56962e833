/** Axes: where the scale begins and ends, and ticks at round numbers. */
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

/** From zero to a round number above the greatest value. */
export function amountAxis(title: string, values: readonly number[], factor = 1): Axis {
  const greatest = greatestOf(values) / factor || 1
  const step = roundStep(greatest / ticksWanted)
  const count = Math.max(1, Math.ceil(greatest / step - 1e-9))
  const ticks = Array.from({ length: count + 1 }, (_, index) => ({
    at: index * step * factor,
    label: significant(index * step),
  }))
  return { title, from: 0, to: count * step * factor, ticks }
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

const spans = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200, 86_400]

/** Time within a run, from its start to its end. */
export function timeAxis(durationS: number): Axis {
  const wanted = durationS / ticksWanted
  const step = spans.find((span) => span >= wanted * 0.8) ?? 86_400 * roundStep(wanted / 86_400)
  const fine = durationS < ticksWanted ? roundStep(wanted) : step
  const count = Math.floor(durationS / fine + 1e-9)
  const ticks = Array.from({ length: count + 1 }, (_, index) => ({ at: index * fine, label: formatSpan(index * fine) }))
  return { title: 'time in the run', from: 0, to: durationS, ticks: ticks.map(withoutZeroUnit) }
}

/** Values that differ by factors: a tick per power of ten, and 2 and 5 between where there is room for them. */
export function logAxis(title: string, values: readonly number[], format: (value: number) => string): Axis {
  const positive = values.filter((value) => Number.isFinite(value) && value > 0)
  const from = positive.length === 0 ? 1 : Math.min(...positive)
  const to = Math.max(from * 1.5, ...positive)
  const low = Math.floor(Math.log10(from))
  const high = Math.ceil(Math.log10(to))
  const marks = high - low > 3 ? [1] : [1, 2, 5]
  const all = Array.from({ length: high - low + 1 }, (_, power) => marks.map((mark) => mark * 10 ** (low + power)))
  const inside = all.flat().filter((tick) => tick >= from * 0.999 && tick <= to * 1.001)
  const ticks = (inside.length < 2 ? [from, to] : inside).map((tick) => ({ at: tick, label: format(tick) }))
  return { title, from, to, ticks, isLogarithmic: true }
}

/** Names side by side, each in the middle of its place. */
export function namesAxis(title: string, names: readonly string[]): Axis {
  const ticks = names.map((name, index) => ({ at: index + 0.5, label: name }))
  return { title, from: 0, to: Math.max(1, names.length), ticks }
}

/** Where a value lies on its axis, from 0 to 1. */
export function shareOf({ from, to, isLogarithmic = false }: Axis, value: number): number {
  const share = isLogarithmic ? Math.log(value / from) / Math.log(to / from) : (value - from) / (to - from)
  return Math.min(1, Math.max(0, share))
}

/** 1, 2, 2.5 or 5 times a power of ten, not below what is asked for. */
export function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least))
  const mark = [1, 2, 2.5, 5].find((candidate) => candidate * power >= least * (1 - 1e-9)) ?? 10
  return mark * power
}

function greatestOf(values: readonly number[]): number {
  let greatest = 0
  for (const value of values) if (Number.isFinite(value) && value > greatest) greatest = value
  return greatest
}

function withoutZeroUnit(tick: Tick): Tick {
  return tick.at === 0 ? { at: 0, label: '0' } : tick
}
