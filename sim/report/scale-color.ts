/** Colours of a scale, from dark violet (low) over green to yellow (high): told apart in grey and by colour-blind eyes (viridis). */

const stops = [
  [68, 1, 84],
  [65, 68, 135],
  [42, 120, 142],
  [34, 168, 132],
  [122, 209, 81],
  [253, 231, 37],
] as const

export function scaleColor(share: number): string {
  return `rgb(${mixed(share).map(Math.round).join(',')})`
}

/** Black or white, whichever is read better on the colour. */
export function inkOn(share: number): string {
  const [red, green, blue] = mixed(share) as [number, number, number]
  return 0.299 * red + 0.587 * green + 0.114 * blue > 128 ? '#000' : '#fff'
}

export function scaleGradient(id: string): string {
  const marks = stops.map((_, index) => {
    const share = index / (stops.length - 1)
    return `<stop offset="${share}" stop-color="${scaleColor(share)}"/>`
  })
  return `<linearGradient id="${id}">${marks.join('')}</linearGradient>`
}

function mixed(share: number): number[] {
  const place = Math.min(1, Math.max(0, Number.isFinite(share) ? share : 0)) * (stops.length - 1)
  const index = Math.min(stops.length - 2, Math.floor(place))
  return stops[index]!.map((from, part) => from + (place - index) * (stops[index + 1]![part]! - from))
}
