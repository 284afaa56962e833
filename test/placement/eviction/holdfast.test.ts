import { describe, expect, test } from 'vitest'
import { createEvictionPolicy, type EvictionPolicy, GapDemand } from '../../../placement/index.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs

interface Known {
  readonly sizeBytes?: number
  readonly missCostMs?: number
  /** Times of requests in minutes; the insert comes at 0. */
  readonly requests?: readonly number[]
}

function policyWith(models: Record<string, Known>): EvictionPolicy {
  const policy = createEvictionPolicy('holdfast')
  const requests = Object.entries(models).flatMap(([model, known]) =>
    (known.requests ?? []).map((minute) => ({ model, nowMs: minute * minuteMs })),
  )
  for (const [model, { sizeBytes = 100, missCostMs = 100 }] of Object.entries(models)) {
    policy.onInsert({ model, sizeBytes, missCostMs }, 0)
  }
  requests.sort((left, right) => left.nowMs - right.nowMs)
  for (const { model, nowMs } of requests) policy.onRequest(model, nowMs)
  return policy
}

const plan = (policy: EvictionPolicy, nowMs: number, neededBytes = 1) =>
  policy.planEviction({ neededBytes, nowMs, mayEvict: () => true }).victims.map(({ model }) => model)

const everyMinute = Array.from({ length: 60 }, (_, minute) => minute)

describe('the value of a model', () => {
  test.each([
    {
      id: 'the less wanted goes first',
      models: { hot: { requests: everyMinute }, cold: { requests: [59] } },
      victim: 'cold',
    },
    {
      id: 'a replica next door goes before the last copy',
      models: { last: { missCostMs: 10_000 }, replica: { missCostMs: 50 } },
      victim: 'replica',
    },
    { id: 'of equal ones the larger goes first', models: { large: { sizeBytes: 200 }, small: {} }, victim: 'large' },
    { id: 'of all alike the smaller id goes first', models: { b: {}, c: {}, a: {} }, victim: 'a' },
    {
      id: 'a steady model outlives one burst an hour ago',
      models: {
        burst: { requests: Array(8).fill(1) },
        steady: { requests: everyMinute.filter((minute) => minute % 10 === 0) },
      },
      victim: 'burst',
    },
    {
      id: 'what could not be had again goes last',
      models: { only: { missCostMs: Number.POSITIVE_INFINITY }, hot: { requests: everyMinute } },
      victim: 'hot',
    },
  ])('$id', ({ models, victim }) => {
    expect(plan(policyWith(models), hourMs)[0]).toBe(victim)
  })

  test('follows the news about other holders at once, up and down', () => {
    const policy = policyWith({ a: { missCostMs: 100 }, b: { missCostMs: 200 } })
    expect(plan(policy, 1000)).toEqual(['a'])
    policy.updateCost('b', 50)
    expect(plan(policy, 1000)).toEqual(['b'])
    policy.updateCost('b', 101)
    expect(plan(policy, 1000)).toEqual(['a'])
    policy.checkInvariants()
  })

  test('changes its order with time alone: a timer is kept until it fires, and given up when it does not', () => {
    const every = (minutes: number) => everyMinute.filter((minute) => minute % minutes === 0)
    const policy = policyWith({ timer: { requests: [...every(20), 60] }, frequent: { requests: [...every(5), 60] } })
    expect(plan(policy, hourMs + 2 * minuteMs)).toEqual(['timer'])
    expect(plan(policy, hourMs + 19 * minuteMs)).toEqual(['frequent'])
  })

  test('remembers a model that was evicted: coming back it is not a stranger', () => {
    const policy = policyWith({ regular: { requests: [...everyMinute, 60] } })
    policy.onRemove('regular', hourMs)
    policy.onInsert({ model: 'stranger', sizeBytes: 100, missCostMs: 100 }, hourMs)
    policy.onInsert({ model: 'regular', sizeBytes: 100, missCostMs: 100 }, hourMs)
    expect(plan(policy, hourMs + minuteMs / 2)).toEqual(['stranger'])
  })

  test('is shown in parts', () => {
    const estimator = new GapDemand()
    estimator.introduce('a', 0)
    const demandPerS = estimator.ratePerS('a', 1000)
    expect(policyWith({ a: { sizeBytes: 50, missCostMs: 200 } }).score('a', 1000)).toEqual({
      score: (demandPerS * 200) / 50,
      parts: { demandPerS, missCostMs: 200, sizeBytes: 50 },
    })
  })
})

test('a model that has long been silent says so, and cost per byte decides', () => {
  const policy = policyWith({ cheap: { missCostMs: 1 }, dear: { missCostMs: 1000, requests: [] } })
  const { victims } = policy.planEviction({ neededBytes: 101, nowMs: 5000 * hourMs, mayEvict: () => true })
  expect(victims.map(({ model, reason }) => `${model} ${reason}`)).toEqual(['cheap no-demand', 'dear no-demand'])
})

test('small victims are kept when the large one that follows is enough alone', () => {
  const policy = policyWith({
    a: { sizeBytes: 10, missCostMs: 1 },
    b: { sizeBytes: 20, missCostMs: 4 },
    large: { sizeBytes: 500, missCostMs: 500 },
  })
  expect(plan(policy, 0, 500)).toEqual(['large'])
  expect(plan(policy, 0, 505)).toEqual(['a', 'large'])
  expect(plan(policy, 0, 515)).toEqual(['b', 'large'])
  expect(plan(policy, 0, 525)).toEqual(['a', 'b', 'large'])
})

test('what is resident is not forgotten, however many models pass by', () => {
  const policy = createEvictionPolicy('holdfast', { demand: { modelsMax: 20 } })
  policy.onInsert({ model: 'resident', sizeBytes: 100, missCostMs: 100 }, 0)
  for (let index = 0; index < 500; index++) policy.onRequest(`m${index}`, index)
  expect(policy.score('resident', 500)?.parts.demandPerS).toBeGreaterThan(0)
  policy.checkInvariants()
})
