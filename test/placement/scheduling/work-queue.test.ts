import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { defaultWorkQueueOptions, type Work, WorkQueue, type WorkQueueOptions } from '../../../placement/index.ts'

interface Piece extends Work {
  readonly name: string
}

const never = Number.POSITIVE_INFINITY

function piece(name: string, over: Partial<Piece> = {}): Piece {
  return { name, tenant: name[0]!, arrivedMs: 0, latestMs: never, costMs: 10, sureMs: 0, ...over }
}

function filled(pieces: readonly Piece[], options: Partial<WorkQueueOptions> = {}): WorkQueue<Piece> {
  const queue = new WorkQueue<Piece>(options)
  for (const one of pieces) queue.push(one)
  return queue
}

/** A single worker takes as long as each piece costs, until nothing may begin. */
function order(queue: WorkQueue<Piece>, fromMs = 0): string[] {
  const names: string[] = []
  let nowMs = fromMs
  for (let next = queue.take(nowMs); next !== null; next = queue.take(nowMs)) {
    names.push(next.name)
    nowMs += next.costMs
    queue.ended(next, next.costMs)
  }
  return names
}

const arrivals = fc
  .array(
    fc.record({
      tenant: fc.constantFrom('a', 'b', 'c'),
      arrivedMs: fc.nat(2_000),
      slackMs: fc.option(fc.nat(1_500), { nil: never }),
      costMs: fc.integer({ min: 1, max: 60 }),
    }),
    { maxLength: 120 },
  )
  .map((rows) =>
    rows.map(({ tenant, arrivedMs, slackMs, costMs }, at) =>
      piece(`${tenant}${at}`, { tenant, arrivedMs, latestMs: arrivedMs + slackMs, costMs }),
    ),
  )
const weights: Readonly<Record<string, number>> = { a: 1, b: 2, c: 5 }
const weighted = { weightOf: (tenant: string) => weights[tenant]!, patienceMs: 300 }

describe('the order of a tenant', () => {
  it('is that of arrival without deadlines', () => {
    expect(order(filled([piece('a1'), piece('a2'), piece('a3', { arrivedMs: 5 })]))).toEqual(['a1', 'a2', 'a3'])
  })

  it('is the earliest latest first', () => {
    const pieces = [piece('a1'), piece('a2', { latestMs: 300 }), piece('a3', { latestMs: 100 })]
    expect(order(filled(pieces))).toEqual(['a3', 'a2', 'a1'])
  })

  it('lets nothing pass that came more than the patience later, however urgent', () => {
    const { patienceMs } = defaultWorkQueueOptions
    const early = { arrivedMs: patienceMs - 10, latestMs: patienceMs - 1 }
    const late = { arrivedMs: patienceMs, latestMs: patienceMs + 1 }
    const pieces = [piece('a1'), piece('a2', late), piece('a3', early)]
    expect(order(filled(pieces), patienceMs - 10)).toEqual(['a3', 'a1'])
  })

  it('begins nothing after its latest, and at it still', () => {
    const queue = filled([piece('a1', { latestMs: 99 }), piece('a2', { latestMs: 100 })])
    expect(queue.take(100)?.name).toBe('a2')
    expect(queue.take(100)).toBeNull()
    expect(queue.expire(100).map(({ name }) => name)).toEqual(['a1'])
    expect(queue.size).toBe(0)
  })
})

describe('tenants', () => {
  it('take turns, however many pieces one has', () => {
    const pieces = ['a1', 'a2', 'a3', 'a4', 'b1', 'b2'].map((name) => piece(name))
    expect(order(filled(pieces, { leadMs: 0 }))).toEqual(['a1', 'b1', 'a2', 'b2', 'a3', 'a4'])
  })

  it('share by weight', () => {
    const pieces = Array.from({ length: 9 }, (_, at) => [piece(`a${at}`), piece(`b${at}`)]).flat()
    const names = order(filled(pieces, { leadMs: 0, weightOf: (tenant) => (tenant === 'a' ? 2 : 1) })).slice(0, 9)
    expect(names.filter((name) => name.startsWith('a'))).toHaveLength(6)
  })

  it('go before each other for need within the lead, and no further', () => {
    const urgent = Array.from({ length: 5 }, (_, at) => piece(`a${at}`, { latestMs: 500 }))
    expect(order(filled([piece('b0'), ...urgent], { leadMs: 20 }))).toEqual(['a0', 'a1', 'a2', 'b0', 'a3', 'a4'])
  })

  it('earn nothing while they want nothing', () => {
    const queue = filled(
      Array.from({ length: 100 }, (_, at) => piece(`a${at}`)),
      { leadMs: 0 },
    )
    for (let at = 0; at < 50; at += 1) queue.ended(queue.take(0)!, 10)
    for (let at = 0; at < 4; at += 1) queue.push(piece(`b${at}`))
    expect(order(queue).slice(0, 6)).toEqual(['b0', 'a50', 'b1', 'a51', 'b2', 'a52'])
  })

  it('earn nothing while their work is held back for other reasons', () => {
    const queue = filled([...Array.from({ length: 60 }, (_, at) => piece(`a${at}`)), piece('b0')], { leadMs: 0 })
    for (let at = 0; at < 50; at += 1) queue.ended(queue.take(0, ({ tenant }) => tenant === 'a')!, 10)
    for (let at = 1; at < 4; at += 1) queue.push(piece(`b${at}`))
    expect(
      order(queue)
        .slice(0, 6)
        .filter((name) => name.startsWith('b')).length,
    ).toBeLessThanOrEqual(4)
  })

  it('pay what their work took, not what was predicted', () => {
    const queue = filled(
      ['a1', 'a2', 'b1', 'b2', 'b3'].map((name) => piece(name, { costMs: 0 })),
      { leadMs: 0 },
    )
    const first = queue.take(0)!
    expect(first.name).toBe('a1')
    queue.ended(first, 25)
    expect(order(queue)).toEqual(['b1', 'b2', 'b3', 'a2'])
  })

  it('are remembered in a bounded number', () => {
    const queue = new WorkQueue<Piece>({ tenantsMax: 3 })
    const kept = piece('keeper')
    queue.push(kept)
    for (let at = 0; at < 50; at += 1) {
      const one = piece('x', { tenant: `t${at}`, latestMs: 1 })
      queue.push(one)
      expect(queue.drop(one)).toBe(true)
    }
    expect(order(queue)).toEqual(['keeper'])
  })
})

