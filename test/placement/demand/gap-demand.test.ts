import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createPrng } from '../../../common/index.ts'
import { GapDemand } from '../../../placement/index.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs

/** Requests at the given minutes. */
function estimatorOf(requests: Record<string, readonly number[]>, options = {}): GapDemand {
  const estimator = new GapDemand(options)
  const sorted = Object.entries(requests)
    .flatMap(([model, minutes]) => minutes.map((minute) => ({ model, nowMs: minute * minuteMs })))
    .sort((left, right) => left.nowMs - right.nowMs)
  for (const { model, nowMs } of sorted) estimator.record(model, nowMs)
  return estimator
}
const every = (minutes: number, count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => from + index * minutes)

describe('how soon a model is wanted again', () => {
  test('of a timer is one over what is left of its period', () => {
    const estimator = estimatorOf({ timer: every(5, 101) })
    const leftS = (idleMinutes: number) => 1 / estimator.ratePerS('timer', (500 + idleMinutes) * minuteMs)
    expect(leftS(0) / 300).toBeCloseTo(1, 0.3)
    expect(leftS(3) / 120).toBeCloseTo(1, 0.3)
    expect(leftS(4.5)).toBeLessThan(60)
  })

  test('falls when a timer has stopped', () => {
    const estimator = estimatorOf({ timer: every(5, 101) })
    expect(estimator.ratePerS('timer', 530 * minuteMs)).toBeLessThan(0.6 / 300)
  })

  test('after a burst falls far below what its mean rate says', () => {
    // Ten requests within ten seconds, every hour.
    const bursts = every(60, 24).flatMap((minute) => every(1 / 60, 10, minute))
    const estimator = estimatorOf({ burst: bursts })
    const lastMs = bursts.at(-1)! * minuteMs
    expect(estimator.ratePerS('burst', lastMs + 500)).toBeGreaterThan(0.2)
    expect(estimator.ratePerS('burst', lastMs + 10 * minuteMs)).toBeLessThan(10 / 3600 / 5)
  })

  test('survives the night: a model of the day comes nearer as the morning does', () => {
    const days = every(24 * 60, 6).flatMap((midnight) => every(10, 72, midnight))
    const estimator = estimatorOf({ day: days })
    const lastMs = days.at(-1)! * minuteMs
    const [evening, midnight, morning] = [1, 6, 11.7].map((hours) => estimator.ratePerS('day', lastMs + hours * hourMs))
    expect(1 / midnight!).toBeLessThan(8 * 3600)
    expect(midnight!).toBeGreaterThan(evening!)
    expect(morning!).toBeGreaterThan(3 * midnight!)
  })

  test('of a new model follows how new models went before it', () => {
    const names = Array.from({ length: 50 }, (_, index) => `m${index}`)
    const once = Object.fromEntries(names.map((name, index) => [name, [index]]))
    const again = Object.fromEntries(names.map((name, index) => [name, [index, index + 15]]))
    const [left, right] = [once, again].map((requests) =>
      estimatorOf({ ...requests, fresh: [100] }).ratePerS('fresh', 105 * minuteMs),
    )
    expect(right!).toBeGreaterThan(3 * left!)
  })

  test('of a model with few gaps follows models with gaps like them', () => {
    const peers = (period: number) =>
      Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`m${index}`, every(period, 40, index)]))
    const quietMs = 60 * minuteMs
    const rate = (requests: Record<string, readonly number[]>) =>
      estimatorOf({ ...requests, young: [1000, 1006] }).ratePerS('young', 1006 * minuteMs + quietMs)
    // Peers that never are silent for an hour say that this one is gone; those that pause for two hours, that it will come.
    const pausing = Object.fromEntries(
      Array.from({ length: 20 }, (_, index) => [`m${index}`, every(75, 10, index).flatMap((n) => every(6, 3, n))]),
    )
    expect(rate(pausing)).toBeGreaterThan(2 * rate(peers(6)))
  })

  test('of a model that is asked for by chance is its mean rate, however long it was silent', () => {
    const prng = createPrng(7)
    const gaps = Array.from({ length: 400 }, () => -10 * Math.log(1 - prng.float()))
    let minute = 0
    const times = gaps.map((gap) => (minute += gap))
    const estimator = estimatorOf({ steady: times })
    for (const idleMinutes of [1, 5, 20]) {
      const ratePerMinute = 60 * estimator.ratePerS('steady', (minute + idleMinutes) * minuteMs)
      expect(ratePerMinute * 10).toBeGreaterThan(0.6)
      expect(ratePerMinute * 10).toBeLessThan(1.7)
    }
  })

  test('is nothing for a stranger', () => {
    expect(new GapDemand().ratePerS('nobody', 0)).toBe(0)
    expect(new GapDemand().isSilent('nobody', 0)).toBe(true)
  })
})

const anyRequests = fc.array(fc.record({ model: fc.nat(4), gapMs: fc.oneof(fc.nat(2000), fc.nat(7 * 24 * hourMs)) }), {
  maxLength: 300,
})

test('is positive and finite for all that were seen, at any time, and asking changes nothing', () => {
  fc.assert(
    fc.property(anyRequests, fc.integer({ min: -1000, max: 30 * 24 * hourMs }), (requests, laterMs) => {
      const [asked, quiet] = [new GapDemand({ ownGapsMax: 8 }), new GapDemand({ ownGapsMax: 8 })]
      let nowMs = 0
      for (const { model, gapMs } of requests) {
        nowMs += gapMs
        asked.record(`m${model}`, nowMs)
        quiet.record(`m${model}`, nowMs)
        expect(asked.ratePerS(`m${model}`, nowMs + laterMs)).toBeGreaterThan(0)
      }
      for (let model = 0; model < 5; model++) {
        const rate = asked.ratePerS(`m${model}`, nowMs + laterMs)
        expect(Number.isFinite(rate)).toBe(true)
        expect(quiet.ratePerS(`m${model}`, nowMs + laterMs)).toBe(rate)
      }
    }),
    { numRuns: 50 },
  )
})

test('of all models the longest silent are forgotten, and none that must be kept', () => {
  const estimator = new GapDemand({ modelsMax: 20 }, (model) => model !== 'm0')
  for (let index = 0; index < 200; index++) {
    estimator.record(`m${index}`, index * 1000)
    expect(estimator.modelCount).toBeLessThanOrEqual(20)
  }
  expect(estimator.ratePerS('m0', 200_000)).toBeGreaterThan(0)
  expect(estimator.ratePerS('m1', 200_000)).toBe(0)
  expect(estimator.ratePerS('m199', 200_000)).toBeGreaterThan(0)
})

test.each([{ peerWeight: 0 }, { ownGapsMax: 1 }, { peerGapsMax: 1 }, { modelsMax: 0 }])('refuses %o', (options) => {
  expect(() => new GapDemand(options)).toThrow('broken invariant')
})
