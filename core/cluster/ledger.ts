/**
 * What this node believes of all nodes: the newest entry per (node, kind), last writer wins.
 *
 * Entries lie on pages (ledger-pages.ts), which the ledgers of one process share. Questions by model are answered from an index of
 * what was asked for (model-index.ts). Sums of the versions, by groups of nodes, tell two ledgers apart in a few bytes.
 *
 * A silent node is removed after `expiryMs`, or later where it said that it speaks less often, but the versions of what was
 * removed stay as a tombstone: a peer that still has the old entries cannot bring the node back to life, only an entry newer
 * than them can.
 */

import { assertInvariant, type ModelId, type NodeId, type Zone } from '../../common/index.ts'
import {
  type DigestItem,
  type DigestRange,
  type Entry,
  type EntryKind,
  entryKinds,
  type SealedEntry,
} from '../events.ts'
import { hashText } from '../transfer/chunk-home.ts'
import { type ModelChange, noChanges } from './body-diff.ts'
import type { FormedEntries } from './formed-entries.ts'
import { compareIds, type Interner } from './interner.ts'
import { kindNumbers, type LedgerPage, pageNumberOf, placeOnPage } from './ledger-pages.ts'
import { ModelIndex } from './model-index.ts'
import type { ModelNodes } from './model-nodes.ts'
import { searchNodes } from './page-search.ts'
import { compareVersions, type Version, versionHash } from './version.ts'

export type Applied = 'applied' | 'stale' | 'own'

export interface LedgerOptions {
  /** Silence after which a node's entries are removed. Three re-announcements of its state may be lost before. */
  readonly expiryMs: number
  /** Nodes of a large cluster speak less often, and say how often: they are removed after three times that, but not later than this. */
  readonly expiryMsMax: number
  /** How long the versions of a removed node are remembered, at least three expiries: a peer that learnt the entries late has dropped them by then. */
  readonly tombstoneMs: number
  /** Nodes in the ledger. A member that invents nodes fills at most this much; twice the largest cluster we plan for. */
  readonly nodesMax: number
  /** Models that are indexed: those asked for lately, some hundred bytes and as many holders each. A node asks for what it serves, holds and fetches. */
  readonly indexedModelsMax: number
  /** A model that nobody asked for in this time leaves the index. Searching again costs a millisecond in a cluster of a thousand. */
  readonly indexedForMs: number
}

export const defaultLedgerOptions: LedgerOptions = {
  expiryMs: 180_000,
  expiryMsMax: 3_600_000,
  tombstoneMs: 540_000,
  nodesMax: 20_000,
  indexedModelsMax: 4_096,
  indexedForMs: 60_000,
}

/** Groups of nodes that are summed together; a node's group is the remainder of its id's hash. Part of the protocol. */
export const sumCount = 256
const announcementsLostMax = 3

interface Tombstone {
  readonly floor: ReadonlyMap<EntryKind, Version>
  readonly forgetAtMs: number
  /** A newer entry came: the node lives, and what equals the floor is true again. */
  revived: boolean
}

export class Ledger {
  private readonly interner: Interner
  private readonly options: LedgerOptions
  private readonly selfIndex: number
  private readonly pages: (LedgerPage | null)[] = []
  /** By node index; meaningful where the node has an entry. */
  private heardAtMs = new Float64Array(0)
  private readonly tombstones = new Map<number, Tombstone>()
  private readonly models: ModelIndex
  private readonly versionSums = new Int32Array(sumCount)
  private changes: readonly ModelChange[] = noChanges
  private entryCount = 0
  private writeCount = 0
  private nodeCount = 0
  private nextSweepAtMs = Number.NEGATIVE_INFINITY
  /** Nobody can expire before this. */
  private nextExpiryAtMs = Number.NEGATIVE_INFINITY

  constructor(ports: { self: NodeId; interner: Interner }, options: LedgerOptions = defaultLedgerOptions) {
    this.interner = ports.interner
    this.selfIndex = ports.interner.index(ports.self)
    this.options = options
    this.interner.pages.register()
    const search = {
      nodes: (model: ModelId) => searchNodes(model, this.pages, this.interner),
      rateMicro: (model: ModelId) => this.searchRate(model),
    }
    this.models = new ModelIndex({ interner: ports.interner, search }, options.indexedModelsMax)
  }

  get size(): number {
    return this.entryCount
  }

  /** Nodes with at least one entry. */
  get count(): number {
    return this.nodeCount
  }

  /** Rises with every entry that comes or goes. */
  get revision(): number {
    return this.writeCount
  }

  /** What the last entry that was applied changed, by model. */
  get lastChanges(): readonly ModelChange[] {
    return this.changes
  }

