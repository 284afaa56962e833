/**
 * What this node believes of all nodes: the newest entry per (node, kind), last writer wins.
 *
 * Entries lie in a storage (ledger-storage.ts), which also answers questions by model. Sums of the versions, by groups of nodes, tell
 * two ledgers apart in a few bytes.
 *
 * A silent node is removed after `expiryMs`, or later where it said that it speaks less often, but the versions of what was
 * removed stay as a tombstone: a peer that still has the old entries cannot bring the node back to life, only an entry newer
 * than them can.
 */

import { assertInvariant, type ModelId, type NodeId, type Zone } from '../../common/index.ts'
import {
  type Entry,
  type EntryKind,
  entryKinds,
  type SignedEntry,
  type SummaryItem,
  type SummaryRange,
} from '../events.ts'
import { hashText } from '../transfer/chunk-home.ts'
import { type ModelChange, noChanges } from './body-diff.ts'
import { compareIds, type Interner } from './interner.ts'
import { LedgerBudget, sizeBytesOf } from './ledger-budget.ts'
import type { LedgerStorage, StorageOptions } from './ledger-storage.ts'
import type { ModelNodes } from './model-nodes.ts'
import { compareVersions, kindNumbers, sumCount, type Version, versionHash } from './version.ts'

export type Applied = 'applied' | 'stale' | 'own'

export interface LedgerOptions extends StorageOptions {
  /** Silence after which a node's entries are removed. Three re-announcements of its state may be lost before. */
  readonly expiryMs: number
  /** Nodes of a large cluster speak less often, and say how often: they are removed after three times that, but not later than this. */
  readonly expiryMsMax: number
  /** How long the versions of a removed node are remembered, at least three expiries: a peer that learnt the entries late has dropped them by then. */
  readonly tombstoneMs: number
  /** Nodes in the ledger. A member that invents nodes fills at most this much; twice the largest cluster we plan for. */
  readonly nodesMax: number
  /** Bytes of all entries as they travel. Without it there is no limit. */
  readonly bytesMax?: number
  /** Ids that are remembered, of nodes that have gone too; a node that was never connected to this one is not taken in beyond it. */
  readonly idsMax: number
  /** A model that nobody asked for in this time leaves the index. Searching again costs a millisecond in a cluster of a thousand. */
  readonly indexedForMs: number
}

