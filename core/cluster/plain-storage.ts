/** The storage of one ledger alone: a table with a row per node, written in place, and an index of the models that are asked for. */

import type { ModelId, NodeId, Zone } from '../../common/index.ts'
import type { Entry, EntryKind, SignedEntry } from '../events.ts'
import { type Holder, type ModelChange, toMicro } from './body-diff.ts'
import { diffEntries } from './entry-format.ts'
import { Interner } from './interner.ts'
import type { LedgerStorage, StorageOptions } from './ledger-storage.ts'
import { ModelIndex } from './model-index.ts'
import { type ModelNodes, modelNodes } from './model-nodes.ts'
import { NodeFacts } from './node-facts.ts'
import { indexOfSorted } from './order.ts'
import { markOf } from './state-marks.ts'
import { sumCount, versionHash } from './version.ts'

interface Row {
  readonly entries: Partial<Record<EntryKind, SignedEntry>>
  entryCount: number
  receivedMs: number
}

export class PlainStorage implements LedgerStorage {
  readonly ids = new Interner()
  readonly facts = new NodeFacts()
  readonly sums = new Int32Array(sumCount)
  entryCount = 0
  nodeCount = 0
  revision = 0
  private readonly selfIndex: number
  private readonly rows: Row[] = []
  private readonly models: ModelIndex

  constructor(self: NodeId, options: StorageOptions) {
    this.selfIndex = this.ids.index(self)
    const search = {
      nodes: (model: ModelId) => this.searchNodes(model),
      rateMicro: (model: ModelId) => this.searchRate(model),
    }
    this.models = new ModelIndex({ order: this.ids, search }, options.indexedModelsMax)
  }

  get indexedModelCount(): number {
    return this.models.size
  }

  signed(index: number, kind: EntryKind): SignedEntry | null {
    return this.rows[index]?.entries[kind] ?? null
  }

  has(index: number): boolean {
    return (this.rows[index]?.entryCount ?? 0) > 0
  }

  receivedMs(index: number): number {
    return this.rows[index]?.receivedMs ?? Number.NEGATIVE_INFINITY
  }

  write(index: number, kind: EntryKind, signed: SignedEntry | null, nowMs: number): readonly ModelChange[] {
    const row = this.rowOf(index)
    const held = row.entries[kind]
    const added = Number(signed !== null) - Number(held !== undefined)
    if (signed === null) delete row.entries[kind]
    else {
      row.entries[kind] = signed
      row.receivedMs = nowMs
    }
    this.nodeCount += Number(row.entryCount + added > 0) - Number(row.entryCount > 0)
    row.entryCount += added
    this.entryCount += added
    this.revision += 1
    const hash = this.ids.hash(index)
    for (const one of [held, signed]) if (one != null) this.sums[hash % sumCount]! ^= versionHash(hash, kind, one.entry)
    const changes = diffEntries(held?.entry ?? null, signed?.entry ?? null, index)
    if (changes.length > 0) this.models.follow(index, index === this.selfIndex, changes)
    return changes
  }

  zoneOf(index: number): Zone | null {
    return this.entry('state', index)?.body.zone ?? null
  }

  queueMs(index: number): number {
    return this.entry('state', index)?.body.queueMs ?? 0
  }

  stateMark(index: number): number {
    return markOf(this.entry('state', index)?.body ?? null)
  }

  nodesWith(model: ModelId): ModelNodes {
    return this.models.nodes(model)
  }

  othersRateMicro(model: ModelId): number {
    return this.models.rateMicro(model)
  }

  sweep(): void {
    this.models.sweep()
  }

  checkInvariants(): void {
    this.models.checkInvariants()
  }

  private entry<K extends EntryKind>(kind: K, index: number): Entry<K> | null {
    return (this.rows[index]?.entries[kind]?.entry as Entry<K> | undefined) ?? null
  }

  private rowOf(index: number): Row {
    while (this.rows.length <= index) {
      this.rows.push({ entries: {}, entryCount: 0, receivedMs: Number.NEGATIVE_INFINITY })
    }
    return this.rows[index]!
  }

  private searchNodes(model: ModelId): ModelNodes {
    const holders: Holder[] = []
    const fetchers: number[] = []
    for (let index = 0; index < this.rows.length; index += 1) {
      const body = this.entry('residency', index)?.body
      if (body === undefined) continue
      const at = indexOfSorted(body.models, model, (item) => item.model)
      if (at >= 0) holders.push({ index, resident: body.models[at]! })
      if (indexOfSorted(body.fetching ?? [], model, (item) => item) >= 0) fetchers.push(index)
    }
    return modelNodes(holders, fetchers, this.ids)
  }

  private searchRate(model: ModelId): number {
    let sum = 0
    for (let index = 0; index < this.rows.length; index += 1) {
      if (index === this.selfIndex) continue
      const rates = this.entry('demand', index)?.body.rates ?? []
      const at = indexOfSorted(rates, model, (item) => item.model)
      if (at >= 0) sum += toMicro(rates[at]!.ratePerS)
    }
    return sum
  }
}