  get indexedModelCount(): number {
    return this.models.size
  }

  /** The page of a node: ledgers of one process that believe the same share it. */
  pageAt(index: number): LedgerPage | null {
    return this.pages[pageNumberOf(index)] ?? null
  }

  /** An entry of another node. 'own' when it claims to be by this node: only `applyOwn` writes those. */
  apply(sealed: SealedEntry, nowMs: number): Applied {
    const { entry } = sealed
    let index = this.interner.lookup(entry.node)
    if (index === this.selfIndex) return 'own'
    if (index === undefined || !this.has(index)) {
      if (this.nodeCount >= this.options.nodesMax) return 'stale'
      index ??= this.interner.index(entry.node)
    }
    if (!this.isNewer(index, entry)) return 'stale'
    this.store(index, sealed, nowMs)
    return 'applied'
  }

  /** Many entries at once. False: nothing was taken, and `apply` has to be asked one by one. */
  adopt(formed: FormedEntries, nowMs: number): boolean {
    const turns = this.tombstones.size > 0 ? null : formed.turns((at) => this.pages[at] ?? null, this.selfIndex)
    const newNodeCount = turns?.reduce((sum, turn) => sum + turn.newNodeCount, 0) ?? 0
    if (turns === null || this.nodeCount + newNodeCount > this.options.nodesMax) return false
    if (this.heardAtMs.length < this.interner.count) this.growHeard(this.interner.count - 1)
    for (const { pageNumber, end, indices, hashChanges, newEntryCount } of turns) {
      while (this.pages.length <= pageNumber) this.pages.push(null)
      this.pages[pageNumber] = end
      this.entryCount += newEntryCount
      for (let at = 0; at < indices.length; at += 1) {
        this.versionSums[this.interner.hash(indices[at]!) % sumCount]! ^= hashChanges[at]!
        this.heardAtMs[indices[at]!] = nowMs
      }
    }
    this.nodeCount += newNodeCount
    this.writeCount += 1
    this.changes = noChanges
    this.models.begin(formed.searchOf(this.pages))
    return true
  }

  /** Entries come of which most models will be news: none is followed. */
  forgetModels(): void {
    this.models.begin(null)
  }

  /** The entries came one by one, and most likely led to the pages of others. */
  shareSearch(formed: FormedEntries): void {
    this.models.begin(formed.searchOf(this.pages))
  }

  applyOwn(sealed: SealedEntry, nowMs: number): void {
    const { entry } = sealed
    assertInvariant(this.interner.index(entry.node) === this.selfIndex, 'an own entry names this node')
    assertInvariant(this.isNewer(this.selfIndex, entry), 'own entries rise in version')
    this.store(this.selfIndex, sealed, nowMs)
  }

  get<K extends EntryKind>(kind: K, index: number): Entry<K> | null {
    return (this.sealed(kind, index)?.entry as Entry<K> | undefined) ?? null
  }

  sealed(kind: EntryKind, index: number): SealedEntry | null {
    return this.pageAt(index)?.at(index, kindNumbers[kind]) ?? null
  }

  /** As its state says; null where none is known. */
  zoneOf(index: number): Zone | null {
    return this.pageAt(index)?.stateColumns.zones[placeOnPage(index)] ?? null
  }

  /** Milliseconds of work in line there, as its state says. */
  queueMs(index: number): number {
    return this.pageAt(index)?.stateColumns.queuesMs[placeOnPage(index)] ?? 0
  }

  /** Bits of ledger-pages.ts; 0 of a node that has said no state. */
  stateMark(index: number): number {
    return this.pageAt(index)?.stateColumns.marks[placeOnPage(index)] ?? 0
  }

  heardMs(index: number): number {
    return this.has(index) ? this.heardAtMs[index]! : Number.NEGATIVE_INFINITY
  }

  /** Indices of all nodes with at least one entry, in order of their ids. */
  nodes(): number[] {
    return this.interner.inOrder().filter((index) => this.has(index))
  }

  has(index: number): boolean {
    return this.pageAt(index)?.hasNode(index) ?? false
  }

  /** Every known node that says it has the model, or that it is on its way in. */
  nodesWith(model: ModelId): ModelNodes {
    return this.models.nodes(model)
  }

  /** Sum of the rates that other nodes publish for the model. */
  demandOfOthers(model: ModelId): number {
    return this.models.rateMicro(model) / 1e6
  }

  /** Xor of the version hashes of all entries, by groups of nodes: equal sums, equal ledgers. */
  sums(): Int32Array {
    return this.versionSums
  }

