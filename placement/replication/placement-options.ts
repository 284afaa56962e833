/** How eagerly models are copied, prefetched and shed. */
export interface PlacementOptions {
  /**
   * How long demand is taken to last as it is: a copy is worth what it saves in this time. Ten minutes, twice the shortest
   * half-life of the demand estimate: what a burst promises for longer than that it mostly does not keep.
   */
  readonly horizonS: number
  /** What a copy must save beyond what it costs, in percent: estimates of demand and distance are no better than that. */
  readonly marginPercent: number
  /** The same for a prefetch that displaces something: it rests on a forecast where what it displaces is known. */
  readonly prefetchMarginPercent: number
  /** A copy that came less than this ago is not shed or displaced by another copy, and one that went is not made again. */
  readonly settleMs: number
  /** Copies begun in one round, so that one wrong estimate moves little and the uplink is not taken from requests. */
  readonly copiesMax: number
  /** Part of a tier that prefetches leave free, in percent, so that the next miss need not evict. */
  readonly reservePercent: number
  /** Replicas that are asked for less often than this may be shed: once an hour. */
  readonly shedRatePerS: number
  /** Round trip assumed to a copy that is just arriving in the zone. */
  readonly nearForwardMs: number
  /** Weight of the time that a transfer takes against the time that a request waits, in percent: they share the same links. */
  readonly transferWeightPercent: number
  /** A node that was not reachable for less than this still counts as keeping its replicas: most are back after a restart. */
  readonly graceMs: number
}

export const defaultPlacementOptions: PlacementOptions = {
  horizonS: 600,
  marginPercent: 25,
  prefetchMarginPercent: 100,
  settleMs: 120_000,
  copiesMax: 4,
  reservePercent: 5,
  shedRatePerS: 1 / 3600,
  nearForwardMs: 2,
  transferWeightPercent: 100,
  graceMs: 60_000,
}
