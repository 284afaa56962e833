/** The report of a comparison: what was compared side by side, each figure with its ratio to the first and its spread over seeds. */
import type { RunResult, TimelineBucket } from '../index.ts'
import { type Axis, bytesAxis, delayAxis, msAxis, timeAxis } from './axis.ts'
import { rowBars } from './bar-plot.ts'
import { csvOf } from './csv.ts'
import { type FigureName, figure, figureNames } from './figures.ts'
import { linePlot } from './line-plot.ts'
import { code, heading, page, paragraph, plots, table } from './page.ts'
import { ratioText, type Summary, spreadText, summaryOf } from './summary.ts'
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
  return contenders.map(({ name }, index) => ({
    name,
    figures: Object.fromEntries(
      figureNames.map((key) => {
        const [own, first] = [summaries[index]![key], summaries[0]![key]]
        return [key, { ...own, ratio: first.mean > 0 ? own.mean / first.mean : null }]
      }),
    ) as Record<FigureName, Summary[FigureName] & { ratio: number | null }>,
  }))
}

/** A row per figure, a column per contender. */
export function compareCells(contenders: readonly Contender[]): { head: string[]; rows: string[][] } {
  const all = compared(contenders)
  const rows = figureNames.map((name) => [
    figure(name).title,
    ...all.map(({ figures }, index) => {
      const { mean } = figures[name]
      const ratio = index === 0 ? '' : ratioText(mean, all[0]!.figures[name].mean)
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
    subtitle: `${runs} ×: ratio to the first.`,
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
      heading(seeds.length === 1 ? 'Over time' : `Over time, seed ${seeds[0]}`),
      plots([
        timeLines(
          contenders,
          'Load delay over time',
          (values) => delayAxis('mean load delay', values),
          ({ loadDelayMeanMs, requestCount }) => (requestCount === 0 ? Number.NaN : loadDelayMeanMs),
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
  const lines = contenders.map(({ name, results }) => ({
    name,
    points: Array.from({ length: 10 }, (_, decile) => {
      const values = results.map(({ totals }) => totals.loadDelayByDecile[decile]?.loadDelay.meanMs ?? Number.NaN)
      return [decile + 1, values.reduce((sum, value) => sum + value, 0) / values.length] as const
    }),
  }))
  const ticks = Array.from({ length: 10 }, (_, index) => ({ at: index + 1, label: String(index + 1) }))
  return linePlot({
    title: 'Mean load delay by popularity',
    x: { title: 'tenth of the models, most popular first', from: 1, to: 10, ticks },
    y: msAxis(
      'load delay',
      lines.flatMap(({ points }) => points.map(([, value]) => value)),
    ),
    lines,
    dotText: (line, index) => `${line.name}, tenth ${index + 1}: ${formatMs(line.points[index]![1])}`,
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
    let sum = 0
    const points = results[0]!.timeline.map((bucket) => {
      sum += of(bucket)
      return [bucket.atS, isSummed ? sum : of(bucket)] as const
    })
    return { name, points }
  })
  return linePlot({
    title,
    x: timeAxis(Math.max(...contenders.map(({ results }) => results[0]!.durationS))),
    y: axisOf(lines.flatMap(({ points }) => points.map(([, value]) => value))),
    lines,
  })
}
