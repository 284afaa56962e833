/**
 * Replays a list of requests through an eviction policy and one cache of a fixed size: evict until the model fits, then insert;
 * everything is admitted; a hit changes no size.
 */
import type { EvictionPolicy, ModelId } from '../../placement/index.ts'

export interface ReplayRequest {
  readonly nowMs: number
  readonly model: ModelId
  readonly sizeBytes: number
  readonly missCostMs: number
}

export interface ReplayResult {
  readonly missCount: number
  readonly missBytes: number
  readonly missCostMs: number
  readonly evictionCount: number
  readonly requestsPerS: number
}

const always = () => true

export function replay(
  policy: EvictionPolicy,
  requests: readonly ReplayRequest[],
  capacityBytes: number,
): ReplayResult {
  const resident = new Set<ModelId>()
  let usedBytes = 0
  let missCount = 0
  let missBytes = 0
  let missCostMs = 0
  let evictionCount = 0
  const startMs = performance.now()
  for (const request of requests) {
    const { model, sizeBytes, nowMs } = request
    policy.onRequest(model, nowMs)
    if (resident.has(model)) continue
    missCount += 1
    missBytes += sizeBytes
    missCostMs += request.missCostMs
    if (usedBytes + sizeBytes > capacityBytes) {
      const neededBytes = usedBytes + sizeBytes - capacityBytes
      const plan = policy.planEviction({ neededBytes, nowMs, mayEvict: always })
      if (!plan.enough) continue // larger than the cache
      for (const victim of plan.victims) {
        policy.onRemove(victim.model, nowMs)
        resident.delete(victim.model)
      }
      usedBytes -= plan.freedBytes
      evictionCount += plan.victims.length
    }
    policy.onInsert(request, nowMs)
    resident.add(model)
    usedBytes += sizeBytes
  }
  const requestsPerS = requests.length / ((performance.now() - startMs) / 1000)
  policy.checkInvariants()
  return { missCount, missBytes, missCostMs, evictionCount, requestsPerS }
}
