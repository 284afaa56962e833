import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chooseRoute, costParts, routeOptions, sureMs } from '../../../placement/index.ts'
import { firstDrawn, holder, origin, view, within } from './fixture.ts'

describe('the parts of an expected time', () => {
  const ms = (max: number) => fc.double({ min: 0, max, noNaN: true })
  const seen = fc
    .record({
      tier: fc.constantFrom('memory' as const, 'disk' as const, null),
      queueMs: ms(50),
      executeMs: ms(50),
      sureMs: ms(50),
      holders: fc.array(fc.record({ rttMs: ms(30), queueMs: ms(30), sentMs: ms(30), isRttGuessed: fc.boolean() }), {
        maxLength: 3,
      }),
      isMeasured: fc.boolean(),
    })
    .map(({ tier, queueMs, executeMs, sureMs, holders, isMeasured }) =>
      view({
        self: { tier, queueMs, sureQueueMs: queueMs },
        model: { executeMs, sure: { initMs: Math.min(sureMs, 200), executeMs: Math.min(sureMs, executeMs) } },
        holders: holders.map((one, at) => holder(`h${at}`, { ...one, tier: at === 0 ? 'disk' : 'memory' })),
        sources: [{ ...origin, isMeasured }],
      }),
    )

  test('add up to it, and what is certain is no more', () => {
    fc.assert(
      fc.property(seen, (given) => {
        for (const option of routeOptions(given)) {
          const sumMs = costParts(option, given).reduce((sum, { ms }) => sum + ms, 0)
          expect(sumMs).toBeCloseTo(option.expectedMs, 6)
          expect(sureMs(option, given)).toBeLessThanOrEqual(option.expectedMs + 1e-6)
        }
      }),
    )
  })

  test('say where each comes from', () => {
    const [here] = routeOptions(view({ self: { tier: 'disk', queueMs: 3 }, model: { executeMs: 5 } }))
    expect(costParts(here!, view({ self: { tier: 'disk', queueMs: 3 }, model: { executeMs: 5 } }))).toEqual([
      { part: 'queue', ms: 3, from: 'measured' },
      { part: 'transfer', ms: 200, from: 'estimated' },
      { part: 'init', ms: 200, from: 'estimated' },
      { part: 'execute', ms: 5, from: 'estimated' },
    ])
  })
})

describe('a request with a deadline', () => {
  const certain = { initMs: 0, executeMs: 10 }
  const queues = fc.array(fc.double({ min: 0, max: 200, noNaN: true }), { minLength: 1, maxLength: 4 })

  test('is refused exactly when every way is certain to be too late', () => {
    fc.assert(
      fc.property(queues, fc.double({ min: 1, max: 150, noNaN: true }), (queuesMs, deadlineMs) => {
        const [ownMs, ...others] = queuesMs
        const given = view({
          self: { tier: 'memory', queueMs: ownMs!, sureQueueMs: ownMs! },
          model: { executeMs: 10, sure: certain },
          holders: others.map((rttMs, at) => holder(`h${at}`, { rttMs, queueMs: 0 })),
          ...within(deadlineMs),
        })
        const bestMs = Math.min(ownMs! + 10, ...others.map((rttMs) => rttMs + 10))
        const isRefused = chooseRoute(given, firstDrawn).kind === 'refused'
        if (Math.abs(bestMs - deadlineMs) > 1e-6) expect(isRefused).toBe(bestMs > deadlineMs)
      }),
    )
  })
})
