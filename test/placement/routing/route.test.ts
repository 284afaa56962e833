import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createPrng } from '../../../common/index.ts'
import {
  chooseHere,
  chooseRoute,
  defaultRouteOptions,
  nearEqualLimitMs,
  type RouteDecision,
  type RouteHolder,
  type RouteView,
  route,
} from '../../../placement/index.ts'
import { fastPeer, firstDrawn, holder, mb, origin, view, within } from './fixture.ts'

const brief = ({ kind, node, expectedMs, reason }: RouteDecision) =>
  `${kind}${node === undefined ? '' : ` ${node}`} ${expectedMs} ${reason}`

describe('the route of a request', () => {
  test.each([
    { id: 'a model in memory runs here', view: view({ self: { tier: 'memory' } }), expected: 'local 0 resident-here' },
    { id: 'and so on the device', view: view({ self: { tier: 'device' } }), expected: 'local 0 resident-here' },
    {
      id: 'here before a holder that is as good, though it has no queue',
      view: view({ self: { tier: 'memory', queueMs: 10 }, holders: [holder('a')] }),
      expected: 'local 10 resident-here',
    },
    {
      id: 'a holder when the queue here is much longer than the way',
      view: view({ self: { tier: 'memory', queueMs: 50 }, holders: [holder('a')] }),
      expected: 'forward a 10 best-holder',
    },
    {
      id: 'a holder before loading from the disk here',
      view: view({ self: { tier: 'disk' }, holders: [holder('a')] }),
      expected: 'forward a 10 best-holder',
    },
    {
      id: 'the disk here before a disk elsewhere',
      view: view({ self: { tier: 'disk' }, holders: [holder('a', { tier: 'disk' })] }),
      expected: 'local 400 on-disk-here',
    },
    {
      id: 'a disk elsewhere before a fetch from the origin',
      view: view({ holders: [holder('a', { tier: 'disk' })] }),
      expected: 'forward a 410 best-holder',
    },
    { id: 'a cold model is fetched', view: view(), expected: 'fetch 1300 only-fetch' },
    {
      id: 'a fetch from a fast peer before a crowded holder',
      view: view({ holders: [holder('a', { queueMs: 5000 })], sources: [origin, fastPeer] }),
      expected: 'fetch 211 fetch-is-faster',
    },
    {
      id: 'a holder before a fetch that is hardly faster, since a fetch displaces something',
      view: view({ holders: [holder('a', { queueMs: 205 })], sources: [fastPeer] }),
      expected: 'forward a 215 best-holder',
    },
    {
      id: 'execution time counts for all alike',
      view: view({ model: { executeMs: 30 }, holders: [holder('a')] }),
      expected: 'forward a 40 best-holder',
    },
    {
      id: 'a suspected, a draining and an excluded holder are passed over',
      view: view({
        holders: [
          holder('a', { suspected: true }),
          holder('b', { draining: true }),
          holder('c'),
          holder('d', { rttMs: 90 }),
        ],
        excluded: ['c'],
      }),
      expected: 'forward d 90 best-holder',
    },
    {
      id: 'this node is no holder to forward to',
      view: view({ holders: [holder('self')] }),
      expected: 'fetch 1300 only-fetch',
    },
    {
      id: 'a request that was forwarded stays here',
      view: view({ holders: [holder('a')], mayForward: false }),
      expected: 'fetch 1300 only-fetch',
    },
    {
      id: 'a node that cannot run it forwards, though it has it',
      view: view({ self: { tier: 'memory', runnable: false }, holders: [holder('a')] }),
      expected: 'forward a 10 best-holder',
    },
    {
      id: 'nobody can run it',
      view: view({ self: { runnable: false } }),
      expected: 'unservable Infinity not-runnable-here',
    },
    { id: 'no source', view: view({ sources: [] }), expected: 'unservable Infinity no-source' },
    {
      id: 'a draining node fetches nothing new',
      view: view({ self: { draining: true } }),
      expected: 'unservable Infinity no-source',
    },
    {
      id: 'a draining node serves what it has',
      view: view({ self: { draining: true, tier: 'disk' } }),
      expected: 'local 400 on-disk-here',
    },
    {
      id: 'a disk that gives no bytes is no option',
      view: view({ self: { tier: 'disk', diskBandwidthBytesPerS: 0 } }),
      expected: 'unservable Infinity no-source',
    },
    {
      id: 'nearly equal, but only the holder makes the deadline',
      view: view({ self: { tier: 'memory', queueMs: 105 }, holders: [holder('a', { rttMs: 100 })], ...within(102) }),
      expected: 'forward a 100 best-holder',
    },
    {
      id: 'nobody is expected to make the deadline, by guesses: the best there is, and it says so',
      view: view({ holders: [holder('a', { rttMs: 50, isRttGuessed: true })], ...within(20) }),
      expected: 'forward a 50 misses-deadline',
    },
    {
      id: 'nobody makes the deadline, by what was measured: nothing is begun',
      view: view({ holders: [holder('a', { rttMs: 50 })], sources: [], ...within(20) }),
      expected: 'refused 50 misses-every-deadline',
    },
    {
      id: 'a fetch over a measured line is tried: bytes may be here or on their way, and others may send as well',
      view: view({
        self: { missingBytes: 64 * mb },
        sources: [{ ...origin, latencyMs: 1_000, isMeasured: true }],
        ...within(500),
      }),
      expected: 'fetch 1840 misses-deadline',
    },
    {
      id: 'the start after a fetch refuses',
      view: view({ model: { sure: { initMs: 150, executeMs: 0 } }, ...within(149) }),
      expected: 'refused 1300 misses-every-deadline',
    },
    {
      id: 'a start that is under way refuses nothing, since a part of it is done',
      view: view({
        self: { tier: 'disk', isComing: true },
        model: { sure: { initMs: 150, executeMs: 0 } },
        ...within(149),
      }),
      expected: 'local 400 misses-deadline',
    },
    {
      id: 'a holder that has the model on disk may have started it by now',
      view: view({
        holders: [holder('a', { tier: 'disk' })],
        sources: [],
        model: { sure: { initMs: 150, executeMs: 0 } },
        ...within(149),
      }),
      expected: 'forward a 410 misses-deadline',
    },
    {
      id: 'a run that was measured once refuses nothing',
      view: view({ self: { tier: 'memory' }, model: { executeMs: 90 }, ...within(20) }),
      expected: 'local 90 misses-deadline',
    },
    {
      id: 'a run that was measured well refuses',
      view: view({
        self: { tier: 'memory' },
        model: { executeMs: 90, sure: { initMs: 0, executeMs: 85 } },
        ...within(84),
      }),
      expected: 'refused 90 misses-every-deadline',
    },
    {
      id: 'a deadline of exactly what is certain is tried',
      view: view({
        self: { tier: 'memory' },
        model: { executeMs: 90, sure: { initMs: 0, executeMs: 85 } },
        ...within(85),
      }),
      expected: 'local 90 misses-deadline',
    },
    {
      id: 'the certain part of a queue refuses',
      view: view({ self: { tier: 'memory', queueMs: 90, sureQueueMs: 81 }, ...within(80) }),
      expected: 'refused 90 misses-every-deadline',
    },
    {
      id: 'a queue is no more certain than what is known of those in it',
      view: view({ self: { tier: 'memory', queueMs: 90 }, ...within(80) }),
      expected: 'local 90 misses-deadline',
    },
    {
      id: 'a queue elsewhere is told, and refuses nothing: that node knows better',
      view: view({ holders: [holder('a', { queueMs: 90 })], sources: [], ...within(80) }),
      expected: 'forward a 100 misses-deadline',
    },
    {
      id: 'a fetch over a line that was never measured is tried',
      view: view(within(20)),
      expected: 'fetch 1300 misses-deadline',
    },
  ])('$id', ({ view, expected }) => {
    expect(brief(route(view, firstDrawn))).toBe(expected)
  })

  test('tells the source of a fetch and the options not taken, equal ones by id', () => {
    const decision = route(
      view({ holders: [holder('c', { rttMs: 2000 }), holder('b', { rttMs: 3000 }), holder('a', { rttMs: 2000 })] }),
      firstDrawn,
    )
    expect(decision).toEqual({
      kind: 'fetch',
      via: origin,
      expectedMs: 1300,
      reason: 'fetch-is-faster',
      alternatives: [
        { kind: 'forward', node: 'a', expectedMs: 2000 },
        { kind: 'forward', node: 'c', expectedMs: 2000 },
        { kind: 'forward', node: 'b', expectedMs: 3000 },
      ],
    })
  })
})

