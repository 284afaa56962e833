import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { defaultLedgerOptions, Ledger } from '../../../core/cluster/ledger.ts'
import { PlainStorage } from '../../../core/cluster/plain-storage.ts'
import { sumCount } from '../../../core/cluster/version.ts'
import type { EntryKind, SignedEntry } from '../../../core/events.ts'
import { digest, entryOf, resident, stateBody } from '../fixture.ts'

const all = { after: null, through: null }
const create = (over: Partial<typeof defaultLedgerOptions> = {}, self = 'self') => {
  const options = { ...defaultLedgerOptions, ...over }
  return new Ledger({ self, storage: new PlainStorage(self, options) }, options)
}

const bodies = {
  state: stateBody(),
  residency: { models: [] },
  demand: { rates: [] },
  suspicion: { suspects: [] },
}
const anEntry = (node: string, epoch: number, sequence: number, kind: EntryKind = 'state'): SignedEntry =>
  entryOf(kind, node, bodies[kind] as never, { epoch, sequence })

describe('last writer wins', () => {
  const cases = [
    { id: 'a higher sequence', first: [1, 5], next: [1, 6], result: 'applied' },
    { id: 'the same again', first: [1, 5], next: [1, 5], result: 'stale' },
    { id: 'a lower sequence', first: [1, 5], next: [1, 4], result: 'stale' },
    { id: 'a later epoch with a lower sequence', first: [1, 5], next: [2, 1], result: 'applied' },
    { id: 'an earlier epoch with a higher sequence', first: [2, 1], next: [1, 9], result: 'stale' },
  ] as const
  test.each(cases)('$id is $result', ({ first, next, result }) => {
    const ledger = create()
    expect(ledger.apply(anEntry('a', first[0], first[1]), 0)).toBe('applied')
    expect(ledger.apply(anEntry('a', next[0], next[1]), 0)).toBe(result)
  })

  test('an entry of this node that came from outside is never written', () => {
    const ledger = create()
    expect(ledger.apply(anEntry('self', 9, 9), 0)).toBe('own')
    expect(ledger.size).toBe(0)
  })

  test('whatever is lost, repeated or reordered: ledgers that got the newest of each agree', () => {
    const version = fc.tuple(
      fc.constantFrom('a', 'b', 'c'),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 5 }),
    )
    const kind = fc.constantFrom<EntryKind>('state', 'residency', 'demand', 'suspicion')
    const history = fc.array(fc.tuple(version, kind), { maxLength: 40 })
    fc.assert(
      fc.property(history, fc.infiniteStream(fc.nat()), (entries, draws) => {
        const sent = entries.map(([[node, epoch, sequence], of]) => anEntry(node, epoch, sequence, of))
        const shuffled = [...sent, ...sent.slice(0, 5)].sort(() => (draws.next().value! % 2 === 0 ? -1 : 1))
        const [one, two] = [create(), create()]
        for (const signed of sent) one.apply(signed, 0)
        for (const signed of shuffled) two.apply(signed, 0)
        for (const signed of two.missingFrom(one.summary(all), all)) one.apply(signed, 0)
        expect(one.summary(all)).toEqual(two.summary(all))
        one.checkInvariants()
        two.checkInvariants()
      }),
    )
  })
})

describe('holders', () => {
  test('are found by model in order of ids, and follow what nodes say', () => {
    const ledger = create()
    const model = digest('m')
    const says = (node: string, models: string[], sequence: number) => {
      const body = { models: models.sort().map((id) => resident(id)) }
      ledger.apply(entryOf('residency', node, body, { sequence }), 0)
    }
    says('b', [model, digest('x')], 1)
    says('a', [digest('y'), model], 1)
    says('c', [digest('x')], 1)
    const nodes = ['self', 'b', 'a', 'c']
    const holders = () => ledger.nodesWith(model).holders.map((index) => nodes[index])
    expect(holders()).toEqual(['a', 'b'])
    says('a', [], 2)
    says('c', [model], 2)
    expect(holders()).toEqual(['b', 'c'])
  })
})