  /** Versions of all entries of the nodes in the range, in order of node ids. */
  digest(range: DigestRange): DigestItem[] {
    const items: DigestItem[] = []
    for (const { entry } of this.entriesIn(range)) {
      items.push({ node: entry.node, kind: entry.kind, epoch: entry.epoch, sequence: entry.sequence })
    }
    return items
  }

  /** The same of the nodes of some groups. */
  digestOfGroups(groups: readonly number[]): DigestItem[] {
    return [...this.entriesOfGroups(groups)].map(({ entry: { node, kind, epoch, sequence } }) => {
      return { node, kind, epoch, sequence }
    })
  }

  /** The entries in the range that the author of the digest lacks or has in an older version. */
  missingFrom(items: readonly DigestItem[], range: DigestRange): SealedEntry[] {
    return this.newerThan(items, this.entriesIn(range))
  }

  missingFromGroups(items: readonly DigestItem[], groups: readonly number[]): SealedEntry[] {
    return this.newerThan(items, this.entriesOfGroups(groups))
  }

  /** Of any id: those of nodes that nobody knows yet, too. */
  groupOf(node: NodeId): number {
    return hashText(node) % sumCount
  }

  /** True when the entry that the item names would be applied here. */
  lacks(item: DigestItem): boolean {
    const index = this.interner.lookup(item.node)
    return index === undefined ? this.nodeCount < this.options.nodesMax : this.isNewer(index, item)
  }

  /** Removes nodes that were silent for too long and forgets old tombstones. Returns the removed nodes in order of ids. */
  expire(nowMs: number): number[] {
    for (const [index, tombstone] of this.tombstones) {
      if (nowMs >= tombstone.forgetAtMs) this.tombstones.delete(index)
    }
    if (nowMs >= this.nextSweepAtMs) {
      this.models.sweep()
      this.nextSweepAtMs = nowMs + this.options.indexedForMs
    }
    if (nowMs < this.nextExpiryAtMs) return []
    this.nextExpiryAtMs = Number.POSITIVE_INFINITY
    const removed = this.nodes().filter((index) => {
      if (index === this.selfIndex) return false
      const expiresAtMs = this.heardAtMs[index]! + this.expiryMsOf(index)
      if (expiresAtMs > nowMs) this.nextExpiryAtMs = Math.min(this.nextExpiryAtMs, expiresAtMs)
      return expiresAtMs <= nowMs
    })
    for (const index of removed) this.remove(index, nowMs)
    // A node that is heard of for the first time from now on has at least this long.
    this.nextExpiryAtMs = Math.min(this.nextExpiryAtMs, nowMs + this.options.expiryMs)
    return removed
  }

  /** Before this time `expire` finds nothing. */
  get nextExpireMs(): number {
    return Math.min(this.nextExpiryAtMs, this.nextSweepAtMs)
  }

  /** Recomputes what runs along. */
  checkInvariants(): void {
    let count = 0
    const sums = new Int32Array(sumCount)
    for (const index of this.interner.inOrder()) {
      for (const kind of entryKinds) {
        const entry = this.sealed(kind, index)?.entry
        if (entry === undefined) continue
        count += 1
        assertInvariant(entry.kind === kind, `a ${entry.kind} entry lies in the ${kind} slots`)
        assertInvariant(entry.node === this.interner.id(index), 'an entry lies at the index of its node')
        sums[this.interner.hash(index) % sumCount]! ^= versionHash(this.interner.hash(index), kindNumbers[kind], entry)
      }
    }
    const nodeCount = this.nodes().length
    assertInvariant(count === this.entryCount, `${count} entries counted, ${this.entryCount} kept`)
    assertInvariant(nodeCount === this.nodeCount, `${nodeCount} nodes counted, ${this.nodeCount} kept`)
    assertInvariant(
      sums.every((sum, at) => sum === this.versionSums[at]),
      'the sums of versions are kept right',
    )
    this.models.checkInvariants()
  }

  private *entriesIn(range: DigestRange): Iterable<SealedEntry> {
    for (const index of this.interner.inOrder()) {
      const page = this.pageAt(index)
      if (page === null) continue
      const id = this.interner.id(index)
      if (range.after !== null && compareIds(id, range.after) <= 0) continue
      if (range.through !== null && compareIds(id, range.through) > 0) return
      for (let kindNumber = 0; kindNumber < entryKinds.length; kindNumber += 1) {
        const sealed = page.at(index, kindNumber)
        if (sealed !== null) yield sealed
      }
    }
  }

  private *entriesOfGroups(groups: readonly number[]): Iterable<SealedEntry> {
    const wanted = new Set(groups)
    for (const index of this.interner.inOrder()) {
      if (!wanted.has(this.interner.hash(index) % sumCount)) continue
      for (let kindNumber = 0; kindNumber < entryKinds.length; kindNumber += 1) {
        const sealed = this.pageAt(index)?.at(index, kindNumber) ?? null
        if (sealed !== null) yield sealed
      }
    }
  }

