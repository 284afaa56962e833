/** The report of a sweep: memory, policy and number of nodes against each other, as maps of colour and as lines. */
import type { RunResult } from '../index.ts'
import { type Axis, bytesAxis, delayAxis, logAxis, percentAxis } from './axis.ts'
import { csvOf } from './csv.ts'
import { type FigureName, figure, figureNames } from './figures.ts'
import { heatMap } from './heat-map.ts'
import { linePlot } from './line-plot.ts'
import { code, folded, heading, page, paragraph, plots, table } from './page.ts'
import { plusMinus, spreadText, summaryOf } from './summary.ts'
import { formatCount } from './units.ts'

export interface SweepCell {
  /** As asked for: '0.5', '8GB'; the same words are the same column everywhere. */
  readonly memory: string
  readonly policy: string
  readonly nodeCount: number
  /** One per seed. */
  readonly results: readonly RunResult[]
}

export interface SweepPage {
  readonly title: string
  /** In the order of their options. */
  readonly cells: readonly SweepCell[]
  readonly command: string
}

const shown: readonly { readonly name: FigureName; readonly axisOf: (values: readonly number[]) => Axis }[] = [
  { name: 'meanLoadDelayMs', axisOf: (values) => delayAxis('mean load delay', values) },
  { name: 'p99LoadDelayMs', axisOf: (values) => delayAxis('99 % within', values) },
  { name: 'originBytes', axisOf: (values) => bytesAxis('from the origin', values) },
  { name: 'hitPercent', axisOf: () => percentAxis('served from memory') },
]

export function sweepRows(cells: readonly SweepCell[]) {
  return cells.map(({ memory, policy, nodeCount, results }) => {
    const summary = summaryOf(results)
    return {
      memory,
      policy,
      nodeCount,
      seedCount: results.length,
      memoryLimitBytes: results[0]!.memoryLimitBytes,
      ...(Object.fromEntries(figureNames.map((name) => [name, summary[name].mean])) as Record<FigureName, number>),
      meanLoadDelayDeviationMs: summary.meanLoadDelayMs.deviation,
      findingCount: results.reduce((sum, { findings }) => sum + findings.length, 0),
    }
  })
}

export function sweepCsv(cells: readonly SweepCell[]): string {
  return csvOf(sweepRows(cells))
}

export function sweepTable(cells: readonly SweepCell[]): { head: string[]; rows: string[][] } {
  const names: readonly FigureName[] = ['meanLoadDelayMs', 'p99LoadDelayMs', 'hitPercent', 'originBytes', 'originUsd']
  const rows = cells.map(({ memory, policy, nodeCount, results }) => {
    const summary = summaryOf(results)
    return [memory, policy, String(nodeCount), ...names.map((name) => spreadText(name, summary[name]))]
  })
  return { head: ['memory', 'policy', 'nodes', ...names.map((name) => figure(name).title)], rows }
}

export function sweepPage({ title, cells, command }: SweepPage): string {
  const memories = distinct(cells.map(({ memory }) => memory))
  const nodeCounts = distinct(cells.map(({ nodeCount }) => nodeCount))
  const { head, rows } = sweepTable(cells)
  const faulty = cells.filter(({ results }) => results.some(({ findings }) => findings.length > 0))
  return page({
    title,
    subtitle: `${cells.length} settings, ${cells[0]!.results.length === 1 ? 'one seed' : `means over ${cells[0]!.results.length} seeds`}`,
    parts: [
      faulty.length === 0
        ? ''
        : paragraph(`The checkers found faults in ${faulty.length} settings: those cannot be believed.`),
      ...(memories.length > 1 && nodeCounts.length > 1 ? maps(cells) : []),
      ...(memories.length > 1 ? [heading('By memory'), plots(linesByMemory(cells))] : []),
      ...(nodeCounts.length > 1 ? [heading('By number of nodes'), plots(linesByNodes(cells))] : []),
      heading('All settings'),
      rows.length > 60 ? folded(`${rows.length} settings`, table(head, rows)) : table(head, rows),
      heading('Once more'),
      code(command),
    ],
  })
}

