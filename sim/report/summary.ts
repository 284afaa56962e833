/** Runs of one thing under several seeds, summed up: the mean of each figure and how far seeds lie apart. */
import type { RunResult } from '../index.ts'
import { type FigureName, figure, figureNames } from './figures.ts'

export interface Spread {
  readonly mean: number
  /** Sample standard deviation; 0 of one run. */
  readonly deviation: number
  readonly least: number
  readonly greatest: number
}

export type Summary = Readonly<Record<FigureName, Spread>>

export function summaryOf(results: readonly RunResult[]): Summary {
  const entries = figureNames.map((name) => [name, spreadOf(results.map((result) => figure(name).of(result)))])
  return Object.fromEntries(entries) as Summary
}

export function spreadOf(values: readonly number[]): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return {
    mean,
    deviation: values.length < 2 ? 0 : Math.sqrt(squares / (values.length - 1)),
    least: Math.min(...values),
    greatest: Math.max(...values),
  }
}

/** '213 ms', and with several seeds '213 ms ± 8 ms'. */
export function spreadText(name: FigureName, { mean, deviation }: Spread): string {
  const { format } = figure(name)
  return deviation === 0 || !Number.isFinite(deviation) ? format(mean) : `${format(mean)} ± ${format(deviation)}`
}

/** Of each run to that of the first with the same seed: what the seeds have in common is in both and cancels out. */
export function ratioSpread(values: readonly number[], firsts: readonly number[]): Spread | null {
  const ratios = values.map((value, index) => value / firsts[index]!)
  return firsts.every((first) => first > 0) ? spreadOf(ratios) : null
}

/** '×0.68', and with several seeds '×0.68 ± 0.03'; nothing where there is no ratio. */
export function ratioText(ratio: number | null, deviation: number | null): string {
  if (ratio === null || !Number.isFinite(ratio)) return ''
  return deviation === null || deviation === 0
    ? `×${ratio.toFixed(2)}`
    : `×${ratio.toFixed(2)} ± ${deviation.toFixed(2)}`
}

/** Point by point over several lines: means and deviations of those that have a value there; NaN where none has. */
export function meanLine(lines: readonly (readonly number[])[]): { means: number[]; deviations: number[] } {
  const spreads = (lines[0] ?? []).map((_, index) => {
    const values = lines.map((line) => line[index] ?? Number.NaN).filter((value) => Number.isFinite(value))
    return values.length === 0 ? null : spreadOf(values)
  })
  return {
    means: spreads.map((spread) => spread?.mean ?? Number.NaN),
    deviations: spreads.map((spread) => spread?.deviation ?? 0),
  }
}

/** ' ± 8 ms'; nothing of one run. */
export function plusMinus(deviation: number | undefined, format: (value: number) => string): string {
  return deviation === undefined || !(deviation > 0) ? '' : ` ± ${format(deviation)}`
}
