/**
 * The frame of a plot: title, axes with round ticks, grid and legend; what is drawn within it comes from the caller. Two plots
 * stand side by side on a wide screen, and one fills a phone, with letters that can still be read there.
 */
import { type Axis, scaleOf } from './axis.ts'
import { at, color, escapeText, label, markPath } from './svg.ts'

export interface LegendItem {
  readonly name: string
  readonly colorIndex: number
  readonly isDashed?: boolean
  /** Lines with marks at their points show the mark here too. */
  readonly hasMark?: boolean
}

export interface Frame {
  readonly title: string
  readonly x: Axis
  readonly y: Axis
  readonly legend?: readonly LegendItem[]
  /** Names on the x axis need no grid lines. */
  readonly hasXGrid?: boolean
}

export interface Places {
  xOf(value: number): number
  yOf(value: number): number
}

export const plotWidth = 520
const plotHeight = 300
const letterWidth = 7.4
const legendRowHeight = 19
/** Where the x axis ends. */
export const plotRight = plotWidth - 14
const [right, bottom] = [plotRight, plotHeight - 46]

export function framedPlot({ title, x, y, legend = [], hasXGrid = false }: Frame, draw: (p: Places) => string): string {
  const rows = legendRows(legend)
  const top = 36 + rows.length * legendRowHeight
  const left = 34 + Math.max(3, ...y.ticks.map((tick) => tick.label.length)) * letterWidth
  const places: Places = {
    xOf: scaleOf(x, [left, right]),
    yOf: scaleOf(y, [bottom, top]),
  }
  const yGrid = y.ticks.map(({ at: value, label: text }) => {
    const height = at(places.yOf(value))
    const line = `<line class="grid" x1="${at(left)}" x2="${right}" y1="${height}" y2="${height}"/>`
    return line + label(left - 7, places.yOf(value) + 4, text, { anchor: 'end' })
  })
  const every = Math.ceil(
    x.ticks.reduce((sum, tick) => sum + (tick.label.length + 2) * letterWidth, 0) / (right - left),
  )
  const xGrid = x.ticks.map(({ at: value, label: text }, index) => {
    const place = at(places.xOf(value))
    const line = hasXGrid ? `<line class="grid" x1="${place}" x2="${place}" y1="${top}" y2="${bottom}"/>` : ''
    const isLast = value >= x.to
    if (index % every !== 0) return line
    const anchor = isLast && text.length > 3 ? 'end' : 'middle'
    return line + label(isLast && text.length > 3 ? right : places.xOf(value), bottom + 18, text, { anchor })
  })
  const middle = at((top + bottom) / 2)
  return [
    `<svg viewBox="0 0 ${plotWidth} ${plotHeight}" role="img" aria-label="${escapeText(title)}">`,
    label(8, 18, title, { className: 'title' }),
    ...rows,
    ...yGrid,
    ...xGrid,
    draw(places),
    `<line class="axis" x1="${at(left)}" x2="${right}" y1="${bottom}" y2="${bottom}"/>`,
    label((left + right) / 2, plotHeight - 8, x.title, { anchor: 'middle', className: 'axis-title' }),
    `<g transform="rotate(-90 14 ${middle})">${label(14, Number(middle) + 4, y.title, { anchor: 'middle', className: 'axis-title' })}</g>`,
    '</svg>',
  ].join('')
}

function legendRows(items: readonly LegendItem[]): string[] {
  const rows: string[] = []
  let row = ''
  let x = 8
  for (const { name, colorIndex, isDashed = false, hasMark = false } of items) {
    const width = 28 + name.length * letterWidth + 18
    if (row !== '' && x + width > plotWidth) {
      rows.push(row)
      row = ''
      x = 8
    }
    const y = 36 + rows.length * legendRowHeight
    const dash = isDashed ? ' stroke-dasharray="5 3"' : ''
    row +=
      `<line x1="${at(x)}" x2="${at(x + 20)}" y1="${y - 4}" y2="${y - 4}" stroke="${color(colorIndex)}" stroke-width="${isDashed || hasMark ? 2 : 8}"${dash}/>` +
      (hasMark ? markPath(x + 10, y - 4, colorIndex) : '') +
      label(x + 26, y, name)
    x += width
  }
  if (row !== '') rows.push(row)
  return rows
}
