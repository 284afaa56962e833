/**
 * Replays a trace through an eviction policy and one memory: what would have been missed, and what waited for loads.
 *
 * Requests come in the order of arrival and take no time. A request is reported to the policy before the decision that it
 * causes. On a miss the policy plans until enough is free; then only those victims are taken, largest first, that are needed
 * (`onlyNeeded`; the rule of the published figures for models), and the model is loaded. A model larger than the memory is
 * loaded for its request and not kept. A hit changes nothing but what the policy remembers. The delay of a request is the load
 * time of its model when it misses, otherwise nothing.
 *
 * Policies know models by an id that sorts like the model's place in the trace, so that ties by id are ties by place.
 */
import { assertInvariant } from '../../common/index.ts'
import type { EvictionPlan, EvictionPolicy, Victim } from '../../placement/index.ts'
import type { Trace } from './trace.ts'

export interface ReplayOptions {
  readonly capacityBytes: number
  /** False: every planned victim goes, as in the published figures of block caches. */
  readonly onlyNeeded?: boolean
}

export interface ReplayResult {
  readonly requestCount: number
  readonly missCount: number
  readonly missBytes: number
  readonly evictionCount: number
  /** Sum over all misses. */
  readonly loadMs: number
  readonly missCountByModel: Uint32Array
}

const always = () => true

export function replay(policy: EvictionPolicy, trace: Trace, options: ReplayOptions): ReplayResult {
  const { models, modelIndexes, timesMs } = trace
  const { capacityBytes, onlyNeeded = true } = options
  const ids = idsOf(models.length)
  const places = new Map(ids.map((id, index) => [id, index]))
  const isResident = new Uint8Array(models.length)
  const missCountByModel = new Uint32Array(models.length)
  let usedBytes = 0
  let evictionCount = 0
  for (let index = 0; index < modelIndexes.length; index++) {
    const place = modelIndexes[index]!
    const nowMs = timesMs[index]!
    const model = ids[place]!
    policy.onRequest(model, nowMs)
    if (isResident[place] === 1) continue
    missCountByModel[place]! += 1
    const { sizeBytes, loadMs } = models[place]!
    if (sizeBytes > capacityBytes) continue
    const neededBytes = usedBytes + sizeBytes - capacityBytes
    if (neededBytes > 0) {
      for (const victim of victimsOf(
        policy.planEviction({ neededBytes, nowMs, mayEvict: always }),
        neededBytes,
        onlyNeeded,
      )) {
        policy.onRemove(victim.model, nowMs, 'evicted')
        isResident[places.get(victim.model)!] = 0
        usedBytes -= victim.sizeBytes
        evictionCount += 1
      }
    }
    policy.onInsert({ model, sizeBytes, missCostMs: loadMs }, nowMs)
    isResident[place] = 1
    usedBytes += sizeBytes
    assertInvariant(usedBytes <= capacityBytes, `${usedBytes} bytes are resident, ${capacityBytes} fit`)
  }
  policy.checkInvariants()
  checkResidents(policy, trace, isResident, usedBytes)
  return { ...totalsOf(trace, missCountByModel), evictionCount }
}

/** The ids by which policies know the models of a trace. */
export function idsOf(count: number): string[] {
  const digits = String(Math.max(0, count - 1)).length
  return Array.from({ length: count }, (_, index) => String(index).padStart(digits, '0'))
}

export interface DelaySummary {
  readonly missPercent: number
  readonly meanLoadDelayS: number
  /** 99 of 100 requests waited no longer. */
  readonly p99LoadDelayS: number
}

export function summarize(trace: Trace, result: ReplayResult): DelaySummary {
  const count = Math.max(1, result.requestCount)
  return {
    missPercent: (100 * result.missCount) / count,
    meanLoadDelayS: result.loadMs / 1000 / count,
    p99LoadDelayS: delayQuantileMs(trace, result, 0.99) / 1000,
  }
}

/** Nearest rank over all requests, hits included. */
export function delayQuantileMs({ models }: Trace, result: ReplayResult, quantile: number): number {
  if (result.requestCount === 0) return 0
  const longerCount = result.requestCount - Math.max(1, Math.ceil(quantile * result.requestCount))
  const places = models.map((_, place) => place).sort((a, b) => models[b]!.loadMs - models[a]!.loadMs)
  let count = 0
  for (const place of places) {
    count += result.missCountByModel[place]!
    if (count > longerCount) return models[place]!.loadMs
  }
  return 0
}

function victimsOf({ victims, enough }: EvictionPlan, neededBytes: number, onlyNeeded: boolean): readonly Victim[] {
  assertInvariant(enough, `a plan frees less than the ${neededBytes} bytes that can be freed`)
  if (!onlyNeeded || victims.length < 2) return victims
  const needed = new Set<Victim>()
  let freedBytes = 0
  for (const victim of victims.toSorted((left, right) => right.sizeBytes - left.sizeBytes)) {
    if (freedBytes >= neededBytes) break
    needed.add(victim)
    freedBytes += victim.sizeBytes
  }
  // In the order of the plan, in which policies expect to see them go.
  return victims.filter((victim) => needed.has(victim))
}

function totalsOf({ models, modelIndexes }: Trace, missCountByModel: Uint32Array) {
  let [missCount, missBytes, loadMs] = [0, 0, 0]
  missCountByModel.forEach((count, place) => {
    missCount += count
    missBytes += count * models[place]!.sizeBytes
    loadMs += count * models[place]!.loadMs
  })
  return { requestCount: modelIndexes.length, missCount, missBytes, loadMs, missCountByModel }
}

/** The policy, the replay and the sum of sizes agree on what is resident at the end. */
function checkResidents(policy: EvictionPolicy, { models, timesMs }: Trace, isResident: Uint8Array, usedBytes: number) {
  let bytes = 0
  const nowMs = timesMs.at(-1) ?? 0
  idsOf(models.length).forEach((id, place) => {
    const isKnown = policy.score(id, nowMs) !== null
    assertInvariant(isKnown === (isResident[place] === 1), `the policy and the replay differ on model ${id}`)
    if (isKnown) bytes += models[place]!.sizeBytes
  })
  assertInvariant(bytes === usedBytes, `resident models have ${bytes} bytes, not ${usedBytes}`)
}
