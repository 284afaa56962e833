/** Places for the words of flags: beside the flag, in the first of some rows where they meet no others. */
import { plotRight } from './frame.ts'

export interface PlacedLabel {
  readonly x: number
  /** From the top of the plot. */
  readonly down: number
  readonly text: string
}

/** Above the plot beside the flags, then within it. */
const rowsDown = [-1, 11, 22]
const letterWidth = 5.2
const gap = 7
const lettersMax = 26

/** None or one for each flag, in order; flags come in order of their place. One without room has its tooltip alone. */
export function placeLabels(flags: readonly { readonly x: number; readonly text: string }[]): PlacedLabel[][] {
  const ends = rowsDown.map(() => Number.NEGATIVE_INFINITY)
  return flags.map(({ x, text }, index) => {
    if (text === '') return []
    const shown = text.length > lettersMax ? `${text.slice(0, lettersMax - 1)}…` : text
    const width = shown.length * letterWidth
    // At the right end the words stand before their flag.
    const start = x + gap + width <= plotRight ? x + gap : x - gap - width
    const row = ends.findIndex(
      (end, place) => start >= end && (place > 0 || isClear(flags, index, start, start + width)),
    )
    if (row < 0) return []
    ends[row] = start + width + gap
    return [{ x: start, down: rowsDown[row]!, text: shown }]
  })
}

/** The flags stand in the first row too. */
function isClear(flags: readonly { readonly x: number }[], own: number, from: number, to: number): boolean {
  return flags.every(({ x }, index) => index === own || x + gap <= from || x - gap >= to)
}
