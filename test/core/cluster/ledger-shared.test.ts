/** Many ledgers on shared pages say what each would say alone, and what is indexed by model is what a search finds. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Interner } from '../../../core/cluster/interner.ts'
import { defaultLedgerOptions, Ledger } from '../../../core/cluster/ledger.ts'
import type { SealedEntry } from '../../../core/events.ts'
import { digest, entryOf, resident, stateBody } from '../fixture.ts'

const all = { after: null, through: null }
const nodes = Array.from({ length: 20 }, (_, at) => `n${String(at).padStart(2, '0')}`)
const models = ['m0', 'm1', 'm2', 'm3'].map(digest)
const anyModels = fc.uniqueArray(fc.constantFrom(...models)).map((some) => some.toSorted())

const anyEntry: fc.Arbitrary<SealedEntry> = fc
  .record({
    node: fc.constantFrom(...nodes),
    kind: fc.constantFrom('state', 'residency', 'demand', 'suspicion'),
    epoch: fc.integer({ min: 1, max: 2 }),
    sequence: fc.integer({ min: 1, max: 9 }),
    held: anyModels,
    fetching: anyModels,
    sizeBytes: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ node, kind, epoch, sequence, held, fetching, sizeBytes }) => {
    const version = { epoch, sequence }
    switch (kind) {
      case 'residency': {
        const body = { models: held.map((model) => resident(model, { sizeBytes })), fetching }
        return entryOf('residency', node, body, version)
      }
      case 'demand':
        return entryOf('demand', node, { rates: held.map((model) => ({ model, ratePerS: sizeBytes / 7 })) }, version)
      case 'suspicion':
        return entryOf('suspicion', node, { suspects: [] }, version)
      default:
        return entryOf('state', node, stateBody(), version)
    }
  })

/** What a ledger answers, in a form that can be compared between interners. */
function answers(ledger: Ledger, interner: Interner): unknown {
  return {
    digest: ledger.digest(all),
    sums: [...ledger.sums()],
    holders: models.map((model) => {
      const { holders, residents } = ledger.nodesWith(model)
      return holders.map((index, at) => [interner.id(index), residents[at]!.sizeBytes])
    }),
    fetchers: models.map((model) => ledger.nodesWith(model).fetchers.map((index) => interner.id(index))),
    demand: models.map((model) => ledger.demandOfOthers(model)),
  }
}

/** One thing that happens to one of the ledgers. */
const anyAct = fc.record({
  ledger: fc.nat({ max: 2 }),
  entry: fc.nat({ max: 29 }),
  asks: fc.boolean(),
  passMs: fc.constantFrom(0, 0, 0, 40, 200),
})

