/** Bars side by side, one per name; several series stand beside each other within the place of a name. */
import { scaleBand } from 'd3-scale'
import { type Axis, namesAxis } from './axis.ts'
import { framedPlot } from './frame.ts'
import { at, color, label, tooltip } from './svg.ts'

export interface BarSeries {
  readonly name: string
  readonly values: readonly number[]
}

export interface BarPlot {
  readonly title: string
  readonly xTitle: string
  readonly names: readonly string[]
  readonly y: Axis
  readonly series: readonly BarSeries[]
  readonly format: (value: number) => string
  /** Further words of a bar's tooltip. */
  readonly more?: (index: number, series: number) => string
}

export function barPlot({ title, xTitle, names, y, series, format, more }: BarPlot): string {
  const legend = series.length < 2 ? [] : series.map(({ name }, index) => ({ name, colorIndex: index }))
  return framedPlot({ title, x: namesAxis(xTitle, names), y, legend }, ({ xOf, yOf }) => {
    const place = scaleBand<number>()
      .domain(names.map((_, index) => index))
      .range([xOf(0), xOf(names.length)])
      .paddingInner(0.24)
      .paddingOuter(0.12)
    const row = scaleBand<number>()
      .domain(series.map((_, index) => index))
      .range([0, place.bandwidth()])
    return series
      .map(({ name, values }, line) =>
        values
          .map((value, index) => {
            if (!Number.isFinite(value)) return ''
            const x0 = place(index)! + row(line)!
            const x1 = x0 + row.bandwidth()
            const top = yOf(value)
            const words = [
              names[index]!,
              ...(series.length > 1 ? [name] : []),
              format(value),
              more?.(index, line) ?? '',
            ]
            const bar = `<rect x="${at(x0 + 0.5)}" width="${at(Math.max(1, x1 - x0 - 1))}" y="${at(top)}" height="${at(yOf(0) - top)}" fill="${color(line)}">${tooltip(words.filter((word) => word !== '').join(', '))}</rect>`
            const isRoomy = x1 - x0 > 6.9 * format(value).length
            const middle = (x0 + x1) / 2
            const text = isRoomy ? label(middle, top - 4, format(value), { anchor: 'middle' }) : ''
            return bar + text
          })
          .join(''),
      )
      .join('')
  })
}

export interface RowBar {
  readonly name: string
  readonly value: number
  readonly colorIndex?: number
  /** Half the spread, drawn as a whisker. */
  readonly spread?: number
}

/** Bars under each other, for names that are long; the value stands at the end of its bar. */
export function rowBars(title: string, rows: readonly RowBar[], format: (value: number) => string): string {
  const width = 520
  const rowHeight = 26
  const left = 16 + Math.min(30, Math.max(4, ...rows.map(({ name }) => name.length))) * 6.9
  const valueWidth = Math.max(...rows.map(({ value }) => format(value).length), 1) * 6.9 + 16
  const valued = rows.filter(({ value }) => Number.isFinite(value))
  const greatest = Math.max(...valued.map(({ value, spread = 0 }) => value + spread), 0) || 1
  const drawn = rows.map(({ name, value, colorIndex = 0, spread = 0 }, index) => {
    const y = 34 + index * rowHeight
    // No answer, no delay: a name without a bar.
    if (!Number.isFinite(value))
      return label(left - 8, y + 15, shortened(name), { anchor: 'end' }) + label(left + 6, y + 15, '-')
    const perUnit = (width - left - valueWidth) / greatest
    const length = value * perUnit
    const [from, to] = [left + Math.max(0, value - spread) * perUnit, left + (value + spread) * perUnit]
    const whisker = spread > 0 ? `<path class="whisker" d="M${at(from)} ${y + 10}H${at(to)}"/>` : ''
    return (
      label(left - 8, y + 15, shortened(name), { anchor: 'end' }) +
      `<rect x="${at(left)}" y="${y}" width="${at(Math.max(value > 0 ? 1 : 0, length))}" height="20" fill="${color(colorIndex)}">${tooltip(`${name}: ${format(value)}`)}</rect>` +
      whisker +
      label(left + (value + spread) * perUnit + 6, y + 15, format(value))
    )
  })
  const none = rows.length === 0 ? label(8, 50, 'none') : ''
  const height = 44 + Math.max(1, rows.length) * rowHeight
  const name = label(8, 18, title, { className: 'title' })
  return `<svg viewBox="0 0 ${width} ${height}" role="img">${name}${none}${drawn.join('')}</svg>`
}

function shortened(name: string): string {
  return name.length > 30 ? `${name.slice(0, 29)}…` : name
}
