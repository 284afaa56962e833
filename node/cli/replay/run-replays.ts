/** Replays a trace through policies by name, and measures how fast. */
import type { AnyPolicyName } from '../../../placement/eviction/index.ts'
import { createPolicyFor } from '../../../sim/policies.ts'
import { type DelaySummary, type ReplayResult, replay, summarize } from '../../../sim/replay.ts'
import type { Trace } from '../../../sim/trace.ts'

export interface ReplayRow extends DelaySummary {
  readonly policy: AnyPolicyName
  readonly requestsPerS: number
  readonly result: ReplayResult
}

export function runReplay(policy: AnyPolicyName, trace: Trace, capacityBytes: number): ReplayRow {
  const fresh = createPolicyFor(policy, trace)
  const startMs = performance.now()
  const result = replay(fresh, trace, { capacityBytes })
  const requestsPerS = result.requestCount / ((performance.now() - startMs) / 1000)
  return { policy, ...summarize(trace, result), requestsPerS, result }
}
