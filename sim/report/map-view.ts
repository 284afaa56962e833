/** The part of the world that a map shows: all places with a margin, never so little that no coast is in sight. */

export interface MapView {
  readonly west: number
  readonly east: number
  readonly south: number
  readonly north: number
  readonly width: number
  readonly height: number
  xOf(longitude: number): number
  yOf(latitude: number): number
}

export interface Spot {
  readonly latitude: number
  readonly longitude: number
}

const width = 720
const leastSpan = { longitude: 36, latitude: 18 }
const margin = 0.08
/** Degrees of sea beyond the date line, so that circles there are whole. */
const overhang = 9
/** Higher than wide would not fit a screen; flatter than this would be a strip. */
const [flattest, steepest] = [0.38, 0.62]

export function viewOf(spots: readonly Spot[]): MapView {
  const across = spanOf(
    spots.map(({ longitude }) => longitude),
    leastSpan.longitude,
  )
  const along = spanOf(
    spots.map(({ latitude }) => latitude),
    leastSpan.latitude,
  )
  // One scale for both directions: degrees are squares on this projection.
  const degreesWide = Math.min(360 + 2 * overhang, Math.max(across.span, along.span / steepest))
  const degreesHigh = Math.min(180, Math.max(along.span, degreesWide * flattest))
  const west = placed(across.middle, degreesWide, 180 + overhang)
  const south = placed(along.middle, degreesHigh, 90)
  const perDegree = width / degreesWide
  return {
    west,
    east: west + degreesWide,
    south,
    north: south + degreesHigh,
    width,
    height: degreesHigh * perDegree,
    xOf: (longitude) => (longitude - west) * perDegree,
    yOf: (latitude) => (south + degreesHigh - latitude) * perDegree,
  }
}

function spanOf(values: readonly number[], least: number): { middle: number; span: number } {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  return { middle: (low + high) / 2, span: Math.max(least, (high - low) * (1 + 2 * margin)) }
}

/** Where a window of a span begins, so that it stays within the world. */
function placed(middle: number, span: number, bound: number): number {
  return Math.min(bound - span, Math.max(-bound, middle - span / 2))
}
