/**
 * How a worker process gets at a model's bytes. The real opener maps them from the store of this machine (store-weights.ts);
 * any module with the same export can take its place, named by URL, as functions do not travel to another process.
 */

export interface WeightsLease {
  /** Read-only, and possibly shared with other processes: valid until close(). */
  readonly bytes: Uint8Array
  close(): void
}

export interface OpenWeights {
  /** UNKNOWN_MODEL when there is no such model, NOT_RUNNABLE when it has no file to run. */
  open(digest: string): Promise<WeightsLease>
}

/** What the module of an opener exports. `source` is the option `socketPath`. */
export interface OpenWeightsModule {
  createOpenWeights(source: string): OpenWeights | Promise<OpenWeights>
}
