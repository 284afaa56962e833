/** The part of the world that a map shows: all places with a margin, never so little that no coast is in sight. */
import { type GeoProjection, geoEquirectangular } from 'd3-geo'

export interface MapView {
  readonly projection: GeoProjection
  readonly width: number
  readonly height: number
  /** What it shows from west to east. */
  readonly degreesWide: number
}

export interface Spot {
  readonly latitude: number
  readonly longitude: number
}

const width = 720
const leastSpan = { longitude: 36, latitude: 18 }
const margin = 0.08
/** Higher than wide would not fit a screen; flatter than this would be a strip. */
const [flattest, steepest] = [0.38, 0.62]

export function viewOf(spots: readonly Spot[]): MapView {
  const middle = middleOf(spots.map(({ longitude }) => longitude))
  const across = spanOf(
    spots.map(({ longitude }) => offsetFrom(middle, longitude)),
    leastSpan.longitude,
  )
  const along = spanOf(
    spots.map(({ latitude }) => latitude),
    leastSpan.latitude,
  )
  // One scale for both directions: degrees are squares on this projection.
  const degreesWide = Math.min(360, Math.max(across.span, along.span / steepest))
  const degreesHigh = Math.min(180, Math.max(along.span, degreesWide * flattest))
  const perDegree = width / degreesWide
  const height = degreesHigh * perDegree
  const latitude = Math.min(90 - degreesHigh / 2, Math.max(degreesHigh / 2 - 90, along.middle))
  const projection = geoEquirectangular()
    .rotate([-(middle + across.middle), 0])
    .center([0, latitude])
    .scale((perDegree * 180) / Math.PI)
    .translate([width / 2, height / 2])
    .clipExtent([
      [0, 0],
      [width, height],
    ])
  return { projection, width, height, degreesWide }
}

/** The longitude opposite the widest gap between places: those on both sides of the date line are near each other. */
function middleOf(longitudes: readonly number[]): number {
  const sorted = [...longitudes].sort((left, right) => left - right)
  let widest = { gap: sorted[0]! + 360 - sorted.at(-1)!, from: sorted.at(-1)! }
  for (let index = 1; index < sorted.length; index += 1) {
    const gap = sorted[index]! - sorted[index - 1]!
    if (gap > widest.gap) widest = { gap, from: sorted[index - 1]! }
  }
  return widest.from + widest.gap / 2 + 180
}

/** Degrees east of `middle`, from -180 to 180. */
function offsetFrom(middle: number, longitude: number): number {
  return ((((longitude - middle + 180) % 360) + 360) % 360) - 180
}

function spanOf(values: readonly number[], least: number): { middle: number; span: number } {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  return { middle: (low + high) / 2, span: Math.max(least, (high - low) * (1 + 2 * margin)) }
}
