import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createPrng } from '../../../common/index.ts'
import { defaultDemandOptions, RateDemand } from '../../../placement/index.ts'

const hourMs = 3_600_000
const { halfLivesMs, weights, priorRatePerS } = defaultDemandOptions

/** Arrival times of a Poisson stream. */
function poissonTimesMs(ratePerS: number, untilMs: number, seed: number): number[] {
  const random = createPrng(seed)
  const times: number[] = []
  for (let nowMs = 0; ; ) {
    nowMs += (-Math.log(1 - random.float()) / ratePerS) * 1000
    if (nowMs > untilMs) return times
    times.push(nowMs)
  }
}

/**
 * Standard deviation of the estimate of a Poisson stream in the long run: each component is a sum of lambda exp(-lambda age)
 * over the requests, and by Campbell's theorem two of them have covariance rate x lambda_i lambda_j / (lambda_i + lambda_j).
 */
function standardDeviationPerS(ratePerS: number): number {
  const lambdasPerS = halfLivesMs.map((halfLifeMs) => (Math.LN2 / halfLifeMs) * 1000)
  const sum = weights.reduce((total, weight) => total + weight, 0)
  let variance = 0
  for (const [i, left] of lambdasPerS.entries()) {
    for (const [j, right] of lambdasPerS.entries()) {
      variance += ((weights[i]! * weights[j]!) / sum ** 2) * ((ratePerS * left * right) / (left + right))
    }
  }
  return Math.sqrt(variance)
}

const history = fc.array(fc.record({ model: fc.constantFrom('a', 'b', 'c'), gapMs: fc.nat(600_000) }), {
  maxLength: 60,
})

describe('the demand of a model', () => {
  test.each([
    { id: 'rare', ratePerS: 1 / 300, seed: 1 },
    { id: 'usual', ratePerS: 0.1, seed: 2 },
    { id: 'hot', ratePerS: 5, seed: 3 },
  ])('converges to the rate of a $id Poisson stream', ({ ratePerS, seed }) => {
    const demand = new RateDemand()
    const untilMs = 80 * hourMs // 13 of the longest half-lives: the prior is gone
    for (const timeMs of poissonTimesMs(ratePerS, untilMs, seed)) demand.record('m', timeMs)
    const error = demand.ratePerS('m', untilMs) - ratePerS
    expect(Math.abs(error)).toBeLessThan(3 * standardDeviationPerS(ratePerS))
  })

  test('is without bias: the mean over many streams is the rate', () => {
    const ratePerS = 1 / 60
    const streamCount = 60
    let sum = 0
    for (let seed = 0; seed < streamCount; seed++) {
      const demand = new RateDemand()
      for (const timeMs of poissonTimesMs(ratePerS, 60 * hourMs, seed)) demand.record('m', timeMs)
      sum += demand.ratePerS('m', 60 * hourMs)
    }
    const tolerance = (3 * standardDeviationPerS(ratePerS)) / Math.sqrt(streamCount)
    expect(Math.abs(sum / streamCount - ratePerS)).toBeLessThan(tolerance + priorRatePerS * 2 ** -10)
  })

  test('starts from the prior, with or without a request', () => {
    const demand = new RateDemand()
    demand.introduce('prefetched', 0)
    demand.record('asked', 0)
    expect(demand.ratePerS('prefetched', 0)).toBeCloseTo(priorRatePerS, 12)
    expect(demand.ratePerS('asked', 0)).toBeGreaterThan(priorRatePerS)
    expect(demand.ratePerS('unknown', 0)).toBe(0)
  })

  test('is not changed by introducing a model that is known', () => {
    const demand = new RateDemand()
    demand.record('m', 0)
    const before = demand.ratePerS('m', 5000)
    demand.introduce('m', 5000)
    expect(demand.ratePerS('m', 5000)).toBe(before)
  })

  test('is never negative and fades to nothing', () => {
    fc.assert(
      fc.property(history, fc.nat(100 * hourMs), (requests, waitMs) => {
        const demand = new RateDemand()
        let nowMs = 0
        for (const { model, gapMs } of requests) {
          nowMs += gapMs
          demand.record(model, nowMs)
        }
        for (const model of ['a', 'b', 'c']) {
          const rate = demand.ratePerS(model, nowMs)
          const later = demand.ratePerS(model, nowMs + waitMs)
          expect(later).toBeGreaterThanOrEqual(0)
          expect(later).toBeLessThanOrEqual(rate)
          // No faster than promised: eviction rests on it.
          expect(later).toBeGreaterThanOrEqual(rate * Math.exp(-demand.decayPerMsMax * waitMs) * (1 - 1e-9))
          expect(demand.ratePerS(model, nowMs + 10_000 * hourMs)).toBe(0)
        }
      }),
    )
  })

  test('of one model does not depend on the requests for others', () => {
    fc.assert(
      fc.property(history, (requests) => {
        const together = new RateDemand()
        const alone = new RateDemand()
        let nowMs = 0
        for (const { model, gapMs } of requests) {
          nowMs += gapMs
          together.record(model, nowMs)
          if (model === 'a') alone.record(model, nowMs)
        }
        expect(together.ratePerS('a', nowMs)).toBe(alone.ratePerS('a', nowMs))
      }),
    )
  })

  test('does not depend on when it is looked at', () => {
    const demand = new RateDemand()
    const watched = new RateDemand()
    for (let nowMs = 0; nowMs < hourMs; nowMs += 7000) {
      demand.record('m', nowMs)
      watched.record('m', nowMs)
      watched.ratePerS('m', nowMs + 1000)
      watched.top(3, nowMs + 2000)
    }
    expect(watched.ratePerS('m', hourMs)).toBe(demand.ratePerS('m', hourMs))
  })

  test('takes a clock that steps back for one that stands', () => {
    const demand = new RateDemand()
    demand.record('m', 1000)
    const rate = demand.ratePerS('m', 1000)
    expect(demand.ratePerS('m', 0)).toBe(rate)
    demand.record('m', 0)
    expect(demand.ratePerS('m', 1000) - rate).toBeCloseTo(rate - priorRatePerS, 12)
  })
})

