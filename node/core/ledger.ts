/**
 * What this node believes of all nodes: the newest entry per (node, kind), last writer wins.
 *
 * Dense arrays, one per kind, hold references to immutable records; in one simulator process all ledgers share the records, so
 * that a further ledger costs pointers only. For the same reason there is no standing index of holders: residency records are
 * sorted by model, `holdersOf` searches each one and remembers the answer until any residency changes.
 *
 * A silent node is removed after `expiryMs`, but the versions of what was removed stay as a tombstone: a peer that still has
 * the old entries cannot bring the node back to life, only an entry newer than them can.
 */
import { assertInvariant } from '../../placement/errors.ts'
import type { ModelId, NodeId } from '../../placement/types.ts'
import {
  type DigestItem,
  type DigestRange,
  type Entry,
  type EntryKind,
  entryKinds,
  type ResidentModel,
  type SealedEntry,
} from './events.ts'
import { compareIds, type Interner, indexOfSorted } from './interner.ts'
import { compareVersions, type Version } from './version.ts'

export type Applied = 'applied' | 'stale' | 'own'

export interface LedgerOptions {
  /** Silence after which a node's entries are removed. Three re-announcements of its state may be lost before. */
  readonly expiryMs: number
  /** How long the versions of a removed node are remembered. Three expiries: a peer that learnt the entries late has dropped them by then. */
  readonly tombstoneMs: number
  /** Nodes in the ledger. A member that invents nodes fills at most this much; twice the largest cluster we plan for. */
  readonly nodesMax: number
}

export const defaultLedgerOptions: LedgerOptions = { expiryMs: 180_000, tombstoneMs: 540_000, nodesMax: 20_000 }

export interface Holder {
  readonly index: number
  readonly resident: ResidentModel
}

interface Tombstone {
  readonly floor: ReadonlyMap<EntryKind, Version>
  readonly forgetAtMs: number
  /** A newer entry came: the node lives, and what equals the floor is true again. */
  revived: boolean
}

type Slots = (SealedEntry | null)[]

export class Ledger {
  private readonly interner: Interner
  private readonly options: LedgerOptions
  private readonly selfIndex: number
  private readonly slots: Record<EntryKind, Slots> = { state: [], residency: [], demand: [], suspicion: [] }
  /** By node index; meaningful where a slot is filled. */
  private readonly heardAtMs: number[] = []
  private readonly tombstones = new Map<number, Tombstone>()
  private readonly holdersMemo = new Map<ModelId, readonly Holder[]>()
  private readonly fetchersMemo = new Map<ModelId, readonly number[]>()
  private entryCount = 0
  private nodeCount = 0

  constructor(ports: { self: NodeId; interner: Interner }, options: LedgerOptions = defaultLedgerOptions) {
    this.interner = ports.interner
    this.selfIndex = ports.interner.index(ports.self)
    this.options = options
  }

  get size(): number {
    return this.entryCount
  }

  /** An entry of another node. 'own' when it claims to be by this node: only `applyOwn` writes those. */
  apply(sealed: SealedEntry, nowMs: number): Applied {
    const known = this.interner.lookup(sealed.entry.node)
    if (known === this.selfIndex) return 'own'
    if ((known === undefined || !this.has(known)) && this.nodeCount >= this.options.nodesMax) return 'stale'
    const index = this.interner.index(sealed.entry.node)
    if (!this.isNewer(index, sealed.entry)) return 'stale'
    this.store(index, sealed, nowMs)
    return 'applied'
  }

  applyOwn(sealed: SealedEntry, nowMs: number): void {
    const { entry } = sealed
    assertInvariant(this.interner.index(entry.node) === this.selfIndex, 'an own entry names this node')
    assertInvariant(this.isNewer(this.selfIndex, entry), 'own entries rise in version')
    this.store(this.selfIndex, sealed, nowMs)
  }

