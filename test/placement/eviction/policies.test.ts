/** What every eviction policy must do, and that each one decides as its definition says. */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { evictionPolicyNames } from '../../../common/index.ts'
import {
  type AnyPolicyName,
  createEvictionPolicy,
  createOraclePolicy,
  type EvictionPlan,
  type EvictionPolicy,
  type FutureView,
  isEvictionPolicyName,
  isOraclePolicyName,
  oraclePolicyNames,
} from '../../../placement/index.ts'
import { NaivePolicy, naivePolicyNames } from '../../support/naive-eviction.ts'

type Step =
  | { readonly kind: 'request' | 'insert' | 'drop'; readonly model: number; readonly gapMs: number }
  | { readonly kind: 'cost'; readonly model: number; readonly gapMs: number; readonly missCostMs: number }
  | {
      readonly kind: 'make-room'
      readonly gapMs: number
      readonly neededBytes: number
      readonly forbidden: readonly number[]
    }

const modelCount = 12
const sizeOf = (model: number) => 50 + ((model * 37) % 100)
const costOf = (model: number) => 100 + ((model * 613) % 700)
const anyModel = fc.nat(modelCount - 1)
/** From the same instant to beyond the longest half-life. */
const anyGap = fc.oneof(fc.constant(0), fc.nat(1000), fc.nat(600_000), fc.nat(48 * 3_600_000))
const anyCost = fc.oneof(fc.nat(1000), fc.constant(0), fc.constant(Number.POSITIVE_INFINITY))
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('request'), model: anyModel, gapMs: anyGap }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('insert'), model: anyModel, gapMs: anyGap }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drop'), model: anyModel, gapMs: anyGap }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('cost'), model: anyModel, gapMs: anyGap, missCostMs: anyCost }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('make-room'),
      gapMs: anyGap,
      neededBytes: fc.nat(600),
      forbidden: fc.array(anyModel, { maxLength: 4 }),
    }),
  },
) as fc.Arbitrary<Step>

/** Runs the steps; `onPlan` sees each plan before it is carried out. */
function run(
  steps: readonly Step[],
  policies: readonly (EvictionPolicy | NaivePolicy)[],
  onPlan: (request: { neededBytes: number; nowMs: number; mayEvict: (model: string) => boolean }) => readonly string[],
): Map<string, number> {
  const residentBytes = new Map<string, number>()
  let nowMs = 5_000_000
  for (const step of steps) {
    nowMs += step.gapMs
    if (step.kind === 'make-room') {
      const forbidden = new Set(step.forbidden.map((model) => `m${model}`))
      const victims = onPlan({ neededBytes: step.neededBytes, nowMs, mayEvict: (model) => !forbidden.has(model) })
      for (const victim of victims) {
        residentBytes.delete(victim)
        for (const policy of policies) policy.onRemove(victim, nowMs, 'evicted')
      }
      continue
    }
    const model = `m${step.model}`
    for (const policy of policies) {
      switch (step.kind) {
        case 'request':
          policy.onRequest(model, nowMs)
          break
        case 'insert':
          policy.onInsert({ model, sizeBytes: sizeOf(step.model), missCostMs: costOf(step.model) }, nowMs)
          break
        case 'drop':
          policy.onRemove(model, nowMs, 'dropped')
          break
        case 'cost':
          policy.updateCost(model, step.missCostMs)
      }
    }
    if (step.kind === 'insert') residentBytes.set(model, sizeOf(step.model))
    if (step.kind === 'drop') residentBytes.delete(model)
  }
  return residentBytes
}

const modelsOf = (plan: EvictionPlan) => plan.victims.map(({ model }) => model)

/** What an oracle knows of these steps. */
function futureOf(steps: readonly Step[]): FutureView {
  const requested = steps.flatMap((step) => (step.kind === 'request' ? [step.model] : []))
  return {
    nextRequestIndex(index) {
      const found = requested.indexOf(requested[index]!, index + 1)
      return found < 0 ? Number.POSITIVE_INFINITY : found
    },
  }
}

function create(name: AnyPolicyName, steps: readonly Step[]): EvictionPolicy {
  return isOraclePolicyName(name) ? createOraclePolicy(name, futureOf(steps)) : createEvictionPolicy(name)
}

/** Its plans without their bound, which bounded-loss.test.ts holds. */
const boundless = () => createEvictionPolicy('holdfast', { lossFactorMax: Number.POSITIVE_INFINITY })

describe.each(naivePolicyNames)('%s', (name) => {
  test('decides as its definition does, over any history', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 80 }), (steps) => {
        const policy = name === 'holdfast' ? boundless() : create(name, steps)
        const naive = new NaivePolicy(name, futureOf(steps))
        run(steps, [policy, naive], (request) => {
          const victims = modelsOf(policy.planEviction(request))
          expect(victims).toEqual(naive.planEviction(request))
          return victims
        })
      }),
      { numRuns: 300 },
    )
  })
})

