/** A value per cell of a grid, as colour and as number: the number is what is read, the colour is what is seen first. */
import { scaleLinear, scaleLog } from 'd3-scale'
import { inkOn, scaleColor } from './scale-color.ts'
import { at, escapeText, label, tooltip } from './svg.ts'

export interface HeatMap {
  readonly title: string
  readonly columnTitle: string
  readonly rowTitle: string
  readonly columns: readonly string[]
  readonly rows: readonly string[]
  /** By row, then column; null where there was no run. */
  readonly values: readonly (readonly (number | null)[])[]
  /** Of all maps that are to be compared. */
  readonly least: number
  readonly greatest: number
  readonly format: (value: number) => string
  /** Colours by the logarithm, for values that differ by factors. */
  readonly isLogarithmic?: boolean
}

const width = 520
const cellHeight = 40

export function heatMap(map: HeatMap): string {
  const { title, columns, rows, values, format } = map
  const left = 44 + Math.max(...rows.map((name) => name.length)) * 6.9
  const cellWidth = (width - left - 10) / columns.length
  const height = 86 + rows.length * cellHeight
  const cells = rows.flatMap((row, rowIndex) =>
    columns.map((column, columnIndex) => {
      const value = values[rowIndex]?.[columnIndex] ?? null
      if (value === null) return ''
      const share = shareIn(map, value)
      const [x, y] = [left + columnIndex * cellWidth, 34 + rowIndex * cellHeight]
      const words = `${map.rowTitle} ${row}, ${map.columnTitle} ${column}: ${format(value)}`
      return (
        `<rect x="${at(x)}" y="${y}" width="${at(cellWidth - 2)}" height="${cellHeight - 2}" fill="${scaleColor(share)}">${tooltip(words)}</rect>` +
        `<text class="cell" x="${at(x + cellWidth / 2)}" y="${y + cellHeight / 2 + 4}" text-anchor="middle" style="fill:${inkOn(share)}">${escapeText(format(value))}</text>`
      )
    }),
  )
  const heads = columns.map((name, index) =>
    label(left + (index + 0.5) * cellWidth, 52 + rows.length * cellHeight, name, { anchor: 'middle' }),
  )
  const sides = rows.map((name, index) =>
    label(left - 8, 34 + index * cellHeight + cellHeight / 2 + 4, name, { anchor: 'end' }),
  )
  const middle = at(34 + (rows.length * cellHeight) / 2)
  return [
    `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeText(title)}">`,
    label(8, 18, title, { className: 'title' }),
    ...cells,
    ...heads,
    ...sides,
    label((left + width) / 2, height - 8, map.columnTitle, { anchor: 'middle', className: 'axis-title' }),
    `<g transform="rotate(-90 14 ${middle})">${label(14, Number(middle) + 4, map.rowTitle, { anchor: 'middle', className: 'axis-title' })}</g>`,
    '</svg>',
  ].join('')
}

function shareIn({ least, greatest, isLogarithmic = false }: HeatMap, value: number): number {
  if (greatest <= least) return 0.5
  const scale = isLogarithmic && least > 0 ? scaleLog() : scaleLinear()
  return scale.domain([least, greatest]).range([0, 1])(value)
}