describe('a burst', () => {
  const drawCount = 8000
  const sharesOf = (holders: readonly RouteHolder[]) => {
    const random = createPrng(11)
    const counts = new Map<string, number>()
    for (let index = 0; index < drawCount; index++) {
      const { node, reason } = route(view({ holders }), random.int)
      expect(['best-holder', 'spread-over-holders']).toContain(reason)
      counts.set(node!, (counts.get(node!) ?? 0) + 1)
    }
    return counts
  }

  test('spreads evenly over equal holders', () => {
    const shares = sharesOf(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((node) => holder(node)))
    for (const count of shares.values()) expect(Math.abs(count - 1000)).toBeLessThan(4 * Math.sqrt(1000 * (7 / 8)))
    expect(shares.size).toBe(8)
  })

  test('prefers the better of nearly equal holders, and leaves the others out', () => {
    const shares = sharesOf([
      holder('a', { rttMs: 10.5 }),
      holder('b'),
      holder('c', { rttMs: 10.9 }),
      holder('far', { rttMs: 30 }),
    ])
    // Of three, the best is drawn in two pairs of three, the second in one, the last always loses.
    expect(shares.get('b')!).toBeGreaterThan(shares.get('a')!)
    expect(Math.abs(shares.get('b')! - (drawCount * 2) / 3)).toBeLessThan(4 * Math.sqrt((drawCount * 2) / 9))
    expect(shares.has('c') || shares.has('far')).toBe(false)
  })
})

