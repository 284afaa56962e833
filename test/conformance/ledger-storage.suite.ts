/** What every LedgerStorage must do: keep what was written, and read off it what a look through all entries would find. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { NodeId } from '../../common/types.ts'
import { toMicro } from '../../core/cluster/body-diff.ts'
import { defaultLedgerOptions } from '../../core/cluster/ledger.ts'
import type { LedgerStorage } from '../../core/cluster/ledger-storage.ts'
import { compareIds } from '../../core/cluster/order.ts'
import { markOf } from '../../core/cluster/state-marks.ts'
import { sumCount, versionHash } from '../../core/cluster/version.ts'
import { type Entry, type EntryKind, entryKinds, type SignedEntry } from '../../core/events.ts'
import { digest, entryOf, resident, stateBody } from '../core/fixture.ts'

const self = 'n03'
const nodes = Array.from({ length: 40 }, (_, at) => `n${String(at).padStart(2, '0')}`)
const models = ['m0', 'm1', 'm2', 'm3'].map(digest)
const someModels = fc.uniqueArray(fc.constantFrom(...models)).map((some) => some.toSorted())

const anyEntry: fc.Arbitrary<SignedEntry> = fc
  .record({
    node: fc.constantFrom(...nodes),
    kind: fc.constantFrom(...entryKinds),
    sequence: fc.integer({ min: 1, max: 9 }),
    held: someModels,
    fetching: someModels,
    size: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ node, kind, sequence, held, fetching, size }) => {
    const bodies = {
      state: stateBody({ zone: `z${size}`, queueMs: size, draining: size === 2, bulkAddress: size === 3 ? '' : 'a:1' }),
      residency: { models: held.map((model) => resident(model, { sizeBytes: size })), fetching },
      demand: { rates: held.map((model) => ({ model, ratePerS: size / 7 })) },
      suspicion: { suspects: [] },
    }
    return entryOf(kind, node, bodies[kind] as never, { epoch: 1, sequence })
  })

const anyAct = fc.record({
  entry: anyEntry,
  removes: fc.boolean(),
  asks: fc.boolean(),
  sweeps: fc.constantFrom(false, false, false, true),
})

/** What was written, by node and kind, and when. */
class Written {
  private readonly entries = new Map<string, SignedEntry>()
  readonly receivedMs = new Map<NodeId, number>()
  revision = 0

  set({ node, kind }: Entry, signed: SignedEntry | null, nowMs: number): void {
    this.revision += 1
    if (signed === null) this.entries.delete(`${node} ${kind}`)
    else {
      this.entries.set(`${node} ${kind}`, signed)
      this.receivedMs.set(node, nowMs)
    }
  }

  get<K extends EntryKind>(node: NodeId, kind: K): Entry<K> | null {
    return (this.entries.get(`${node} ${kind}`)?.entry as Entry<K> | undefined) ?? null
  }

  signed(node: NodeId, kind: EntryKind): SignedEntry | null {
    return this.entries.get(`${node} ${kind}`) ?? null
  }

  has(node: NodeId): boolean {
    return entryKinds.some((kind) => this.signed(node, kind) !== null)
  }

  /** What a storage has to say, but for the versions of questions by model. */
  facts(storage: LedgerStorage): unknown {
    const sums = new Int32Array(sumCount)
    for (const { entry } of this.entries.values()) {
      const hash = storage.ids.hash(storage.ids.index(entry.node))
      sums[hash % sumCount]! ^= versionHash(hash, entry.kind, entry)
    }
    return {
      entryCount: this.entries.size,
      nodeCount: nodes.filter((node) => this.has(node)).length,
      revision: this.revision,
      sums: [...sums],
      nodes: nodes.map((node) => ({
        signed: entryKinds.map((kind) => this.signed(node, kind)),
        has: this.has(node),
        receivedMs: this.has(node) ? this.receivedMs.get(node) : null,
        zone: this.get(node, 'state')?.body.zone ?? null,
        queueMs: this.get(node, 'state')?.body.queueMs ?? 0,
        mark: markOf(this.get(node, 'state')?.body ?? null),
      })),
    }
  }

  byModel(): unknown {
    const sorted = nodes.toSorted(compareIds)
    return models.map((model) => {
      const held = (node: NodeId) => this.get(node, 'residency')?.body.models.find((one) => one.model === model)
      const holders = sorted.filter((node) => held(node) !== undefined)
      const others = nodes.filter((node) => node !== self)
      const rates = others.flatMap((node) => this.get(node, 'demand')?.body.rates ?? [])
      return {
        holders,
        residents: holders.map((node) => held(node)!.sizeBytes),
        fetchers: sorted.filter((node) => this.get(node, 'residency')?.body.fetching?.includes(model) === true),
        rateMicro: rates.filter((rate) => rate.model === model).reduce((sum, rate) => sum + toMicro(rate.ratePerS), 0),
      }
    })
  }
}

