/**
 * placement/ decides: what to evict, where a request runs, whom to ask for bytes, how much a model is wanted. Plain data in,
 * plans with reasons out. Nothing here reads a clock, draws a number that was not passed in, or imports anything outside.
 */
export * from './copy-gain.ts'
export * from './cost.ts'
export * from './demand.ts'
export * from './errors.ts'
export * from './eviction/index.ts'
export * from './handover.ts'
export * from './marginal-cost.ts'
export * from './placement-memory.ts'
export * from './placement-options.ts'
export type * from './placement-view.ts'
export * from './plan-placement.ts'
export * from './prng.ts'
export * from './rendezvous.ts'
export * from './replicas.ts'
export * from './return-estimator.ts'
export * from './route.ts'
export * from './sources.ts'
export type * from './types.ts'
