import { describe, expect, test } from 'vitest'
import { defaultLedgerOptions, Ledger } from '../../../core/cluster/ledger.ts'
import { PlainStorage } from '../../../core/cluster/plain-storage.ts'
import { digest, entryOf, resident } from '../fixture.ts'

const models = ['m0', 'm1', 'm2', 'm3'].map(digest)

function create(over: Partial<typeof defaultLedgerOptions> = {}) {
  const options = { ...defaultLedgerOptions, ...over }
  const storage = new PlainStorage('self', options)
  return { storage, ledger: new Ledger({ self: 'self', storage }, options) }
}

describe('the index by model', () => {
  test('keeps to its limit and answers the same after it forgot', () => {
    const { storage, ledger } = create({ indexedModelsMax: 2 })
    ledger.apply(entryOf('residency', 'a', { models: models.toSorted().map((model) => resident(model)) }), 0)
    for (const model of [...models, ...models]) {
      expect(ledger.nodesWith(model).holders.length).toBe(1)
      expect(storage.indexedModelCount).toBeLessThanOrEqual(2)
    }
  })

  test('forgets what changes more often than anybody asks, and answers the same', () => {
    const { storage, ledger } = create()
    ledger.nodesWith(models[0]!)
    for (let sequence = 1; sequence < 100; sequence += 1) {
      const held = sequence % 2 === 1 ? [resident(models[0]!)] : []
      ledger.apply(entryOf('residency', 'a', { models: held }, { sequence }), 0)
      ledger.checkInvariants()
    }
    expect(storage.indexedModelCount).toBe(0)
    expect(ledger.nodesWith(models[0]!).holders.length).toBe(1)
  })

  test('forgets what nobody asks for', () => {
    const { storage, ledger } = create()
    ledger.nodesWith(models[0]!)
    ledger.expire(1)
    expect(storage.indexedModelCount).toBe(1)
    ledger.expire(1 + 2 * defaultLedgerOptions.indexedForMs)
    expect(storage.indexedModelCount).toBe(0)
  })
})