describe('the most wanted models', () => {
  test('come first, equal ones by id, and none that is forgotten', () => {
    const demand = new RateDemand()
    demand.record('old', 0)
    const nowMs = 2000 * hourMs
    for (const model of ['b', 'c', 'a', 'c']) demand.record(model, nowMs)
    expect(demand.top(10, nowMs).map(({ model }) => model)).toEqual(['c', 'a', 'b'])
    expect(demand.top(2, nowMs).map(({ model }) => model)).toEqual(['c', 'a'])
    expect(demand.top(0, nowMs)).toEqual([])
  })

  test('are those of a full sort', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(40), { maxLength: 200 }), fc.integer({ min: 1, max: 12 }), (models, count) => {
        const demand = new RateDemand()
        models.forEach((model, index) => {
          demand.record(`m${model}`, index * 1000)
        })
        const nowMs = models.length * 1000
        expect(demand.top(count, nowMs)).toEqual(demand.top(1000, nowMs).slice(0, count))
      }),
    )
  })
})

describe('the memory of the estimator', () => {
  test('is bounded: the least wanted are forgotten, the most wanted kept', () => {
    const demand = new RateDemand({ modelsMax: 100 })
    for (let round = 0; round < 20; round++) demand.record('hot', round)
    for (let index = 0; index < 5000; index++) {
      demand.record(`m${index}`, 1000 + index)
      expect(demand.modelCount).toBeLessThanOrEqual(100)
    }
    expect(demand.top(1, 7000)[0]?.model).toBe('hot')
  })

  test('keeps what must be remembered, even beyond the limit', () => {
    const demand = new RateDemand({ modelsMax: 10 }, (model) => !model.startsWith('kept'))
    for (let index = 0; index < 30; index++) demand.record(`kept${index}`, 0)
    for (let index = 0; index < 100; index++) demand.record(`m${index}`, hourMs)
    for (let index = 0; index < 30; index++) expect(demand.ratePerS(`kept${index}`, hourMs)).toBeGreaterThan(0)
    expect(demand.modelCount).toBeLessThanOrEqual(30 + 10)
  })

  test.each([
    { id: 'without half-lives', options: { halfLivesMs: [], weights: [] } },
    { id: 'with a half-life of nothing', options: { halfLivesMs: [0], weights: [1] } },
    { id: 'with a weight missing', options: { halfLivesMs: [1, 2], weights: [1] } },
    { id: 'for no model', options: { modelsMax: 0 } },
  ])('is refused $id', ({ options }) => {
    expect(() => new RateDemand(options)).toThrow('broken invariant')
  })
})
