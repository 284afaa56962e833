/** Areas stacked on each other over time: parts of a whole. */
import { area, curveStepAfter, stack } from 'd3-shape'
import type { Axis } from './axis.ts'
import { framedPlot } from './frame.ts'
import { drawnMarks, type Mark } from './line-plot.ts'
import { color, tooltip } from './svg.ts'

export interface Layer {
  readonly name: string
  /** One per step. */
  readonly values: readonly number[]
  readonly colorIndex?: number
}

export interface AreaPlot {
  readonly title: string
  readonly x: Axis
  readonly y: Axis
  /** Where each step begins; the last one ends with the axis. */
  readonly starts: readonly number[]
  /** From the bottom up. */
  readonly layers: readonly Layer[]
  readonly marks?: readonly Mark[]
}

export function areaPlot({ title, x, y, starts, layers, marks = [] }: AreaPlot): string {
  const colored = layers.map((layer, index) => ({ ...layer, colorIndex: layer.colorIndex ?? index }))
  return framedPlot({ title, x, y, legend: colored }, (places) => {
    // The last step ends with the axis.
    const steps = [...starts.map((_, index) => index), starts.length - 1]
    const shape = area<number>()
      .x((_, place) => places.xOf(starts[place] ?? x.to))
      .curve(curveStepAfter)
      .digits(1)
    const stacked = stack<number, number>()
      .keys(colored.map((_, layer) => layer))
      .value((step, layer) => colored[layer]!.values[step] ?? 0)(steps)
    const drawn = stacked.map((series, layer) => {
      const { name, colorIndex } = colored[layer]!
      shape.y0((_, place) => places.yOf(series[place]![0])).y1((_, place) => places.yOf(series[place]![1]))
      return `<path d="${shape(steps) ?? ''}" fill="${color(colorIndex)}">${tooltip(name)}</path>`
    })
    return drawn.join('') + drawnMarks(marks, places, y)
  })
}
