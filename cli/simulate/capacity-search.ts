/**
 * The least place of a grid at which a target is met, in few measurements: five over the whole grid, then two at a time between
 * the greatest that misses and the least from which on all that were measured meet. What is measured need not be monotone (a run
 * is a draw); the answer is the cautious one, and says when a smaller place met the target too.
 */

export interface Measured {
  readonly place: number
  readonly value: number
  readonly isMet: boolean
}

export interface SearchAnswer {
  /** null when not even the greatest place meets the target. */
  readonly place: number | null
  /** By place. */
  readonly measured: readonly Measured[]
  /** Places below the answer that met the target, though one between missed it. */
  readonly metBelow: readonly number[]
}

export interface SearchOptions {
  readonly placeCount: number
  /** Measures some places at one time. */
  readonly measure: (places: readonly number[]) => Promise<readonly Measured[]>
}

/** Enough to see a bend, few enough to wait for. */
const firstCount = 5

export async function searchCapacity({ placeCount, measure }: SearchOptions): Promise<SearchAnswer> {
  const known = new Map<number, Measured>()
  const look = async (places: readonly number[]): Promise<void> => {
    const fresh = [...new Set(places)].filter((place) => !known.has(place))
    for (const measured of await measure(fresh)) known.set(measured.place, measured)
  }
  await look(
    Array.from({ length: firstCount }, (_, index) => Math.round((index * (placeCount - 1)) / (firstCount - 1))),
  )
  for (let gap = gapOf(known); gap !== null; gap = gapOf(known)) await look(between(gap))
  const measured = sorted(known)
  const { met } = edgesOf(measured)
  return {
    place: met,
    measured,
    metBelow: met === null ? [] : measured.filter(({ place, isMet }) => isMet && place < met).map(({ place }) => place),
  }
}

interface Gap {
  readonly missed: number
  readonly met: number
}

/** Between the greatest place that misses and the next one, which meets; null when nothing lies between. */
function gapOf(known: ReadonlyMap<number, Measured>): Gap | null {
  const { missed, met } = edgesOf(sorted(known))
  return met === null || missed === null || met - missed < 2 ? null : { missed, met }
}

function edgesOf(measured: readonly Measured[]): { missed: number | null; met: number | null } {
  const lastMissed = measured.findLastIndex(({ isMet }) => !isMet)
  return { missed: measured[lastMissed]?.place ?? null, met: measured[lastMissed + 1]?.place ?? null }
}

function between({ missed, met }: Gap): number[] {
  const third = (met - missed) / 3
  return [missed + third, met - third].map((place) => Math.min(met - 1, Math.max(missed + 1, Math.round(place))))
}

function sorted(known: ReadonlyMap<number, Measured>): Measured[] {
  return [...known.values()].sort((left, right) => left.place - right.place)
}
