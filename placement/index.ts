/**
 * placement/ decides: what to evict, where a request runs, whom to ask for bytes, how much a model is wanted. Plain data in,
 * plans with reasons out. Nothing here reads a clock, draws a number that was not passed in, or imports anything outside.
 */

export * from './admission/admit-request.ts'
export * from './admission/quota-rules.ts'
export * from './cost/copy-gain.ts'
export * from './cost/cost.ts'
export * from './cost/marginal-cost.ts'
export * from './cost/recent-durations.ts'
export * from './demand/gap-demand.ts'
export * from './demand/rate-demand.ts'
export * from './eviction/index.ts'
export * from './eviction/plan-session-evictions.ts'
export * from './replication/handover.ts'
export * from './replication/placement-memory.ts'
export * from './replication/placement-options.ts'
export type * from './replication/placement-view.ts'
export * from './replication/plan-placement.ts'
export * from './replication/replicas.ts'
export * from './routing/attempt.ts'
export * from './routing/cost-parts.ts'
export * from './routing/route.ts'
export type * from './routing/route-view.ts'
export * from './routing/sources.ts'
export * from './scheduling/work-queue.ts'