describe('what would be done before work that came now', () => {
  const now = (over: Partial<Piece> = {}) => piece('a9', { arrivedMs: 100, ...over })

  it('is the rest of what runs and what is before it of its tenant', () => {
    const queue = filled(['a1', 'a2', 'a3'].map((name) => piece(name)))
    queue.take(98)
    expect(queue.aheadMs(now(), 100)).toBe(8 + 20)
    expect(queue.aheadMs(now(), 200)).toBe(20)
    expect(queue.aheadMs(now({ latestMs: 150 }), 100)).toBe(8)
    expect(queue.aheadMs(null, 100)).toBe(28)
  })

  it('is of others what they may use meanwhile, not all that they want', () => {
    const queue = filled([...Array.from({ length: 50 }, (_, at) => piece(`b${at}`)), piece('a1')])
    expect(queue.aheadMs(now(), 0)).toBe(10 + 10)
    expect(queue.aheadMs(now({ tenant: 'c' }), 0)).toBe(0)
    expect(queue.aheadMs(null, 0)).toBe(510)
  })

  it('is nothing when nothing is known of what they cost', () => {
    const queue = filled([piece('a1', { costMs: 0 }), piece('a2', { costMs: 0 })])
    queue.take(0)
    expect(queue.aheadMs(now(), 0)).toBe(0)
  })

  it('is certain as far as costs are, and as all workers are busy', () => {
    const queue = filled(['a1', 'a2', 'a3', 'a4'].map((name) => piece(name, { costMs: 50, sureMs: 10 })))
    queue.take(98)
    expect(queue.sureWaitMs(now(), 100, 1)).toBe(8 + 30)
    // The last of one worker may run while the other is free.
    expect(queue.sureWaitMs(now(), 100, 2)).toBe((8 + 30 - 10) / 2)
    expect(queue.sureWaitMs(now(), 100, 8)).toBe(0)
    const guessed = filled([piece('a1', { costMs: 50 }), piece('a2', { costMs: 50 })])
    expect(guessed.sureWaitMs(now(), 0, 1)).toBe(0)
  })

  it('is no longer for certain than it comes true, with any number of workers', () => {
    fc.assert(
      fc.property(arrivals, fc.integer({ min: 1, max: 4 }), (given, workerCount) => {
        const pieces = given.map((one) => ({ ...one, arrivedMs: 0, latestMs: never, sureMs: one.costMs / 2 }))
        const mine = piece('mine', { tenant: 'a' })
        const queue = filled(pieces, weighted)
        const sureMs = queue.sureWaitMs(mine, 0, workerCount)
        queue.push(mine)
        const freeAtMs = Array.from({ length: workerCount }, () => 0)
        for (;;) {
          const first = freeAtMs.indexOf(Math.min(...freeAtMs))
          const nowMs = freeAtMs[first]!
          const next = queue.take(nowMs)!
          if (next.name === 'mine') {
            expect(sureMs).toBeLessThanOrEqual(nowMs + 1e-6)
            return
          }
          queue.ended(next, next.costMs)
          freeAtMs[first] = nowMs + next.costMs
        }
      }),
    )
  })

  it('comes true within a run of each tenant, whatever waits', () => {
    fc.assert(
      fc.property(arrivals, (given) => {
        const waiting = given.map((one) => ({ ...one, arrivedMs: 0, latestMs: never }))
        const mine = piece('mine', { tenant: 'a', costMs: 10 })
        const queue = filled(waiting, { ...weighted, leadMs: 0 })
        const predictedMs = queue.aheadMs(mine, 0)
        queue.push(mine)
        const names = order(queue)
        const before = names.slice(0, names.indexOf('mine'))
        const actualMs = waiting.reduce((sum, { name, costMs }) => sum + (before.includes(name) ? costMs : 0), 0)
        // A run of each other tenant may have begun a moment before.
        expect(Math.abs(actualMs - predictedMs)).toBeLessThanOrEqual(2 * 60)
        expect(predictedMs).toBeLessThanOrEqual(waiting.reduce((sum, { costMs }) => sum + costMs, 0))
      }),
    )
  })
})

