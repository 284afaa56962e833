/** No online policy decides by what comes later: another future, the same decisions up to there. */
import { expect, test } from 'vitest'
import { createPrng, evictionPolicyNames } from '../../../common/index.ts'
import { type AnyPolicyName, type EvictionPolicy, oraclePolicyNames } from '../../../placement/index.ts'
import { createPolicyFor } from '../../../sim/traces/policies.ts'
import { replay } from '../../../sim/traces/replay.ts'
import { sumOfSizes, type Trace } from '../../../sim/traces/trace.ts'
import { generateWorkload } from '../../../sim/traces/workload.ts'

const knownCount = 4000
const trace = generateWorkload(createPrng(11), { requestCount: 10_000 })

/** The same requests up to the known ones, then the others in another order, at the same times. */
function withOtherFuture({ models, modelIndexes, timesMs }: Trace, seed: number): Trace {
  const prng = createPrng(seed)
  const shuffled = modelIndexes.slice()
  for (let index = shuffled.length - 1; index > knownCount; index--) {
    const other = knownCount + prng.int(index - knownCount + 1)
    const kept = shuffled[index]!
    shuffled[index] = shuffled[other]!
    shuffled[other] = kept
  }
  return { models, modelIndexes: shuffled, timesMs }
}

/** Every plan made during the known requests. */
function decisionsOf(name: AnyPolicyName, of: Trace): string[] {
  const policy = createPolicyFor(name, of)
  const decisions: string[] = []
  let requestCount = 0
  const watched: EvictionPolicy = {
    name,
    onRequest(model, nowMs) {
      requestCount += 1
      policy.onRequest(model, nowMs)
    },
    onInsert: (item, nowMs) => policy.onInsert(item, nowMs),
    onRemove: (model, nowMs, cause) => policy.onRemove(model, nowMs, cause),
    updateCost: (model, costMs) => policy.updateCost(model, costMs),
    planEviction(request) {
      const plan = policy.planEviction(request)
      if (requestCount <= knownCount) decisions.push(plan.victims.map(({ model }) => model).join(' '))
      return plan
    },
    score: (model, nowMs) => policy.score(model, nowMs),
    checkInvariants: () => policy.checkInvariants(),
  }
  replay(watched, of, { capacityBytes: 0.25 * sumOfSizes(of.models) })
  return decisions
}

test.each(evictionPolicyNames)('%s decides the same whatever comes later', (name) => {
  const decisions = decisionsOf(name, trace)
  expect(decisions.length).toBeGreaterThan(100)
  for (const seed of [1, 2, 3]) expect(decisionsOf(name, withOtherFuture(trace, seed))).toEqual(decisions)
})

test.each(oraclePolicyNames)('%s, which knows the future, does not: the test can tell', (name) => {
  expect(decisionsOf(name, withOtherFuture(trace, 1))).not.toEqual(decisionsOf(name, trace))
})