describe('whatever the view', () => {
  const anyTier = fc.constantFrom('device', 'memory', 'disk')
  const anyView: fc.Arbitrary<RouteView> = fc.record({
    model: fc.record({ id: fc.constant('m'), sizeBytes: fc.nat(200 * mb), initMs: fc.nat(300) }),
    self: fc.record({
      node: fc.constant('self'),
      tier: fc.option(anyTier),
      queueMs: fc.nat(100),
      diskBandwidthBytesPerS: fc.constantFrom(0, 500 * mb),
      runnable: fc.boolean(),
      draining: fc.boolean(),
    }),
    holders: fc.uniqueArray(
      fc.record({
        node: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'self'),
        tier: anyTier,
        rttMs: fc.constantFrom(0, 5, 20, 50),
        queueMs: fc.constantFrom(0, 15, 50),
        suspected: fc.boolean(),
        draining: fc.boolean(),
        sameZone: fc.boolean(),
      }),
      { selector: ({ node }) => node },
    ),
    sources: fc.subarray([origin, fastPeer]),
    context: fc.record({
      tenant: fc.constant('public'),
      deadlineMs: fc.constantFrom(5, 50, 500, Number.POSITIVE_INFINITY),
    }),
    mayForward: fc.boolean(),
    excluded: fc.subarray(['a', 'b', 'c']),
  })
  const decide = (given: RouteView, seed: number) => route(given, createPrng(seed).int)

  test('the choice is nearly the best, and makes the deadline when anything does', () => {
    fc.assert(
      fc.property(anyView, fc.nat(), (given, seed) => {
        const { kind, expectedMs, alternatives } = decide(given, seed)
        if (kind === 'unservable') {
          expect(alternatives).toEqual([])
          return
        }
        const bestMs = Math.min(expectedMs, ...alternatives.map((option) => option.expectedMs))
        expect(expectedMs).toBeLessThanOrEqual(nearEqualLimitMs(bestMs, defaultRouteOptions))
        if (bestMs <= given.context.deadlineMs) expect(expectedMs).toBeLessThanOrEqual(given.context.deadlineMs)
        const times = alternatives.map((option) => option.expectedMs)
        expect(times).toEqual(times.toSorted((left, right) => left - right))
      }),
    )
  })

  test('no option is a forbidden one', () => {
    fc.assert(
      fc.property(anyView, fc.nat(), (given, seed) => {
        const decision = decide(given, seed)
        for (const { kind, node } of [decision, ...decision.alternatives]) {
          if (kind !== 'forward') continue
          const chosen = given.holders.find((candidate) => candidate.node === node)
          expect(chosen).toMatchObject({ suspected: false, draining: false })
          expect(given.mayForward).toBe(true)
          expect([...given.excluded, 'self']).not.toContain(node)
        }
        const kinds = [decision, ...decision.alternatives].map(({ kind }) => kind)
        if (!given.self.runnable || given.self.tier === null) expect(kinds).not.toContain('local')
        if (!given.self.runnable || given.self.draining) expect(kinds).not.toContain('fetch')
      }),
    )
  })

  test('a request that some node could serve is not called unservable', () => {
    fc.assert(
      fc.property(anyView, fc.nat(), (given, seed) => {
        const { holders, self, sources, excluded, mayForward } = given
        const isUsable = ({ tier, node, suspected, draining }: RouteHolder) =>
          !suspected &&
          !draining &&
          node !== 'self' &&
          !excluded.includes(node) &&
          (tier !== 'disk' || self.diskBandwidthBytesPerS > 0)
        const hasHolder = mayForward && holders.some(isUsable)
        const hasLocal =
          self.runnable && self.tier !== null && (self.tier !== 'disk' || self.diskBandwidthBytesPerS > 0)
        const canFetch = self.runnable && self.tier === null && !self.draining && sources.length > 0
        expect(decide(given, seed).kind !== 'unservable').toBe(hasHolder || hasLocal || canFetch)
      }),
    )
  })

  test('a request that does not ask for the alternatives goes the same way', () => {
    fc.assert(
      fc.property(anyView, fc.nat(), (given, seed) => {
        const { alternatives: _, ...decision } = decide(given, seed)
        expect(chooseRoute(given, createPrng(seed).int)).toEqual(decision)
      }),
    )
  })

  test('the order in which holders are given does not matter', () => {
    fc.assert(
      fc.property(anyView, fc.nat(), (given, seed) => {
        expect(decide({ ...given, holders: given.holders.toReversed() }, seed)).toEqual(decide(given, seed))
      }),
    )
  })
})

