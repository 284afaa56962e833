/** Replays a trace through policies by name, and measures how fast by the clock that it is given. */
import type { AnyPolicyName } from '../../placement/index.ts'
import { createPolicyFor } from './policies.ts'
import { type DelaySummary, type ReplayResult, replay, summarize } from './replay.ts'
import type { Trace } from './trace.ts'

export interface ReplayRow extends DelaySummary {
  readonly policy: AnyPolicyName
  readonly requestsPerS: number
  readonly result: ReplayResult
}

/** Replayed before the clock starts: the first requests of a process run uncompiled, and say nothing of the policy. */
const warmUpRequests = 20_000

export interface ReplayCase {
  readonly policy: AnyPolicyName
  readonly trace: Trace
  readonly capacityBytes: number
}

/** `nowMs` is a monotonic clock of the caller. */
export function runReplay({ policy, trace, capacityBytes }: ReplayCase, nowMs: () => number): ReplayRow {
  const beginning = beginningOf(trace)
  replay(createPolicyFor(policy, beginning), beginning, { capacityBytes })
  const fresh = createPolicyFor(policy, trace)
  const startMs = nowMs()
  const result = replay(fresh, trace, { capacityBytes })
  const requestsPerS = result.requestCount / ((nowMs() - startMs) / 1000)
  return { policy, ...summarize(trace, result), requestsPerS, result }
}

function beginningOf({ models, modelIndexes, timesMs }: Trace): Trace {
  return {
    models,
    modelIndexes: modelIndexes.subarray(0, warmUpRequests),
    timesMs: timesMs.subarray(0, warmUpRequests),
  }
}
