/** The report of a comparison: what was compared side by side, each figure with its ratio to the first and its spread over seeds. */
import type { RunResult, TimelineBucket } from '../index.ts'
import { type Axis, bytesAxis, delayAxis, msAxis, timeAxis } from './axis.ts'
import { rowBars } from './bar-plot.ts'
import { csvOf } from './csv.ts'
import { type FigureName, figure, figureNames } from './figures.ts'
import { linePlot } from './line-plot.ts'
import { code, heading, page, paragraph, plots, table } from './page.ts'
import { meanLine, plusMinus, ratioSpread, ratioText, type Summary, spreadText, summaryOf } from './summary.ts'
import { formatMs } from './units.ts'

export interface Contender {
  readonly name: string
  /** One per seed, in the same order for all. */
  readonly results: readonly RunResult[]
}

export interface ComparePage {
  readonly title: string
  readonly contenders: readonly Contender[]
  readonly command: string
}

/** The summary of each, with the ratio of each figure to the first contender. */
export function compared(contenders: readonly Contender[]) {
  const summaries = contenders.map(({ results }) => summaryOf(results))
  return contenders.map(({ name, results }, index) => ({
    name,
    figures: Object.fromEntries(
      figureNames.map((key) => {
        const [own, first] = [summaries[index]![key], summaries[0]![key]]
        const valuesOf = (runs: readonly RunResult[]) => runs.map((result) => figure(key).of(result))
        const paired = ratioSpread(valuesOf(results), valuesOf(contenders[0]!.results))
        const ratio = first.mean > 0 ? own.mean / first.mean : null
        return [key, { ...own, ratio, ratioDeviation: paired?.deviation ?? null }]
      }),
    ) as Record<FigureName, Summary[FigureName] & { ratio: number | null; ratioDeviation: number | null }>,
  }))
}

/** A row per figure, a column per contender. */
export function compareCells(contenders: readonly Contender[]): { head: string[]; rows: string[][] } {
  const all = compared(contenders)
  const rows = figureNames.map((name) => [
    figure(name).title,
    ...all.map(({ figures }, index) => {
      const { ratio: value, ratioDeviation } = figures[name]
      const ratio = index === 0 ? '' : ratioText(value, ratioDeviation)
      return ratio === '' ? spreadText(name, figures[name]) : `${spreadText(name, figures[name])} ${ratio}`
    }),
  ])
  return { head: ['', ...contenders.map(({ name }) => name)], rows }
}

export function compareCsv(contenders: readonly Contender[]): string {
  return csvOf(
    contenders.flatMap(({ name, results }) =>
      results.map((result) => ({
        name,
        seed: result.seed,
        ...Object.fromEntries(figureNames.map((key) => [key, figure(key).of(result)])),
      })),
    ),
  )
}

export function comparePage({ title, contenders, command }: ComparePage): string {
  const seeds = contenders[0]!.results.map(({ seed }) => seed)
  const { head, rows } = compareCells(contenders)
  const runs =
    seeds.length === 1
      ? `Seed ${seeds[0]}.`
      : `Means over ${seeds.length} seeds (${seeds.join(', ')}), ± one standard deviation.`
  return page({
    title,
    subtitle: `${runs} ×: ratio to the first${seeds.length === 1 ? '' : ', seed by seed'}. Figures are of the time after the warm-up.`,
    parts: [
      findingsOf(contenders),
      table(head, rows),
      heading('Side by side'),
      plots([
        bars(contenders, 'meanLoadDelayMs'),
        bars(contenders, 'p99LoadDelayMs'),
        bars(contenders, 'originBytes'),
        bars(contenders, 'originUsd'),
        bars(contenders, 'hitPercent'),
        decileLines(contenders),
      ]),
      heading(
        seeds.length === 1 ? 'Over time' : 'Over time: means over the seeds, with bands of one standard deviation',
      ),
      plots([
        timeLines(
          contenders,
          'Load delay over time',
          (values) => delayAxis('mean load delay', values),
          ({ loadDelayMeanMs }) => loadDelayMeanMs ?? Number.NaN,
        ),
        timeLines(
          contenders,
          'Bytes from the origin, summed up',
          (values) => bytesAxis('model bytes', values),
          ({ originBytes }) => originBytes,
          true,
        ),
      ]),
      heading('Once more'),
      code(command),
    ],
  })
}

function findingsOf(contenders: readonly Contender[]): string {
  const faulty = contenders.filter(({ results }) => results.some(({ findings }) => findings.length > 0))
  if (faulty.length === 0) return ''
  return paragraph(
    `The checkers found faults in: ${faulty.map(({ name }) => name).join('; ')}. Those runs cannot be believed.`,
  )
}

function bars(contenders: readonly Contender[], name: FigureName): string {
  const { title, format } = figure(name)
  const rows = contenders.map((contender, index) => {
    const { mean, deviation } = summaryOf(contender.results)[name]
    return { name: contender.name, value: mean, spread: deviation, colorIndex: index }
  })
  return rowBars(`${title.charAt(0).toUpperCase()}${title.slice(1)}`, rows, format)
}

function decileLines(contenders: readonly Contender[]): string {
  const lines = contenders.map(({ name, results }) => {
    const { means, deviations } = meanLine(
      results.map(({ totals }) => totals.loadDelayByDecile.map(({ loadDelay }) => loadDelay.meanMs ?? Number.NaN)),
    )
    return { name, points: means.map((mean, decile) => [decile + 1, mean] as const), spreads: deviations }
  })
  const ticks = Array.from({ length: 10 }, (_, index) => ({ at: index + 1, label: String(index + 1) }))
  return linePlot({
    title: 'Mean load delay by popularity',
    x: { title: 'tenth of the models, most popular first', from: 1, to: 10, ticks },
    y: msAxis(
      'load delay',
      lines.flatMap(({ points, spreads }) => points.map(([, value], index) => value + spreads[index]!)),
    ),
    lines,
    dotText: (line, index) =>
      `${line.name}, tenth ${index + 1}: ${formatMs(line.points[index]![1])}${plusMinus(line.spreads?.[index], formatMs)}`,
  })
}

function timeLines(
  contenders: readonly Contender[],
  title: string,
  axisOf: (values: readonly number[]) => Axis,
  of: (bucket: TimelineBucket) => number,
  isSummed = false,
): string {
  const lines = contenders.map(({ name, results }) => {
    const { means, deviations } = meanLine(
      results.map(({ timeline }) => {
        let sum = 0
        return timeline.map((bucket) => {
          sum += of(bucket)
          return isSummed ? sum : of(bucket)
        })
      }),
    )
    const points = results[0]!.timeline.map(({ atS }, index) => [atS, means[index]!] as const)
    return { name, points, spreads: deviations }
  })
  return linePlot({
    title,
    x: timeAxis(Math.max(...contenders.map(({ results }) => results[0]!.durationS))),
    y: axisOf(lines.flatMap(({ points, spreads }) => points.map(([, value], index) => value + spreads[index]!))),
    lines,
  })
}