describe('where there is no room for all', () => {
  it('the last of the tenant with the most gives way to one that has less', () => {
    const queue = filled([piece('a1'), piece('a2'), piece('a3'), piece('b1')])
    expect(queue.givesWayTo(piece('b2'))?.name).toBe('a3')
    expect(queue.givesWayTo(piece('c1'))?.name).toBe('a3')
  })

  it('nobody gives way to the tenant with the most, nor to one that would have as much', () => {
    const queue = filled([piece('a1'), piece('a2'), piece('b1')])
    expect(queue.givesWayTo(piece('a3'))).toBeNull()
    expect(queue.givesWayTo(piece('b2'))).toBeNull()
  })

  it('a weight counts as so many tenants', () => {
    const queue = filled([piece('a1'), piece('a2'), piece('a3'), piece('b1')], {
      weightOf: (tenant) => (tenant === 'a' ? 3 : 1),
    })
    expect(queue.givesWayTo(piece('b2'))).toBeNull()
  })
})

interface Run {
  readonly name: string
  readonly beganMs: number
  readonly piece: Piece
}

/** A single worker under arrivals. Late work is taken out before each begin, as the pool does. */
function play(arrivals: readonly Piece[], options: Partial<WorkQueueOptions>): { runs: Run[]; expired: string[] } {
  const queue = new WorkQueue<Piece>(options)
  const runs: Run[] = []
  const expired: string[] = []
  const coming = arrivals.toSorted((one, other) => one.arrivedMs - other.arrivedMs)
  let nowMs = 0
  while (coming.length > 0 || queue.size > 0) {
    if (queue.size === 0) nowMs = Math.max(nowMs, coming[0]!.arrivedMs)
    while (coming.length > 0 && coming[0]!.arrivedMs <= nowMs) queue.push(coming.shift()!)
    expired.push(...queue.expire(nowMs).map(({ name }) => name))
    const next = queue.take(nowMs)
    if (next === null) continue
    runs.push({ name: next.name, beganMs: nowMs, piece: next })
    nowMs += next.costMs
    queue.ended(next, next.costMs)
  }
  return { runs, expired }
}

test('nothing begins late, nothing is lost and nothing ends twice, whatever comes', () => {
  fc.assert(
    fc.property(arrivals, (given) => {
      const { runs, expired } = play(given, weighted)
      for (const { beganMs, piece } of runs) expect(beganMs).toBeLessThanOrEqual(piece.latestMs)
      expect([...runs.map(({ name }) => name), ...expired].toSorted()).toEqual(given.map(({ name }) => name).toSorted())
    }),
  )
})

test('nothing starves: no work of the same tenant passes another that came more than the patience before', () => {
  fc.assert(
    fc.property(arrivals, (given) => {
      const { runs } = play(given, weighted)
      for (const [at, { piece: earlier }] of runs.entries()) {
        const passed = runs.slice(at + 1).map(({ piece }) => piece)
        for (const { tenant, arrivedMs, latestMs } of passed) {
          if (tenant !== earlier.tenant || latestMs !== never) continue
          expect(earlier.arrivedMs).toBeLessThanOrEqual(arrivedMs + weighted.patienceMs)
        }
      }
    }),
  )
})

test('tenants that always want the worker get it by weight, within the lead and two runs', () => {
  const costs = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 30, maxLength: 60 })
  const slack = fc.constantFrom(never, 100_000, 200_000)
  fc.assert(
    fc.property(costs, costs, costs, slack, (a, b, c, latestMs) => {
      const given = { a, b, c }
      const pieces = Object.entries(given).flatMap(([tenant, list]) =>
        list.map((costMs, at) =>
          piece(`${tenant}${at}`, { tenant, costMs, latestMs: tenant === 'a' ? latestMs : never }),
        ),
      )
      const { runs } = play(pieces, { ...weighted, leadMs: 20 })
      const left: Record<string, number> = { a: a.length, b: b.length, c: c.length }
      const used: Record<string, number> = { a: 0, b: 0, c: 0 }
      for (const { piece } of runs) {
        used[piece.tenant]! += piece.costMs / weights[piece.tenant]!
        left[piece.tenant]! -= 1
        if (Object.values(left).some((count) => count === 0)) break
        const shares = Object.values(used)
        expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(20 + 2 * 60)
      }
    }),
  )
})

test('the same input gives the same plan', () => {
  fc.assert(
    fc.property(arrivals, (given) => {
      expect(play(given, weighted)).toEqual(play(given, weighted))
    }),
  )
})