  private newerThan(items: readonly DigestItem[], entries: Iterable<SealedEntry>): SealedEntry[] {
    const theirs = new Map<number, DigestItem>()
    for (const item of items) {
      const index = this.interner.lookup(item.node)
      if (index !== undefined) theirs.set(index * entryKinds.length + kindNumbers[item.kind], item)
    }
    const missing: SealedEntry[] = []
    for (const sealed of entries) {
      const { entry } = sealed
      const item = theirs.get(this.interner.lookup(entry.node)! * entryKinds.length + kindNumbers[entry.kind])
      if (item === undefined || compareVersions(entry, item) > 0) missing.push(sealed)
    }
    return missing
  }

  private searchRate(model: ModelId): number {
    const { isShared } = this.interner.pages
    let sum = 0
    for (let at = 0; at < this.pages.length; at += 1) {
      for (const { index, rateMicro } of this.pages[at]?.wanters(model, at, isShared) ?? []) {
        if (index !== this.selfIndex) sum += rateMicro
      }
    }
    return sum
  }

  private isNewer(index: number, entry: DigestItem): boolean {
    const held = this.sealed(entry.kind, index)
    if (held !== null) return compareVersions(entry, held.entry) > 0
    const tombstone = this.tombstones.get(index)
    if (tombstone === undefined) return true
    const floor = tombstone.floor.get(entry.kind)
    if (tombstone.revived) return floor === undefined || compareVersions(entry, floor) >= 0
    // All kinds of a node count on one sequence, so a kind never seen is judged by the newest of the others.
    return compareVersions(entry, floor ?? newest(tombstone.floor)) > 0
  }

  private store(index: number, sealed: SealedEntry, nowMs: number): void {
    const page = this.pageAt(index)
    if (page === null || !page.hasNode(index)) this.nodeCount += 1
    const kindNumber = kindNumbers[sealed.entry.kind]
    if (page === null || page.at(index, kindNumber) === null) this.entryCount += 1
    this.write(index, kindNumber, sealed)
    if (this.heardAtMs.length <= index) this.growHeard(index)
    this.heardAtMs[index] = nowMs
    if (this.tombstones.size === 0) return
    const tombstone = this.tombstones.get(index)
    if (tombstone !== undefined) tombstone.revived = true
  }

  private remove(index: number, nowMs: number): void {
    const floor = new Map(this.tombstones.get(index)?.floor)
    const tombstoneMs = Math.max(this.options.tombstoneMs, announcementsLostMax * this.expiryMsOf(index))
    for (const kind of entryKinds) {
      const sealed = this.sealed(kind, index)
      if (sealed === null) continue
      floor.set(kind, { epoch: sealed.entry.epoch, sequence: sealed.entry.sequence })
      this.write(index, kindNumbers[kind], null)
      this.entryCount -= 1
    }
    this.nodeCount -= 1
    this.tombstones.set(index, { floor, forgetAtMs: nowMs + tombstoneMs, revived: false })
  }

  private write(index: number, kindNumber: number, sealed: SealedEntry | null): void {
    const pageNumber = pageNumberOf(index)
    while (this.pages.length <= pageNumber) this.pages.push(null)
    const nodeHash = this.interner.hash(index)
    const step = this.interner.pages.write(this.pages[pageNumber]!, index, kindNumber, nodeHash, sealed)
    this.pages[pageNumber] = step.next
    this.versionSums[nodeHash % sumCount]! ^= step.hashChange
    this.changes = step.changes
    this.writeCount += 1
    if (step.changes.length > 0) this.models.follow(index, index === this.selfIndex, step.changes)
  }

  private expiryMsOf(index: number): number {
    const saidMs = this.get('state', index)?.body.reannounceMs ?? 0
    const { expiryMs, expiryMsMax } = this.options
    return Math.max(expiryMs, Math.min(announcementsLostMax * saidMs, expiryMsMax))
  }

  /** To the size of the cluster as far as it is known, so that ten thousand ledgers do not each double their way there. */
  private growHeard(index: number): void {
    const grown = new Float64Array(Math.max(index + 1, this.interner.count, Math.min(2 * index, 64)))
    grown.set(this.heardAtMs)
    this.heardAtMs = grown
  }
}

function newest(floor: ReadonlyMap<EntryKind, Version>): Version {
  return [...floor.values()].reduce((a, b) => (compareVersions(a, b) >= 0 ? a : b), { epoch: 0, sequence: 0 })
}
