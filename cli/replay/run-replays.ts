/** Replays a trace through policies by name, and measures how fast. */
import type { AnyPolicyName } from '../../placement/eviction/index.ts'
import { createPolicyFor } from '../../sim/traces/policies.ts'
import { type DelaySummary, type ReplayResult, replay, summarize } from '../../sim/traces/replay.ts'
import type { Trace } from '../../sim/traces/trace.ts'

export interface ReplayRow extends DelaySummary {
  readonly policy: AnyPolicyName
  readonly requestsPerS: number
  readonly result: ReplayResult
}

/** Replayed before the clock starts: the first requests of a process run uncompiled, and say nothing of the policy. */
const warmUpRequests = 20_000

export function runReplay(policy: AnyPolicyName, trace: Trace, capacityBytes: number): ReplayRow {
  const beginning = beginningOf(trace)
  replay(createPolicyFor(policy, beginning), beginning, { capacityBytes })
  const fresh = createPolicyFor(policy, trace)
  const startMs = performance.now()
  const result = replay(fresh, trace, { capacityBytes })
  const requestsPerS = result.requestCount / ((performance.now() - startMs) / 1000)
  return { policy, ...summarize(trace, result), requestsPerS, result }
}

function beginningOf({ models, modelIndexes, timesMs }: Trace): Trace {
  return {
    models,
    modelIndexes: modelIndexes.subarray(0, warmUpRequests),
    timesMs: timesMs.subarray(0, warmUpRequests),
  }
}
