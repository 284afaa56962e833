/** Areas stacked on each other over time: parts of a whole. */
import type { Axis } from './axis.ts'
import { framedPlot } from './frame.ts'
import { drawnMarks, type Mark } from './line-plot.ts'
import { at, color, tooltip } from './svg.ts'

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
    const { xOf, yOf } = places
    let floor = starts.map(() => 0)
    const drawn = colored.map(({ name, values, colorIndex }) => {
      const ceiling = floor.map((below, index) => below + (values[index] ?? 0))
      const steps = (heights: readonly number[]) =>
        starts.flatMap((start, index) => {
          const y = at(yOf(heights[index]!))
          return [`${at(xOf(start))} ${y}`, `${at(xOf(starts[index + 1] ?? x.to))} ${y}`]
        })
      const path = `M${steps(ceiling).join('L')}L${steps(floor).reverse().join('L')}Z`
      floor = ceiling
      return `<path d="${path}" fill="${color(colorIndex)}">${tooltip(name)}</path>`
    })
    return drawn.join('') + drawnMarks(marks, places, y)
  })
}