  get<K extends EntryKind>(kind: K, index: number): Entry<K> | null {
    return (this.slots[kind][index]?.entry as Entry<K> | undefined) ?? null
  }

  sealed(kind: EntryKind, index: number): SealedEntry | null {
    return this.slots[kind][index] ?? null
  }

  heardMs(index: number): number {
    return this.heardAtMs[index] ?? Number.NEGATIVE_INFINITY
  }

  /** Indices of all nodes with at least one entry, in order of their ids. */
  nodes(): number[] {
    return this.interner.inOrder().filter((index) => this.has(index))
  }

  has(index: number): boolean {
    return entryKinds.some((kind) => this.slots[kind][index] != null)
  }

  /** Every known node that says it has the model complete, in order of node ids. */
  holdersOf(model: ModelId): readonly Holder[] {
    const known = this.holdersMemo.get(model)
    if (known !== undefined) return known
    const holders: Holder[] = []
    for (const index of this.interner.inOrder()) {
      const models = this.get('residency', index)?.body.models
      const at = models === undefined ? -1 : indexOfSorted(models, model, (item) => item.model)
      if (at >= 0) holders.push({ index, resident: models![at]! })
    }
    this.holdersMemo.set(model, holders)
    return holders
  }

  /** Every known node that says the model is on its way in, in order of node ids. */
  fetchersOf(model: ModelId): readonly number[] {
    const known = this.fetchersMemo.get(model)
    if (known !== undefined) return known
    const fetchers = this.interner.inOrder().filter((index) => {
      const fetching = this.get('residency', index)?.body.fetching
      return fetching !== undefined && indexOfSorted(fetching, model, (item) => item) >= 0
    })
    this.fetchersMemo.set(model, fetchers)
    return fetchers
  }

  /** Sum of the rates that other nodes publish for the model. */
  demandOfOthers(model: ModelId): number {
    let ratePerS = 0
    for (const [index, sealed] of this.slots.demand.entries()) {
      if (index === this.selfIndex || sealed?.entry.kind !== 'demand') continue
      const { rates } = sealed.entry.body
      const at = indexOfSorted(rates, model, (item) => item.model)
      if (at >= 0) ratePerS += rates[at]!.ratePerS
    }
    return ratePerS
  }

  /** Versions of all entries of the nodes in the range, in order of node ids. */
  digest(range: DigestRange): DigestItem[] {
    const items: DigestItem[] = []
    for (const { entry } of this.entriesIn(range)) {
      items.push({ node: entry.node, kind: entry.kind, epoch: entry.epoch, sequence: entry.sequence })
    }
    return items
  }

  /** Cuts all ids into ranges of at most `nodesMax` known nodes each; together the ranges cover every id there can be. */
  ranges(nodesMax: number): DigestRange[] {
    const nodes = this.nodes()
    const ranges: DigestRange[] = []
    let after: NodeId | null = null
    for (let end = nodesMax; end < nodes.length; end += nodesMax) {
      const through = this.interner.id(nodes[end - 1]!)
      ranges.push({ after, through })
      after = through
    }
    ranges.push({ after, through: null })
    return ranges
  }

  /** The entries in the range that the author of the digest lacks or has in an older version. */
  missingFrom(items: readonly DigestItem[], range: DigestRange): SealedEntry[] {
    const theirs = new Map<string, DigestItem>()
    for (const item of items) theirs.set(`${item.kind} ${item.node}`, item)
    const missing: SealedEntry[] = []
    for (const sealed of this.entriesIn(range)) {
      const { entry } = sealed
      const item = theirs.get(`${entry.kind} ${entry.node}`)
      if (item === undefined || compareVersions(entry, item) > 0) missing.push(sealed)
    }
    return missing
  }

  /** True when the entry that the item names would be applied here. */
  lacks(item: DigestItem): boolean {
    const index = this.interner.lookup(item.node)
    return index === undefined ? this.nodeCount < this.options.nodesMax : this.isNewer(index, item)
  }