describe('digests in parts', () => {
  test('the groups cover every node once, and some of them say nothing of the rest', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string({ minLength: 1, maxLength: 3 }), { maxLength: 30 }),
        fc.integer({ min: 1, max: sumCount }),
        (nodes, first) => {
          const [ledger, empty] = [create({}, ' self'), create({}, ' other')]
          for (const node of nodes) ledger.apply(anEntry(node, 1, 1), 0)
          const groups = Array.from({ length: sumCount }, (_, group) => group)
          const parts = [groups.slice(0, first), groups.slice(first)]
          for (const part of parts) {
            const items = ledger.summaryOfGroups(part)
            expect(items.every((item) => part.includes(ledger.groupOf(item.node)))).toBe(true)
            expect(ledger.missingFromGroups(items, part)).toEqual([])
            for (const signed of ledger.missingFromGroups([], part)) empty.apply(signed, 0)
          }
          expect(empty.summary(all)).toEqual(ledger.summary(all))
          expect(empty.sums()).toEqual(ledger.sums())
          expect(parts.flatMap((part) => ledger.summaryOfGroups(part)).length).toBe(ledger.size)
        },
      ),
    )
  })
})

describe('silence', () => {
  const expired = () => {
    const ledger = create({ expiryMs: 100, tombstoneMs: 1_000 })
    ledger.apply(anEntry('a', 1, 5), 0)
    ledger.apply(anEntry('a', 1, 3, 'residency'), 0)
    expect(ledger.expire(99)).toEqual([])
    expect(ledger.expire(100).length).toBe(1)
    expect(ledger.size).toBe(0)
    return ledger
  }

  test('removes a node with all its entries, and what is old does not bring it back', () => {
    const ledger = expired()
    expect(ledger.apply(anEntry('a', 1, 5), 200)).toBe('stale')
    expect(ledger.apply(anEntry('a', 1, 3, 'residency'), 200)).toBe('stale')
    expect(ledger.apply(anEntry('a', 1, 4, 'demand'), 200)).toBe('stale')
    ledger.checkInvariants()
  })

  test('a newer entry proves that the node lives: what it said last is true again', () => {
    const ledger = expired()
    expect(ledger.apply(anEntry('a', 1, 6), 200)).toBe('applied')
    expect(ledger.apply(anEntry('a', 1, 2, 'residency'), 200)).toBe('stale')
    expect(ledger.apply(anEntry('a', 1, 3, 'residency'), 200)).toBe('applied')
    ledger.checkInvariants()
  })

  test('a tombstone is forgotten in the end', () => {
    const ledger = expired()
    ledger.expire(1_100)
    expect(ledger.apply(anEntry('a', 1, 5), 1_100)).toBe('applied')
  })
})

test('a member that invents nodes fills the ledger to its limit only', () => {
  const ledger = create({ nodesMax: 2 })
  expect(['a', 'b', 'c'].map((node) => ledger.apply(anEntry(node, 1, 1), 0))).toEqual(['applied', 'applied', 'stale'])
  expect(ledger.apply(anEntry('a', 1, 2), 0)).toBe('applied')
})

test('equal sums are equal ledgers, and any newer entry makes another sum', () => {
  const many = Array.from({ length: 20 }, (_, at) => `n${String(at).padStart(2, '0')}`)
  const [one, two] = [create(), create()]
  for (const [at, ledger] of [one, two].entries()) {
    const order = at === 0 ? many : many.toReversed()
    for (const node of order) ledger.apply(entryOf('state', node, stateBody(), { epoch: 1, sequence: 3 }), 0)
  }
  expect(one.sums()).toEqual(two.sums())
  two.apply(entryOf('state', 'n07', stateBody(), { epoch: 1, sequence: 4 }), 0)
  expect(one.sums().filter((sum, at) => sum !== two.sums()[at]).length).toBe(1)
})

test('a node that says that it speaks seldom is kept longer, but not for ever', () => {
  const ledger = create()
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