function maps(cells: readonly SweepCell[]): string[] {
  const columns = distinct(cells.map(({ nodeCount }) => nodeCount))
  const rows = distinct(cells.map(({ memory }) => memory))
  return shown.flatMap(({ name }) => {
    const { title, format, better } = figure(name)
    const meanOf = (cell: SweepCell) => summaryOf(cell.results)[name].mean
    const all = cells.map(meanOf).filter((mean) => Number.isFinite(mean))
    const drawn = distinct(cells.map(({ policy }) => policy)).map((policy) =>
      heatMap({
        title: policy,
        columnTitle: 'nodes',
        rowTitle: 'memory',
        columns: columns.map(formatCount),
        rows,
        values: rows.map((memory) =>
          columns.map((nodeCount) => {
            const cell = cells.find(
              (one) => one.memory === memory && one.nodeCount === nodeCount && one.policy === policy,
            )
            return cell === undefined || !Number.isFinite(meanOf(cell)) ? null : meanOf(cell)
          }),
        ),
        least: Math.min(...all),
        greatest: Math.max(...all),
        format,
        isLogarithmic: better === 'lower',
      }),
    )
    return [heading(`${title.charAt(0).toUpperCase()}${title.slice(1)}`), plots(drawn)]
  })
}

function linesByMemory(cells: readonly SweepCell[]): string[] {
  return lines(cells, {
    groupOf: ({ policy, nodeCount }) => ({ policy, rest: `${formatCount(nodeCount)} nodes` }),
    xOf: ({ results, nodeCount }) => results[0]!.memoryLimitBytes / nodeCount,
    axisOf: (values) => bytesTicks('memory of a node', values),
  })
}

function linesByNodes(cells: readonly SweepCell[]): string[] {
  return lines(cells, {
    groupOf: ({ policy, memory }) => ({ policy, rest: `memory ${memory}` }),
    xOf: ({ nodeCount }) => nodeCount,
    axisOf: (values) => ticksAt(logAxis('nodes', values, formatCount), values, formatCount),
  })
}

interface LineChoice {
  readonly groupOf: (cell: SweepCell) => { policy: string; rest: string }
  readonly xOf: (cell: SweepCell) => number
  readonly axisOf: (values: readonly number[]) => Axis
}

function lines(cells: readonly SweepCell[], { groupOf, xOf, axisOf }: LineChoice): string[] {
  const hasRest = new Set(cells.map((cell) => groupOf(cell).rest)).size > 1
  const nameOf = (cell: SweepCell) => {
    const { policy, rest } = groupOf(cell)
    return hasRest ? `${policy}, ${rest}` : policy
  }
  const names = distinct(cells.map(nameOf))
  return shown.map(({ name, axisOf: yAxisOf }) => {
    const { title, format } = figure(name)
    const drawn = names.map((group) => {
      const own = cells.filter((cell) => nameOf(cell) === group).sort((left, right) => xOf(left) - xOf(right))
      const spreads = own.map((cell) => summaryOf(cell.results)[name])
      return {
        name: group,
        points: own.map((cell, index) => [xOf(cell), spreads[index]!.mean] as const),
        spreads: spreads.map(({ deviation }) => deviation),
      }
    })
    const all = drawn.flatMap(({ points }) => points)
    return linePlot({
      title: `${title.charAt(0).toUpperCase()}${title.slice(1)}`,
      x: axisOf(all.map(([x]) => x)),
      y: yAxisOf(drawn.flatMap(({ points, spreads }) => points.map(([, y], index) => y + spreads[index]!))),
      lines: drawn,
      dotText: (line, index) =>
        `${line.name}: ${format(line.points[index]![1])}${plusMinus(line.spreads?.[index], format)}`,
    })
  })
}

function bytesTicks(title: string, values: readonly number[]): Axis {
  const { title: unit } = bytesAxis('', [Math.max(...values)])
  const name = unit.replace(/^, /, '')
  const factor = 1_000 ** ['B', 'kB', 'MB', 'GB', 'TB', 'PB'].indexOf(name)
  const format = (bytes: number) => String(Number((bytes / factor).toPrecision(3)))
  return ticksAt(logAxis(`${title}, ${name}`, values, format), values, format)
}

/** A sweep has few values, and each is a tick. */
function ticksAt(axis: Axis, values: readonly number[], format: (value: number) => string): Axis {
  const few = [...new Set(values)].sort((left, right) => left - right)
  return few.length > 8 ? axis : { ...axis, ticks: few.map((value) => ({ at: value, label: format(value) })) }
}

function distinct<T>(values: readonly T[]): T[] {
  return [...new Set(values)]
}
