/** Ledgers on shared pages say what each would say with a storage of its own. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createPrng } from '../../../common/prng.ts'
import { GossipPace } from '../../../core/cluster/gossip-pace.ts'
import type { Interner } from '../../../core/cluster/interner.ts'
import { defaultLedgerOptions, Ledger } from '../../../core/cluster/ledger.ts'
import { PlainStorage } from '../../../core/cluster/plain-storage.ts'
import type { SignedEntry } from '../../../core/events.ts'
import { NodeCore } from '../../../core/index.ts'
import { FormedEntries, SharedLedgers, SharedStorage } from '../../../sim/shared-ledger/index.ts'
import { digest, entryOf, resident, sign, stateBody } from '../../core/fixture.ts'

const all = { after: null, through: null }
const nodes = Array.from({ length: 20 }, (_, at) => `n${String(at).padStart(2, '0')}`)
const models = ['m0', 'm1', 'm2', 'm3'].map(digest)
const anyModels = fc.uniqueArray(fc.constantFrom(...models)).map((some) => some.toSorted())

const anyEntry: fc.Arbitrary<SignedEntry> = fc
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
    summary: ledger.summary(all),
    sums: [...ledger.sums()],
    holders: models.map((model) => {
      const { holders, residents } = ledger.nodesWith(model)
      return holders.map((index, at) => [interner.id(index), residents[at]!.sizeBytes])
    }),
    fetchers: models.map((model) => ledger.nodesWith(model).fetchers.map((index) => interner.id(index))),
    demand: models.map((model) => ledger.demandOfOthers(model)),
  }
}

function twoLedgers() {
  const shared = new SharedLedgers()
  const storages = ['a', 'b'].map((self) => new SharedStorage(self, shared, defaultLedgerOptions))
  const ledgers = ['a', 'b'].map((self, at) => new Ledger({ self, storage: storages[at]! }))
  return { interner: shared.ids, storages, ledgers }
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
          const shared = new SharedLedgers()
          const together = ['one', 'two', 'three'].map((self) => {
            return new Ledger({ self, storage: new SharedStorage(self, shared, options) }, options)
          })
          const apart = ['one', 'two', 'three'].map((self) => {
            const storage = new PlainStorage(self, options)
            return { interner: storage.ids, ledger: new Ledger({ self, storage }, options) }
          })
          let nowMs = 0
          for (const act of acts) {
            nowMs += act.passMs
            const [here, alone] = [together[act.ledger]!, apart[act.ledger]!]
            expect(here.apply(entries[act.entry]!, nowMs)).toBe(alone.ledger.apply(entries[act.entry]!, nowMs))
            if (act.passMs > 0) expect(here.expire(nowMs).length).toBe(alone.ledger.expire(nowMs).length)
            if (act.asks) expect(answers(here, shared.ids)).toEqual(answers(alone.ledger, alone.interner))
            here.checkInvariants()
            alone.ledger.checkInvariants()
          }
          for (const [at, here] of together.entries()) {
            expect(answers(here, shared.ids)).toEqual(answers(apart[at]!.ledger, apart[at]!.interner))
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  test('ledgers that took the same in another order lie on the same pages again', () => {
    const { interner, storages, ledgers } = twoLedgers()
    const [one, two] = ledgers
    const [first, second] = [entryOf('state', 'n1', stateBody()), entryOf('state', 'n2', stateBody())]
    for (const entry of [first, second]) one!.apply(entry, 0)
    for (const entry of [second, first]) two!.apply(entry, 0)
    expect(storages[0]!.pageAt(0)).toBe(storages[1]!.pageAt(0))
    one!.apply(entryOf('residency', 'n1', { models: [] }), 0)
    expect(storages[0]!.pageAt(0)).not.toBe(storages[1]!.pageAt(0))
    expect(two!.get('residency', interner.index('n1')), 'the other ledger is as it was').toBeNull()
  })
})

test('ledgers that believe the same of a model share it, in whatever order they came to it, and part where they do not', () => {
  const { interner, ledgers } = twoLedgers()
  const [one, two] = ledgers
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

describe('what all nodes say at once', () => {
  const said = nodes.flatMap((node, at) => [
    entryOf('state', node, stateBody(), { epoch: 1, sequence: 1 }),
    entryOf('residency', node, { models: [resident(models[at % 4]!)] }, { epoch: 1, sequence: 2 }),
  ])
  const create = () => {
    const shared = new SharedLedgers()
    const made = nodes.slice(0, 3).map((self, at) => {
      const storage = new SharedStorage(self, shared, defaultLedgerOptions)
      const pace = new GossipPace()
      return {
        self,
        storage,
        pace,
        core: new NodeCore({ self, epoch: 1, sign, random: createPrng(at), storage, pace }),
      }
    })
    return { shared, made }
  }

  test('is believed as if it was told entry by entry, and searched once', () => {
    const [formed, told] = [create(), create()]
    const entries = new FormedEntries(said, formed.shared)
    for (const [at, { storage, core }] of formed.made.entries()) {
      expect(storage.applyShared(entries, 5)).toBe(true)
      core.checkInvariants()
      const other = told.made[at]!
      other.core.step({ kind: 'entries', from: 'x', entries: said, nowMs: 5 })
      expect(core.ledgerSummary()).toEqual(other.core.ledgerSummary())
      expect([...storage.sums]).toEqual([...other.storage.sums])
      expect(core.holders(models[0]!, 5)).toEqual(other.core.holders(models[0]!, 5))
    }
    const [first, second] = formed.made
    expect(first!.storage.pageAt(19)).toBe(second!.storage.pageAt(19))
    expect(first!.storage.nodesWith(models[3]!)).toBe(second!.storage.nodesWith(models[3]!))
  })

  test.each([
    { id: 'a suspicion', news: entryOf('suspicion', 'n01', { suspects: [] }, { epoch: 1, sequence: 3 }) },
    {
      id: 'a state of a node that has said one',
      news: entryOf('state', 'n05', stateBody(), { epoch: 1, sequence: 4 }),
    },
    {
      id: 'an entry older than what is known',
      news: entryOf('residency', 'n05', { models: [] }, { epoch: 1, sequence: 1 }),
    },
  ])('is not taken past the core when it holds $id', ({ news }) => {
    const { shared, made } = create()
    const { storage, core } = made[0]!
    core.step({ kind: 'entries', from: 'x', entries: said, nowMs: 5 })
    const before = core.ledgerSummary()
    expect(storage.applyShared(new FormedEntries([news], shared), 6)).toBe(false)
    expect(core.ledgerSummary()).toEqual(before)
    core.checkInvariants()
  })
})
