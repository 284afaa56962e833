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
  return deviation === 0 ? format(mean) : `${format(mean)} ± ${format(deviation)}`
}

/** '×0.68' of the first; nothing where there is no ratio. */
export function ratioText(value: number, first: number): string {
  return first > 0 ? `×${(value / first).toFixed(2)}` : ''
}
