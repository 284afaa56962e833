/** What a scenario takes from files, read by somebody else: the simulator itself touches no file. */

import type { City } from '../network/cities.ts'
import type { Trace } from '../traces/index.ts'

/** Measured round trips between named places. A pair that was not measured is reckoned from the distance. */
export interface RttTable {
  readonly places: readonly City[]
  /** By row and column of the places; NaN where nothing was measured. */
  readonly rttMs: Float64Array
  /** The same for the throughput of a path, where the table has it. */
  readonly bytesPerS: Float64Array | null
}

/** A trace with the nodes or sites at which requests arrive, where it says so. */
export interface PlacedTrace extends Trace {
  /** Per request the place in `places`; without them requests are dealt out as the scenario says. */
  readonly placeIndexes?: Uint32Array
  /** Ids of nodes or names of sites. */
  readonly places?: readonly string[]
}

export interface ScenarioInputs {
  readonly rttTable?: RttTable
  readonly trace?: PlacedTrace
  /** From `models.file`, for generated requests: the places of the most popular first. */
  readonly models?: Trace['models']
}
