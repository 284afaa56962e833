/** Lines over a common x axis, with marks for what happened on the way. */
import type { Axis } from './axis.ts'
import { framedPlot, type Places } from './frame.ts'
import { at, color, escapeText, tooltip } from './svg.ts'

export interface Line {
  readonly name: string
  /** NaN where there is no value: the line has a gap there. */
  readonly points: readonly (readonly [x: number, y: number])[]
  /** A bound or a target to compare with. */
  readonly isDashed?: boolean
  readonly colorIndex?: number
}

export interface Mark {
  readonly at: number
  readonly text: string
}

export interface LinePlot {
  readonly title: string
  readonly x: Axis
  readonly y: Axis
  readonly lines: readonly Line[]
  readonly marks?: readonly Mark[]
  /** Points that are runs of their own get a dot, with these words. */
  readonly dotText?: (line: Line, index: number) => string
}

export function linePlot({ title, x, y, lines, marks = [], dotText }: LinePlot): string {
  const colored = lines.map((line, index) => ({ ...line, colorIndex: line.colorIndex ?? index }))
  const legend = lines.length < 2 ? [] : colored
  return framedPlot({ title, x, y, legend, hasXGrid: true }, (places) => {
    const drawn = colored.map((line) => {
      const dash = line.isDashed === true ? ' stroke-dasharray="5 3"' : ''
      const path = `<path class="line" d="${pathOf(line.points, places)}" stroke="${color(line.colorIndex)}"${dash}>${tooltip(line.name)}</path>`
      if (dotText === undefined || line.isDashed === true) return path
      return path + line.points.map((point, index) => dot(point, line, dotText(line, index), places)).join('')
    })
    return drawnMarks(marks, places, y) + drawn.join('')
  })
}

export function drawnMarks(marks: readonly Mark[], { xOf, yOf }: Places, y: Axis): string {
  return marks
    .map(({ at: value, text }) => {
      const x = at(xOf(value))
      const [top, foot] = [at(yOf(y.to)), at(yOf(y.from))]
      return (
        `<g class="mark">${tooltip(text)}<path d="M${x} ${top}V${foot}"/>` +
        `<path class="flag" d="M${at(xOf(value) - 5)} ${at(yOf(y.to) - 7)}h10l-5 7z" aria-label="${escapeText(text)}"/></g>`
      )
    })
    .join('')
}

function pathOf(points: readonly (readonly [number, number])[], { xOf, yOf }: Places): string {
  let path = ''
  let isDown = false
  for (const [x, y] of points) {
    if (!Number.isFinite(y)) {
      isDown = false
      continue
    }
    path += `${isDown ? 'L' : 'M'}${at(xOf(x))} ${at(yOf(y))}`
    isDown = true
  }
  return path
}

function dot([x, y]: readonly [number, number], line: { colorIndex: number }, text: string, places: Places): string {
  if (!Number.isFinite(y)) return ''
  return `<circle cx="${at(places.xOf(x))}" cy="${at(places.yOf(y))}" r="4" fill="${color(line.colorIndex)}">${tooltip(text)}</circle>`
}
