/** Lines over a common x axis, with marks for what happened on the way. */
import { area as areaShape, line as lineShape } from 'd3-shape'
import type { Axis } from './axis.ts'
import { framedPlot, type Places } from './frame.ts'
import { placeLabels } from './mark-labels.ts'
import { at, color, escapeText, label, markPath, tooltip } from './svg.ts'

export interface Line {
  readonly name: string
  /** NaN where there is no value: the line has a gap there. */
  readonly points: readonly (readonly [x: number, y: number])[]
  /** Half the spread at each point, over seeds: drawn as a band. */
  readonly spreads?: readonly number[]
  /** A bound or a target to compare with. */
  readonly isDashed?: boolean
  readonly colorIndex?: number
  /** The line that the plot is about. */
  readonly isBold?: boolean
}

export interface Mark {
  readonly at: number
  readonly text: string
  /** A few words beside the flag, where there is room for them. */
  readonly label?: string
}

export interface LinePlot {
  readonly title: string
  readonly x: Axis
  readonly y: Axis
  readonly lines: readonly Line[]
  readonly marks?: readonly Mark[]
  /** Points that are runs of their own get a mark, with these words. */
  readonly dotText?: (line: Line, index: number) => string
}

export function linePlot({ title, x, y, lines, marks = [], dotText }: LinePlot): string {
  const colored = lines.map((line, index) => ({ ...line, colorIndex: line.colorIndex ?? index }))
  const isMarked = ({ isDashed = false }: Line) => dotText !== undefined && !isDashed
  const legend = lines.length < 2 ? [] : colored.map((line) => ({ ...line, hasMark: isMarked(line) }))
  return framedPlot({ title, x, y, legend, hasXGrid: true }, (places) => {
    const shape = lineShape<readonly [number, number]>()
      .defined(([, value]) => Number.isFinite(value))
      .x(([value]) => places.xOf(value))
      .y(([, value]) => places.yOf(value))
      .digits(1)
    const drawn = colored.map((line) => {
      const dash = line.isDashed === true ? ' stroke-dasharray="5 3"' : ''
      const width = line.isBold === true ? ' style="stroke-width:4"' : ''
      const d = shape(line.points) ?? ''
      const path = `<path class="line" d="${d}" stroke="${color(line.colorIndex)}"${dash}${width}>${tooltip(line.name)}</path>`
      if (dotText === undefined || !isMarked(line)) return path
      return path + line.points.map((point, index) => dot(point, line, dotText(line, index), places)).join('')
    })
    const bands = colored.map((line) => bandOf(line, places, y))
    return bands.join('') + drawnMarks(marks, places, y) + drawn.join('')
  })
}

function bandOf({ points, spreads = [], colorIndex }: Line & { colorIndex: number }, places: Places, y: Axis): string {
  if (!spreads.some((spread) => spread > 0)) return ''
  const spreadAt = (index: number) => spreads[index] ?? 0
  const shape = areaShape<readonly [number, number]>()
    .defined(([, value]) => Number.isFinite(value))
    .x(([value]) => places.xOf(value))
    .y0(([, value], index) => places.yOf(Math.max(y.from, value - spreadAt(index))))
    .y1(([, value], index) => places.yOf(value + spreadAt(index)))
    .digits(1)
  return `<path class="band" d="${shape(points) ?? ''}" fill="${color(colorIndex)}"/>`
}

/** Flags with lines down to the axis; words beside a flag where they meet no others, and in its tooltip always. */
export function drawnMarks(marks: readonly Mark[], { xOf, yOf }: Places, y: Axis): string {
  const words = placeLabels(marks.map(({ at: value, label: text = '' }) => ({ x: xOf(value), text })))
  return marks
    .map(({ at: value, text }, index) => {
      const x = at(xOf(value))
      const [top, foot] = [at(yOf(y.to)), at(yOf(y.from))]
      return (
        `<g class="mark">${tooltip(text)}<path d="M${x} ${top}V${foot}"/>` +
        `<path class="flag" d="M${at(xOf(value) - 5)} ${at(yOf(y.to) - 7)}h10l-5 7z" aria-label="${escapeText(text)}"/>${words[index]!.map((place) => label(place.x, yOf(y.to) + place.down, place.text, { className: 'mark-label' })).join('')}</g>`
      )
    })
    .join('')
}

function dot([x, y]: readonly [number, number], line: { colorIndex: number }, text: string, places: Places): string {
  if (!Number.isFinite(y)) return ''
  return `<g>${tooltip(text)}${markPath(places.xOf(x), places.yOf(y), line.colorIndex)}</g>`
}