export const defaultLedgerOptions: LedgerOptions = {
  expiryMs: 180_000,
  expiryMsMax: 3_600_000,
  tombstoneMs: 540_000,
  nodesMax: 20_000,
  idsMax: 80_000,
  indexedModelsMax: 4_096,
  indexedForMs: 60_000,
}

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
  private readonly storage: LedgerStorage
  private readonly tombstones = new Map<number, Tombstone>()
  /** Null where entries have no limit of bytes. */
  private readonly budget: LedgerBudget | null
  /** Gave way to others since the last `expire`. */
  private displaced: number[] = []
  private changes: readonly ModelChange[] = noChanges
  private nextSweepAtMs = Number.NEGATIVE_INFINITY
  /** Nobody can expire before this. */
  private nextExpiryAtMs = Number.NEGATIVE_INFINITY

  constructor(ports: { self: NodeId; storage: LedgerStorage }, options: LedgerOptions = defaultLedgerOptions) {
    this.storage = ports.storage
    this.interner = ports.storage.ids
    this.selfIndex = this.interner.index(ports.self)
    this.options = options
    this.budget = options.bytesMax === undefined ? null : new LedgerBudget(options.bytesMax)
  }

  get size(): number {
    return this.storage.entryCount
  }

  /** Nodes with at least one entry. */
  get count(): number {
    return this.storage.nodeCount
  }

  /** Rises with every entry that comes or goes. */
  get revision(): number {
    return this.storage.revision
  }

  /** What the last entry that was applied changed, by model. */
  get lastChanges(): readonly ModelChange[] {
    return this.changes
  }

  /** An entry of another node. 'own' when it claims to be by this node: only `applyOwn` writes those. */
  apply(signed: SignedEntry, nowMs: number): Applied {
    const { entry } = signed
    let index = this.interner.lookup(entry.node)
    if (index === this.selfIndex) return 'own'
    if (index === undefined || !this.has(index)) {
      if (!this.mayEnter(index, nowMs)) return 'stale'
      index ??= this.interner.index(entry.node)
    }
    if (!this.isNewer(index, entry) || !this.makeRoom(index, signed, nowMs)) return 'stale'
    this.store(index, signed, nowMs)
    return 'applied'
  }

  /** It is or was connected to this node: it is no invention of another. */
  meet(index: number): void {
    this.budget?.meet(index)
  }

  /** Bytes of the entries of others, where they have a limit. */
  get usedBytes(): number {
    return this.budget?.usedBytes ?? 0
  }

  applyOwn(signed: SignedEntry, nowMs: number): void {
    const { entry } = signed
    assertInvariant(this.interner.index(entry.node) === this.selfIndex, 'an own entry names this node')
    assertInvariant(this.isNewer(this.selfIndex, entry), 'own entries rise in version')
    this.store(this.selfIndex, signed, nowMs)
  }

  get<K extends EntryKind>(kind: K, index: number): Entry<K> | null {
    return (this.signed(kind, index)?.entry as Entry<K> | undefined) ?? null
  }

  signed(kind: EntryKind, index: number): SignedEntry | null {
    return this.storage.signed(index, kind)
  }

  /** As its state says; null where none is known. */
  zoneOf(index: number): Zone | null {
    return this.storage.zoneOf(index)
  }

  /** Milliseconds of work in line there, as its state says. */
  queueMs(index: number): number {
    return this.storage.queueMs(index)
  }

  /** Bits of state-marks.ts; 0 of a node that has said no state. */
  stateMark(index: number): number {
    return this.storage.stateMark(index)
  }

  receivedMs(index: number): number {
    return this.has(index) ? this.storage.receivedMs(index) : Number.NEGATIVE_INFINITY
  }

  /** Indices of all nodes with at least one entry, in order of their ids. */
  nodes(): number[] {
    return this.interner.inOrder().filter((index) => this.has(index))
  }

  has(index: number): boolean {
    return this.storage.has(index)
  }

  /** Every known node that says it has the model, or that it is on its way in. */
  nodesWith(model: ModelId): ModelNodes {
    return this.storage.nodesWith(model)
  }

  /** Sum of the rates that other nodes publish for the model. */
  demandOfOthers(model: ModelId): number {
    return this.storage.othersRateMicro(model) / 1e6
  }

  /** Xor of the version hashes of all entries, by groups of nodes: equal sums, equal ledgers. */
  sums(): Int32Array {
    return this.storage.sums
  }

  /** Versions of all entries of the nodes in the range, in order of node ids. */
  summary(range: SummaryRange): SummaryItem[] {
    const items: SummaryItem[] = []
    for (const { entry } of this.entriesIn(range)) {
      items.push({ node: entry.node, kind: entry.kind, epoch: entry.epoch, sequence: entry.sequence })
    }
    return items
  }

  /** The same of the nodes of some groups. */
  summaryOfGroups(groups: readonly number[]): SummaryItem[] {
    return [...this.entriesOfGroups(groups)].map(({ entry: { node, kind, epoch, sequence } }) => {
      return { node, kind, epoch, sequence }
    })
  }

  /** The entries in the range that the author of the summary lacks or has in an older version. */
  missingFrom(items: readonly SummaryItem[], range: SummaryRange): SignedEntry[] {
    return this.newerThan(items, this.entriesIn(range))
  }

  missingFromGroups(items: readonly SummaryItem[], groups: readonly number[]): SignedEntry[] {
    return this.newerThan(items, this.entriesOfGroups(groups))
  }

  /** Of any id: those of nodes that nobody knows yet, too. */
  groupOf(node: NodeId): number {
    return hashText(node) % sumCount
  }

  /** True when the entry that the item names would be applied here. */
  lacks(item: SummaryItem): boolean {
    const index = this.interner.lookup(item.node)
    if (index !== undefined && (this.has(index) || this.budget?.hasMet(index) === true))
      return this.isNewer(index, item)
    if (this.storage.nodeCount >= this.options.nodesMax || this.budget?.isFull === true) return false
    return index === undefined ? this.interner.count < this.options.idsMax : this.isNewer(index, item)
  }

  /** Removes nodes that were silent for too long and forgets old tombstones. Returns the removed nodes, those that gave way to others first. */
  expire(nowMs: number): number[] {
    for (const [index, tombstone] of this.tombstones) {
      if (nowMs >= tombstone.forgetAtMs) this.tombstones.delete(index)
    }
    if (nowMs >= this.nextSweepAtMs) {
      this.storage.sweep()
      this.nextSweepAtMs = nowMs + this.options.indexedForMs
    }
    const displaced = this.displaced.splice(0).filter((index) => !this.has(index))
    if (nowMs < this.nextExpiryAtMs) return displaced
    this.nextExpiryAtMs = Number.POSITIVE_INFINITY
    const removed = this.nodes().filter((index) => {
      if (index === this.selfIndex) return false
      const expiresAtMs = this.storage.receivedMs(index) + this.expiryMsOf(index)
      if (expiresAtMs > nowMs) this.nextExpiryAtMs = Math.min(this.nextExpiryAtMs, expiresAtMs)
      return expiresAtMs <= nowMs
    })
    for (const index of removed) this.remove(index, nowMs)
    // A node that is heard of for the first time from now on has at least this long.
    this.nextExpiryAtMs = Math.min(this.nextExpiryAtMs, nowMs + this.options.expiryMs)
    return [...displaced, ...removed]
  }

  /** Before this time `expire` finds nothing. */
  get nextExpireMs(): number {
    if (this.displaced.length > 0) return Number.NEGATIVE_INFINITY
    return Math.min(this.nextExpiryAtMs, this.nextSweepAtMs)
  }

  /** Recomputes what runs along. */
  checkInvariants(): void {
    let count = 0
    const sums = new Int32Array(sumCount)
    for (const index of this.interner.inOrder()) {
      for (const kind of entryKinds) {
        const entry = this.signed(kind, index)?.entry
        if (entry === undefined) continue
        count += 1
        assertInvariant(entry.kind === kind, `a ${entry.kind} entry lies in the ${kind} slots`)
        assertInvariant(entry.node === this.interner.id(index), 'an entry lies at the index of its node')
        sums[this.interner.hash(index) % sumCount]! ^= versionHash(this.interner.hash(index), kind, entry)
      }
    }
    const nodeCount = this.nodes().length
    const { entryCount, nodeCount: keptCount, sums: keptSums } = this.storage
    assertInvariant(count === entryCount, `${count} entries counted, ${entryCount} kept`)
    assertInvariant(nodeCount === keptCount, `${nodeCount} nodes counted, ${keptCount} kept`)
    assertInvariant(
      sums.every((sum, at) => sum === keptSums[at]),
      'the sums of versions are kept right',
    )
    this.storage.checkInvariants()
  }

  private *entriesIn(range: SummaryRange): Iterable<SignedEntry> {
    for (const index of this.interner.inOrder()) {
      if (!this.has(index)) continue
      const id = this.interner.id(index)
      if (range.after !== null && compareIds(id, range.after) <= 0) continue
      if (range.through !== null && compareIds(id, range.through) > 0) return
      for (const kind of entryKinds) {
        const signed = this.storage.signed(index, kind)
        if (signed !== null) yield signed
      }
    }
  }

  private *entriesOfGroups(groups: readonly number[]): Iterable<SignedEntry> {
    const { interner } = this
    const wanted = [...new Set(groups)].flatMap((group) => interner.inGroup(group, sumCount))
    for (const index of wanted.sort((a, b) => interner.rank(a) - interner.rank(b))) {
      for (const kind of entryKinds) {
        const signed = this.storage.signed(index, kind)
        if (signed !== null) yield signed
      }
    }
  }

  private newerThan(items: readonly SummaryItem[], entries: Iterable<SignedEntry>): SignedEntry[] {
    const theirs = new Map<number, SummaryItem>()
    for (const item of items) {
      const index = this.interner.lookup(item.node)
      if (index !== undefined) theirs.set(index * entryKinds.length + kindNumbers[item.kind], item)
    }
    const missing: SignedEntry[] = []
    for (const signed of entries) {
      const { entry } = signed
      const item = theirs.get(this.interner.lookup(entry.node)! * entryKinds.length + kindNumbers[entry.kind])
      if (item === undefined || compareVersions(entry, item) > 0) missing.push(signed)
    }
    return missing
  }

  private isNewer(index: number, entry: SummaryItem): boolean {
    const held = this.signed(entry.kind, index)
    if (held !== null) return compareVersions(entry, held.entry) > 0
    const tombstone = this.tombstones.get(index)
    if (tombstone === undefined) return true
    const floor = tombstone.floor.get(entry.kind)
    if (tombstone.revived) return floor === undefined || compareVersions(entry, floor) >= 0
    // All kinds of a node count on one sequence, so a kind never seen is judged by the newest of the others.
    return compareVersions(entry, floor ?? newest(tombstone.floor)) > 0
  }

  /** Whether a node without entries finds a place. */
  private mayEnter(index: number | undefined, nowMs: number): boolean {
    const isMet = index !== undefined && this.budget?.hasMet(index) === true
    if (index === undefined && this.interner.count >= this.options.idsMax) return false
    if (this.storage.nodeCount < this.options.nodesMax) return true
    const stranger = isMet ? (this.budget?.largestStranger() ?? null) : null
    if (stranger === null) return false
    this.displace(stranger, nowMs)
    return true
  }

  /** False when the entry has no room beside those of others. */
  private makeRoom(index: number, signed: SignedEntry, nowMs: number): boolean {
    if (this.budget === null) return true
    const held = this.signed(signed.entry.kind, index)
    const moreBytes = sizeBytesOf(signed) - (held === null ? 0 : sizeBytesOf(held))
    const displaced = this.budget.displacedBy(index, moreBytes)
    if (displaced === null) return false
    for (const other of displaced) this.displace(other, nowMs)
    this.budget.add(index, moreBytes)
    return true
  }

  private displace(index: number, nowMs: number): void {
    const tombstone = this.tombstones.get(index)
    this.remove(index, nowMs)
    // It has not gone: the same entries may come back when there is room.
    if (tombstone === undefined) this.tombstones.delete(index)
    else this.tombstones.set(index, tombstone)
    this.displaced.push(index)
  }

  private store(index: number, signed: SignedEntry, nowMs: number): void {
    this.changes = this.storage.write(index, signed.entry.kind, signed, nowMs)
    if (this.tombstones.size === 0) return
    const tombstone = this.tombstones.get(index)
    if (tombstone !== undefined) tombstone.revived = true
  }

  private remove(index: number, nowMs: number): void {
    const floor = new Map(this.tombstones.get(index)?.floor)
    const tombstoneMs = Math.max(this.options.tombstoneMs, announcementsLostMax * this.expiryMsOf(index))
    for (const kind of entryKinds) {
      const signed = this.signed(kind, index)
      if (signed === null) continue
      floor.set(kind, { epoch: signed.entry.epoch, sequence: signed.entry.sequence })
      this.changes = this.storage.write(index, kind, null, nowMs)
    }
    this.budget?.drop(index)
    this.tombstones.set(index, { floor, forgetAtMs: nowMs + tombstoneMs, revived: false })
  }

  private expiryMsOf(index: number): number {
    const reannounceMs = this.get('state', index)?.body.reannounceMs ?? 0
    const { expiryMs, expiryMsMax } = this.options
    return Math.max(expiryMs, Math.min(announcementsLostMax * reannounceMs, expiryMsMax))
  }
}

function newest(floor: ReadonlyMap<EntryKind, Version>): Version {
  return [...floor.values()].reduce((a, b) => (compareVersions(a, b) >= 0 ? a : b), { epoch: 0, sequence: 0 })
}