describe('ledgers that share pages', () => {
  test('each holds exactly what it was given, whatever the others take and in whatever order', () => {
    fc.assert(
      fc.property(
        fc.array(anyEntry, { minLength: 30, maxLength: 30 }),
        fc.array(anyAct, { maxLength: 150 }),
        (entries, acts) => {
          const options = { ...defaultLedgerOptions, expiryMs: 500, tombstoneMs: 1_500, indexedForMs: 100 }
          const shared = new Interner()
          const together = ['one', 'two', 'three'].map((self) => new Ledger({ self, interner: shared }, options))
          const apart = ['one', 'two', 'three'].map((self) => {
            const interner = new Interner()
            return { interner, ledger: new Ledger({ self, interner }, options) }
          })
          let nowMs = 0
          for (const act of acts) {
            nowMs += act.passMs
            const [here, alone] = [together[act.ledger]!, apart[act.ledger]!]
            expect(here.apply(entries[act.entry]!, nowMs)).toBe(alone.ledger.apply(entries[act.entry]!, nowMs))
            if (act.passMs > 0) expect(here.expire(nowMs).length).toBe(alone.ledger.expire(nowMs).length)
            if (act.asks) expect(answers(here, shared)).toEqual(answers(alone.ledger, alone.interner))
            here.checkInvariants()
            alone.ledger.checkInvariants()
          }
          for (const [at, here] of together.entries()) {
            expect(answers(here, shared)).toEqual(answers(apart[at]!.ledger, apart[at]!.interner))
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  test('ledgers that took the same in another order lie on the same pages again', () => {
    const interner = new Interner()
    const [one, two] = ['a', 'b'].map((self) => new Ledger({ self, interner }))
    const [first, second] = [entryOf('state', 'n1', stateBody()), entryOf('state', 'n2', stateBody())]
    for (const entry of [first, second]) one!.apply(entry, 0)
    for (const entry of [second, first]) two!.apply(entry, 0)
    expect(one!.pageAt(0)).toBe(two!.pageAt(0))
    one!.apply(entryOf('residency', 'n1', { models: [] }), 0)
    expect(one!.pageAt(0)).not.toBe(two!.pageAt(0))
    expect(two!.get('residency', interner.index('n1')), 'the other ledger is as it was').toBeNull()
  })
})

test('ledgers that believe the same of a model share it, in whatever order they came to it, and part where they do not', () => {
  const interner = new Interner()
  const [one, two] = ['a', 'b'].map((self) => new Ledger({ self, interner }))
  const model = models[0]!
  const holds = (node: string, held: boolean, sequence: number) =>
    entryOf('residency', node, { models: held ? [resident(model)] : [] }, { sequence })
  for (const ledger of [one!, two!]) expect(ledger.nodesWith(model).holders).toEqual([])
  const news = [holds('n1', true, 1), holds('n2', true, 1), holds('n1', false, 2)]
  one!.apply(news[0]!, 0)
  one!.apply(news[1]!, 0)
  two!.apply(news[1]!, 0)
  expect(one!.nodesWith(model)).not.toBe(two!.nodesWith(model))
  two!.apply(news[0]!, 0)
  expect(one!.nodesWith(model)).toBe(two!.nodesWith(model))
  const before = one!.nodesWith(model)
  one!.apply(news[2]!, 0)
  expect(before.holders, 'what was handed out stays as it was').toHaveLength(2)
  expect(one!.nodesWith(model).holders).toEqual([interner.index('n2')])
  expect(two!.nodesWith(model)).toBe(before)
})

describe('the index by model', () => {
  test('keeps to its limit and answers the same after it forgot', () => {
    const ledger = new Ledger(
      { self: 'self', interner: new Interner() },
      { ...defaultLedgerOptions, indexedModelsMax: 2 },
    )
    ledger.apply(entryOf('residency', 'a', { models: models.toSorted().map((model) => resident(model)) }), 0)
    for (const model of [...models, ...models]) {
      expect(ledger.nodesWith(model).holders.length).toBe(1)
      expect(ledger.indexedModelCount).toBeLessThanOrEqual(2)
    }
  })

  test('forgets what changes more often than anybody asks, and answers the same', () => {
    const ledger = new Ledger({ self: 'self', interner: new Interner() })
    ledger.nodesWith(models[0]!)
    for (let sequence = 1; sequence < 100; sequence += 1) {
      const held = sequence % 2 === 1 ? [resident(models[0]!)] : []
      ledger.apply(entryOf('residency', 'a', { models: held }, { sequence }), 0)
      ledger.checkInvariants()
    }
    expect(ledger.indexedModelCount).toBe(0)
    expect(ledger.nodesWith(models[0]!).holders.length).toBe(1)
  })

  test('forgets what nobody asks for', () => {
    const ledger = new Ledger({ self: 'self', interner: new Interner() })
    ledger.nodesWith(models[0]!)
    ledger.expire(1)
    expect(ledger.indexedModelCount).toBe(1)
    ledger.expire(1 + 2 * defaultLedgerOptions.indexedForMs)
    expect(ledger.indexedModelCount).toBe(0)
  })
})

test('equal sums are equal ledgers, and any newer entry makes another sum', () => {
  const create = () => new Ledger({ self: 'self', interner: new Interner() })
  const [one, two] = [create(), create()]
  for (const [at, ledger] of [one, two].entries()) {
    const order = at === 0 ? nodes : nodes.toReversed()
    for (const node of order) ledger.apply(entryOf('state', node, stateBody(), { epoch: 1, sequence: 3 }), 0)
  }
  expect(one.sums()).toEqual(two.sums())
  two.apply(entryOf('state', 'n07', stateBody(), { epoch: 1, sequence: 4 }), 0)
  expect(one.sums().filter((sum, at) => sum !== two.sums()[at]).length).toBe(1)
})

test('a node that says that it speaks seldom is kept longer, but not for ever', () => {
  const ledger = new Ledger({ self: 'self', interner: new Interner() })
  const { expiryMs, expiryMsMax } = defaultLedgerOptions
  const says = { often: undefined, seldom: 600_000, never: Number.MAX_SAFE_INTEGER }
  for (const [node, reannounceMs] of Object.entries(says)) {
    ledger.apply(entryOf('state', node, stateBody(reannounceMs === undefined ? {} : { reannounceMs })), 0)
  }
  expect(ledger.expire(expiryMs - 1).length).toBe(0)
  expect(ledger.expire(expiryMs).length).toBe(1)
  expect(ledger.expire(3 * 600_000 - 1).length).toBe(0)
  expect(ledger.expire(3 * 600_000).length).toBe(1)
  expect(ledger.expire(expiryMsMax).length).toBe(1)
})