describe.each([...evictionPolicyNames, ...oraclePolicyNames])('%s', (name) => {
  test('frees enough whenever that is possible, and never by what may not be evicted', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 60 }), (steps) => {
        const policy = create(name, steps)
        const residentBytes = new Map<string, number>()
        run(steps, [policy, mirrorOf(residentBytes)], (request) => {
          const plan = policy.planEviction(request)
          const models = modelsOf(plan)
          expect(models.every(request.mayEvict)).toBe(true)
          expect(new Set(models).size).toBe(models.length)
          const bytesOf = (list: readonly string[]) => list.reduce((sum, model) => sum + residentBytes.get(model)!, 0)
          expect(plan.freedBytes).toBe(bytesOf(models))
          const evictable = [...residentBytes.keys()].filter(request.mayEvict)
          expect(plan.enough).toBe(bytesOf(evictable) >= request.neededBytes)
          expect(plan.freedBytes >= request.neededBytes).toBe(plan.enough)
          return models
        })
      }),
    )
  })

  test('plans without changing anything that a later plan depends on', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 60 }), (steps) => {
        const policy = create(name, steps)
        run(steps, [policy], (request) => {
          const plan = policy.planEviction(request)
          policy.planEviction({ ...request, neededBytes: 1e9 })
          expect(policy.planEviction(request)).toEqual(plan)
          policy.checkInvariants()
          return modelsOf(plan)
        })
      }),
    )
  })

  test('keeps its totals, knows its residents, and scores them as it plans', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 60 }), (steps) => {
        const policy = create(name, steps)
        const residentBytes = run(steps, [policy], (request) => {
          const { victims } = policy.planEviction(request)
          for (const { model, score } of victims) expect(policy.score(model, request.nowMs)?.score).toBe(score)
          const scores = victims.map(({ score }) => score)
          expect(scores).toEqual(scores.toSorted((left, right) => left - right))
          return victims.map(({ model }) => model)
        })
        policy.checkInvariants()
        for (let model = 0; model < modelCount; model++) {
          const score = policy.score(`m${model}`, 1e12)
          expect(score !== null).toBe(residentBytes.has(`m${model}`))
          if (score !== null) expect(score.parts).toMatchObject({ sizeBytes: residentBytes.get(`m${model}`) })
        }
      }),
    )
  })

  test('treats a second insert as a change of size and cost, not as a new model', () => {
    const policy = create(name, [])
    for (const model of ['a', 'b']) policy.onInsert({ model, sizeBytes: 10, missCostMs: 10 }, 0)
    policy.onInsert({ model: 'a', sizeBytes: 11, missCostMs: 11 }, 4)
    const plan = policy.planEviction({ neededBytes: 21, nowMs: 4, mayEvict: () => true })
    expect(plan).toMatchObject({ freedBytes: 21, enough: true })
    expect(plan.victims.toSorted((left, right) => (left.model < right.model ? -1 : 1))).toMatchObject([
      { model: 'a', sizeBytes: 11 },
      { model: 'b', sizeBytes: 10 },
    ])
    policy.checkInvariants()
  })

  test('needs nobody when nothing is needed, and has nobody when it is empty', () => {
    const policy = create(name, [])
    const ask = (neededBytes: number) => policy.planEviction({ neededBytes, nowMs: 0, mayEvict: () => true })
    expect(ask(1)).toEqual({ victims: [], freedBytes: 0, enough: false })
    policy.onInsert({ model: 'a', sizeBytes: 10, missCostMs: 10 }, 0)
    expect(ask(0)).toEqual({ victims: [], freedBytes: 0, enough: true })
    expect(ask(11)).toMatchObject({ victims: [{ model: 'a' }], freedBytes: 10, enough: false })
  })

  test('counts bytes beyond 2^32', () => {
    const policy = create(name, [])
    for (const model of ['a', 'b', 'c']) policy.onInsert({ model, sizeBytes: 2 ** 40, missCostMs: 1 }, 0)
    const plan = policy.planEviction({ neededBytes: 2 ** 40 + 1, nowMs: 1, mayEvict: (model) => model !== 'a' })
    expect(plan).toMatchObject({ freedBytes: 2 ** 41, enough: true })
    expect(modelsOf(plan).toSorted()).toEqual(['b', 'c'])
  })

  test('ignores what it does not know', () => {
    const policy = create(name, [])
    policy.onRemove('nobody', 0)
    policy.updateCost('nobody', 1)
    if (!isOraclePolicyName(name)) policy.onRequest('nobody', 0)
    expect(policy.score('nobody', 0)).toBeNull()
    policy.checkInvariants()
  })
})

test('a name from outside is checked against the registry', () => {
  expect(evictionPolicyNames.every(isEvictionPolicyName)).toBe(true)
  expect(['', 'LRU', 'toString', ...oraclePolicyNames].some(isEvictionPolicyName)).toBe(false)
  expect(oraclePolicyNames.every(isOraclePolicyName)).toBe(true)
})

/** Follows the inserts and removals of a run, as plain data. */
function mirrorOf(residentBytes: Map<string, number>): NaivePolicy {
  return new (class extends NaivePolicy {
    override onInsert(item: { model: string; sizeBytes: number; missCostMs: number }): void {
      residentBytes.set(item.model, item.sizeBytes)
    }
    override onRemove(model: string): void {
      residentBytes.delete(model)
    }
  })('lru')
}
