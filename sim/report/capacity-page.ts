/** The report of a search for the least memory or the fewest nodes: the answer, the runs behind it and the curve that they lie on. */
import { type Axis, amountAxis, bytesAxis, logAxis, msAxis } from './axis.ts'
import { type FigureName, figure } from './figures.ts'
import { linePlot } from './line-plot.ts'
import { code, heading, page, paragraph, plots, table } from './page.ts'
import { escapeText } from './svg.ts'
import { formatBytes, formatCount } from './units.ts'

export interface CapacityRun {
  /** Bytes of a node's memory, or nodes. */
  readonly size: number
  readonly value: number
  readonly isMet: boolean
}

export interface CapacityPage {
  readonly title: string
  readonly varied: 'memory' | 'nodes'
  readonly figure: FigureName
  readonly limit: number
  readonly targetText: string
  readonly answerText: string
  readonly notes: readonly string[]
  readonly answer: number | null
  readonly runs: readonly CapacityRun[]
  readonly seedCount: number
  readonly command: string
}

export function formatSize(varied: CapacityPage['varied'], size: number): string {
  return varied === 'memory' ? formatBytes(size) : `${formatCount(size)} nodes`
}

export function capacityPage(given: CapacityPage): string {
  const { title, varied, runs, targetText, answerText, notes, seedCount, command } = given
  const { format, title: figureTitle } = figure(given.figure)
  const rows = runs.map(({ size, value, isMet }) => [formatSize(varied, size), format(value), isMet ? 'yes' : 'no'])
  const seeds = seedCount === 1 ? 'one seed' : `means over ${seedCount} seeds`
  return page({
    title,
    subtitle: `Target: ${targetText}; ${runs.length} sizes, ${seeds}`,
    parts: [
      `<p><b>${escapeText(answerText)}</b></p>`,
      ...notes.map(paragraph),
      plots([curve(given)]),
      heading('The runs behind it'),
      table([varied === 'memory' ? 'memory of a node' : 'cluster', figureTitle, 'meets the target'], rows),
      heading('Once more'),
      code(command),
    ],
  })
}

function curve({ varied, figure: name, limit, targetText, runs, answer }: CapacityPage): string {
  const { title, format } = figure(name)
  const values = [...runs.map(({ value }) => value), limit]
  const sizes = runs.map(({ size }) => size)
  const [least, greatest] = [Math.min(...sizes), Math.max(...sizes)]
  return linePlot({
    title: `${title.charAt(0).toUpperCase()}${title.slice(1)}, ${varied === 'memory' ? 'by memory of a node' : 'by number of nodes'}`,
    x: logAxis(
      varied === 'memory' ? 'memory of a node' : 'nodes',
      sizes,
      varied === 'memory' ? formatBytes : formatCount,
    ),
    y: valueAxis(name, values),
    lines: [
      { name: 'measured', points: runs.map(({ size, value }) => [size, value] as const) },
      {
        name: `target: ${targetText}`,
        points: [
          [least, limit],
          [greatest, limit],
        ],
        isDashed: true,
        colorIndex: 1,
      },
    ],
    marks: answer === null ? [] : [{ at: answer, text: `the answer: ${formatSize(varied, answer)}` }],
    dotText: (_, index) => `${formatSize(varied, sizes[index]!)}: ${format(runs[index]!.value)}`,
  })
}

function valueAxis(name: FigureName, values: readonly number[]): Axis {
  const { title } = figure(name)
  if (name.endsWith('Ms')) return msAxis(title, values)
  if (name.endsWith('Bytes')) return bytesAxis(title, values)
  return amountAxis(name.endsWith('Usd') ? `${title}, $` : name.endsWith('Percent') ? `${title}, %` : title, values)
}