describe('what is under way', () => {
  test('a fetch that is nearly done here is waited for, not forwarded', () => {
    const holders = [holder('h', { rttMs: 400 })]
    expect(route(view({ holders }), () => 0).kind).toBe('forward')
    expect(route(view({ holders, self: { missingBytes: mb } }), () => 0)).toMatchObject({
      kind: 'fetch',
      expectedMs: 310,
    })
  })

  test('requests that this node has sent to a holder count as its queue', () => {
    const holders = [holder('a', { sentMs: 100 }), holder('b', { rttMs: 20 })]
    expect(route(view({ holders }), () => 0)).toMatchObject({ kind: 'forward', node: 'b' })
  })
})

describe('a decision without a look at the other nodes', () => {
  test('is the one that a look would make, whatever the others have', () => {
    const ms = (max: number) => fc.double({ min: 0, max, noNaN: true })
    const others = fc.array(fc.record({ rttMs: ms(3), queueMs: ms(3), sentMs: ms(3) }), { maxLength: 4 })
    let decided = 0
    fc.assert(
      fc.property(ms(8), ms(50), fc.oneof(ms(60), fc.constant(Number.POSITIVE_INFINITY)), others, (...drawn) => {
        const [queueMs, executeMs, deadlineMs, holders] = drawn
        const seen = view({
          model: { executeMs },
          self: { tier: 'memory', queueMs },
          holders: holders.map((one, at) => holder(`h${at}`, one)),
          ...within(deadlineMs),
        })
        const here = chooseHere(seen)
        if (here === null) return
        decided += 1
        expect(chooseRoute(seen, () => expect.unreachable('nothing is drawn'))).toEqual(here)
      }),
      { numRuns: 500, seed: 1 },
    )
    expect(decided).toBeGreaterThan(50)
  })

  test.each([
    { id: 'a wait below jitter', self: { tier: 'memory', queueMs: 1 }, executeMs: 5, isMade: true },
    {
      id: 'a wait that is nearly nothing beside the run',
      self: { tier: 'memory', queueMs: 4 },
      executeMs: 40,
      isMade: true,
    },
    { id: 'a longer wait', self: { tier: 'memory', queueMs: 4.1 }, executeMs: 40, isMade: false },
    { id: 'a model on disk', self: { tier: 'disk' }, executeMs: 5, isMade: false },
    { id: 'a model that is not here', self: { tier: null }, executeMs: 5, isMade: false },
    { id: 'a model that cannot run here', self: { tier: 'memory', runnable: false }, executeMs: 5, isMade: false },
  ] as const)('$id', ({ self, executeMs, isMade }) => {
    expect(chooseHere(view({ self, model: { executeMs } })) !== null).toBe(isMade)
  })

  test('is left to a look when the deadline may be missed here', () => {
    expect(chooseHere(view({ self: { tier: 'memory', queueMs: 1 }, model: { executeMs: 5 }, ...within(5.5) }))).toBe(
      null,
    )
  })
})
