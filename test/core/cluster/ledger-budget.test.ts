/** Members that invent nodes: what they make a node keep has a limit of bytes, and honest nodes stay. */
import { describe, expect, it } from 'vitest'
import { defaultLedgerOptions, Ledger } from '../../../core/cluster/ledger.ts'
import { LedgerBudget, sizeBytesOf } from '../../../core/cluster/ledger-budget.ts'
import { PlainStorage } from '../../../core/cluster/plain-storage.ts'
import type { SignedEntry } from '../../../core/events.ts'
import { digest, entryOf, resident, stateBody } from '../fixture.ts'

const models = Array.from({ length: 64 }, (_, at) => resident(digest(`model ${at}`))).sort((a, b) =>
  a.model < b.model ? -1 : 1,
)
const state = (node: string, sequence = 1): SignedEntry => entryOf('state', node, stateBody(), { epoch: 1, sequence })
const residency = (node: string, count: number, sequence = 2): SignedEntry =>
  entryOf('residency', node, { models: models.slice(0, count) }, { epoch: 1, sequence })

const smallBytes = sizeBytesOf(state('honest-0')) + sizeBytesOf(residency('honest-0', 1))
const bytesMax = 40 * smallBytes

function ledgerOf(over: Partial<typeof defaultLedgerOptions> = {}) {
  const options = { ...defaultLedgerOptions, bytesMax, ...over }
  const storage = new PlainStorage('self', options)
  return { ledger: new Ledger({ self: 'self', storage }, options), ids: storage.ids }
}

describe('invented nodes with many models', () => {
  it('take no more than the limit, whatever comes, and the accounts are right', () => {
    const { ledger } = ledgerOf()
    for (let at = 0; at < 600; at += 1) {
      ledger.apply(state(`invented-${at}`), 0)
      ledger.apply(residency(`invented-${at}`, 64), 0)
      expect(ledger.usedBytes).toBeLessThanOrEqual(bytesMax)
    }
    let sumBytes = 0
    for (const index of ledger.nodes()) {
      for (const kind of ['state', 'residency'] as const) {
        const signed = ledger.signed(kind, index)
        if (signed !== null) sumBytes += sizeBytesOf(signed)
      }
    }
    expect(ledger.usedBytes).toBe(sumBytes)
    ledger.checkInvariants()
  })

  it('give way to small nodes that nobody has met, and are told of as removed', () => {
    const { ledger, ids } = ledgerOf()
    for (let at = 0; at < 100; at += 1) ledger.apply(residency(`invented-${at}`, 64), 0)
    for (let at = 0; at < 20; at += 1) {
      expect(ledger.apply(state(`honest-${at}`), 0)).toBe('applied')
      expect(ledger.apply(residency(`honest-${at}`, 1), 0)).toBe('applied')
    }
    expect(ledger.nodes().filter((index) => ids.id(index).startsWith('honest'))).toHaveLength(20)
    expect(ledger.nextExpireMs).toBe(Number.NEGATIVE_INFINITY)
    const removed = ledger.expire(0).map((index) => ids.id(index))
    expect(removed.length).toBeGreaterThan(0)
    expect(removed.every((node) => node.startsWith('invented'))).toBe(true)
    expect(ledger.expire(0)).toEqual([])
  })

  it('never displace a node that was connected to this one, however large', () => {
    const { ledger, ids } = ledgerOf()
    ledger.meet(ids.index('met'))
    ledger.apply(residency('met', 64), 0)
    for (let at = 0; at < 1_000; at += 1) ledger.apply(state(`invented-${at}`), 0)
    expect(ledger.has(ids.index('met'))).toBe(true)
    ledger.meet(ids.index('met too'))
    expect(ledger.apply(residency('met too', 64), 0)).toBe('applied')
  })

  it('do not lock out a node that is connected when all places are taken', () => {
    const { ledger, ids } = ledgerOf({ nodesMax: 5 })
    for (let at = 0; at < 9; at += 1) ledger.apply(state(`invented-${at}`), 0)
    expect(ledger.count).toBe(5)
    expect(ledger.apply(state('stranger'), 0)).toBe('stale')
    ledger.meet(ids.index('met'))
    expect(ledger.apply(state('met'), 0)).toBe('applied')
    expect(ledger.count).toBe(5)
  })

  it('are not asked for when the ledger is full, nor remembered beyond the limit of ids', () => {
    const { ledger } = ledgerOf({ idsMax: 30 })
    for (let at = 0; at < 200; at += 1) ledger.apply(residency(`invented-${at}`, 64), 0)
    expect(ledger.lacks({ node: 'new', kind: 'state', epoch: 1, sequence: 1 })).toBe(false)
    expect(ledger.apply(state('new'), 0)).toBe('stale')
  })
})

it('a budget gives back what has gone', () => {
  const budget = new LedgerBudget(100)
  budget.add(1, 60)
  budget.add(1, 20)
  expect([budget.usedBytes, budget.displacedBy(2, 30), budget.displacedBy(2, 90)]).toEqual([80, [1], null])
  budget.drop(1)
  budget.drop(1)
  expect([budget.usedBytes, budget.displacedBy(2, 90)]).toEqual([0, []])
})