  /** Removes nodes that were silent for too long and forgets old tombstones. Returns the removed nodes. */
  expire(nowMs: number): number[] {
    for (const [index, tombstone] of this.tombstones) {
      if (nowMs >= tombstone.forgetAtMs) this.tombstones.delete(index)
    }
    return this.nodes().filter((index) => {
      if (index === this.selfIndex || nowMs - this.heardMs(index) < this.options.expiryMs) return false
      this.remove(index, nowMs)
      return true
    })
  }

  /** Recomputes what runs along. */
  checkInvariants(): void {
    let count = 0
    for (const kind of entryKinds) {
      this.slots[kind].forEach((sealed, index) => {
        if (sealed === null) return
        count += 1
        assertInvariant(sealed.entry.kind === kind, `a ${sealed.entry.kind} entry lies in the ${kind} slots`)
        assertInvariant(sealed.entry.node === this.interner.id(index), 'an entry lies at the index of its node')
      })
    }
    assertInvariant(count === this.entryCount, `${count} entries counted, ${this.entryCount} kept`)
    assertInvariant(
      this.nodes().length === this.nodeCount,
      `${this.nodes().length} nodes counted, ${this.nodeCount} kept`,
    )
  }

  private *entriesIn(range: DigestRange): Iterable<SealedEntry> {
    for (const index of this.interner.inOrder()) {
      const id = this.interner.id(index)
      if (range.after !== null && compareIds(id, range.after) <= 0) continue
      if (range.through !== null && compareIds(id, range.through) > 0) return
      for (const kind of entryKinds) {
        const sealed = this.slots[kind][index]
        if (sealed != null) yield sealed
      }
    }
  }

  private isNewer(index: number, entry: DigestItem): boolean {
    const held = this.slots[entry.kind][index]
    if (held != null) return compareVersions(entry, held.entry) > 0
    const tombstone = this.tombstones.get(index)
    if (tombstone === undefined) return true
    const floor = tombstone.floor.get(entry.kind)
    if (tombstone.revived) return floor === undefined || compareVersions(entry, floor) >= 0
    // All kinds of a node count on one sequence, so a kind never seen is judged by the newest of the others.
    return compareVersions(entry, floor ?? newest(tombstone.floor)) > 0
  }

  private store(index: number, sealed: SealedEntry, nowMs: number): void {
    const { kind } = sealed.entry
    const slots = this.slots[kind]
    while (slots.length <= index) slots.push(null)
    if (!this.has(index)) this.nodeCount += 1
    if (slots[index] === null) this.entryCount += 1
    slots[index] = sealed
    while (this.heardAtMs.length <= index) this.heardAtMs.push(Number.NEGATIVE_INFINITY)
    this.heardAtMs[index] = nowMs
    const tombstone = this.tombstones.get(index)
    if (tombstone !== undefined) tombstone.revived = true
    if (kind === 'residency') this.forgetMemos()
  }

  private remove(index: number, nowMs: number): void {
    const floor = new Map(this.tombstones.get(index)?.floor)
    for (const kind of entryKinds) {
      const sealed = this.slots[kind][index]
      if (sealed == null) continue
      floor.set(kind, { epoch: sealed.entry.epoch, sequence: sealed.entry.sequence })
      this.slots[kind][index] = null
      this.entryCount -= 1
    }
    this.nodeCount -= 1
    this.tombstones.set(index, { floor, forgetAtMs: nowMs + this.options.tombstoneMs, revived: false })
    this.forgetMemos()
  }

  private forgetMemos(): void {
    this.holdersMemo.clear()
    this.fetchersMemo.clear()
  }
}

function newest(floor: ReadonlyMap<EntryKind, Version>): Version {
  return [...floor.values()].reduce((a, b) => (compareVersions(a, b) >= 0 ? a : b), { epoch: 0, sequence: 0 })
}