function factsOf(storage: LedgerStorage): unknown {
  return {
    entryCount: storage.entryCount,
    nodeCount: storage.nodeCount,
    revision: storage.revision,
    sums: [...storage.sums],
    nodes: nodes.map((node) => {
      const index = storage.ids.index(node)
      return {
        signed: entryKinds.map((kind) => storage.signed(index, kind)),
        has: storage.has(index),
        receivedMs: storage.has(index) ? storage.receivedMs(index) : null,
        zone: storage.zoneOf(index),
        queueMs: storage.queueMs(index),
        mark: storage.stateMark(index),
      }
    }),
  }
}

function byModelOf(storage: LedgerStorage): unknown {
  const id = (index: number) => storage.ids.id(index)
  return models.map((model) => {
    const { holders, residents, fetchers } = storage.nodesWith(model)
    return {
      holders: holders.map(id),
      residents: residents.map(({ sizeBytes }) => sizeBytes),
      fetchers: fetchers.map(id),
      rateMicro: storage.othersRateMicro(model),
    }
  })
}

/** @param create a storage of the node, beside which others may be written to. */
export function testLedgerStorage(
  name: string,
  create: (self: NodeId, indexedModelsMax: number) => LedgerStorage,
): void {
  const { indexedModelsMax } = defaultLedgerOptions

  describe(`LedgerStorage: ${name}`, () => {
    test.each([
      { id: 'as many models as there are', modelsMax: indexedModelsMax },
      { id: 'fewer models than are asked for', modelsMax: 2 },
    ])('says what was written, indexing $id', ({ modelsMax }) => {
      fc.assert(
        fc.property(fc.array(anyAct, { maxLength: 120 }), (acts) => {
          const storage = create(self, modelsMax)
          const written = new Written()
          for (const [nowMs, { entry, removes, asks, sweeps }] of acts.entries()) {
            const signed = removes ? null : entry
            written.set(entry.entry, signed, nowMs)
            storage.write(storage.ids.index(entry.entry.node), entry.entry.kind, signed, nowMs)
            if (sweeps) storage.sweep()
            if (asks) expect(byModelOf(storage)).toEqual(written.byModel())
            storage.checkInvariants()
          }
          expect(factsOf(storage)).toEqual(written.facts(storage))
          expect(byModelOf(storage)).toEqual(written.byModel())
        }),
        { numRuns: 60 },
      )
    })

    test('says what each entry changed, by model', () => {
      const storage = create(self, indexedModelsMax)
      const index = storage.ids.index('n07')
      const [one, two] = models.toSorted()
      const write = (signed: SignedEntry) => storage.write(index, signed.entry.kind, signed, 0)
      const residency = (held: string[], fetching: string[]) =>
        write(entryOf('residency', 'n07', { models: held.map((model) => resident(model)), fetching }))
      expect(write(entryOf('state', 'n07', stateBody()))).toEqual([])
      expect(residency([one!], [two!])).toEqual([
        { model: one, holder: { index, resident: resident(one!) } },
        { model: two, fetching: true },
      ])
      expect(residency([one!], [])).toEqual([{ model: two, fetching: false }])
      expect(storage.write(index, 'residency', null, 0)).toEqual([{ model: one, holder: null }])
      expect(write(entryOf('demand', 'n07', { rates: [{ model: one!, ratePerS: 2 }] }))).toEqual([
        { model: one, rateMicro: 2_000_000 },
      ])
    })

    test('hands out what it believes of a model for good: a change makes another', () => {
      const storage = create(self, indexedModelsMax)
      const write = (node: NodeId, held: string[]) => {
        const signed = entryOf('residency', node, { models: held.map((model) => resident(model)) })
        storage.write(storage.ids.index(node), 'residency', signed, 0)
      }
      const model = models[0]!
      for (const node of ['n30', 'n09', 'n20']) write(node, [model])
      const before = storage.nodesWith(model)
      expect(before.holders.map((index) => storage.ids.id(index))).toEqual(['n09', 'n20', 'n30'])
      write('n20', [])
      expect(before.holders).toHaveLength(3)
      expect(storage.nodesWith(model).holders.map((index) => storage.ids.id(index))).toEqual(['n09', 'n30'])
    })
  })
}
