/**
 * Records that every node of the cluster has, each under a name: pins, tenants. A map in which the last change of a name wins (time, then
 * author). Every node keeps all of it and persists it, so a record outlives the node that it was made on; a removed one stays as a record
 * that is not in force, so that no node that was away brings it back. Records travel in the state entries of few nodes: a node says what
 * fewer than `voicesMax` others say, as with suspicions, and takes over when they fall silent. Only a change made here is announced at
 * once; what was received is published with the next state that there is reason for, so a change costs one message and not one per node.
 */
import type { NodeId } from '../../common/index.ts'
import { changedMsMax } from './entry-format.ts'
import { compareIds } from './interner.ts'

export interface SharedRecord {
  readonly name: string
  /** When it was changed, in milliseconds since 1970, by the clock of `by`. */
  readonly changedMs: number
  readonly by: NodeId
}

export interface SharedRecordsOptions<R> {
  /** With so many others that publish a record this node need not. */
  readonly voicesMax: number
  /** Removed ones included: of these the one that was removed first gives way where there is no room. */
  readonly recordsMax: number
  /** Records in force that one node may be the first to tell of, and as many removed ones beside them. */
  readonly perAuthorMax: number
  /** A removed record is forgotten after this. */
  readonly removedKeptMs: number
  /** False for one that was removed. */
  readonly isInForce: (record: R) => boolean
  /**
   * What two records of one name are together: the later one, or a further change of it that has what it lacks of the earlier one. All
   * nodes come to the same, in whatever order records reach them. Absent: the later one.
   */
  readonly join?: (later: R, earlier: R) => R
}

/** Read access to the records, for storage and views. */
export type RecordReader<R extends SharedRecord> = Pick<SharedRecords<R>, 'all' | 'active' | 'version'>

export class SharedRecords<R extends SharedRecord> {
  private readonly options: SharedRecordsOptions<R>
  private readonly records = new Map<string, R>()
  /** Records that other nodes publish, by the index of the node. Nodes without records are absent. */
  private readonly voices = new Map<number, readonly R[]>()
  /** Names by the node that was the first to tell of them, while it is there. */
  private readonly told = new Map<number, Set<string>>()
  private changes = 0
  /** Removals that are not later than this are forgotten: nobody brings them back. */
  private forgottenMs = Number.NEGATIVE_INFINITY

  constructor(options: SharedRecordsOptions<R>) {
    this.options = options
  }

  /** Rises with every change, for those that keep a copy. */
  get version(): number {
    return this.changes
  }

  /** All records, removed ones included, in order of names. */
  all(): R[] {
    return [...this.records.values()].sort((a, b) => compareIds(a.name, b.name))
  }

  /** Records in force, in order of names. */
  active(): R[] {
    return this.all().filter(this.options.isInForce)
  }

  /** The record of that name, also a removed one. */
  get(name: string): R | undefined {
    return this.records.get(name)
  }

  /** Records of this node's operator or of its disk. True when something is new. */
  put(records: readonly R[]): boolean {
    const before = this.changes
    for (const record of records) this.merge(record)
    return this.changes !== before
  }

  /** A state entry of another node, which may speak for records. True when anything is different from now on. */
  receive(author: number, records: readonly R[] | undefined): boolean {
    if (records === undefined) return this.voices.delete(author)
    if (this.voices.get(author) === records) return false
    this.voices.set(author, records)
    for (const record of records) if (this.mayTell(author, record)) this.merge(record)
    return true
  }

  /** The ledger removed these nodes. True when anything is different from now on. */
  removed(authors: readonly number[]): boolean {
    let changed = false
    for (const author of authors) {
      changed = this.voices.delete(author) || changed
      this.told.delete(author)
    }
    return changed
  }

  /** Forgets records that were removed long ago. */
  prune(wallMs: number): void {
    const { isInForce, removedKeptMs } = this.options
    this.forgottenMs = wallMs - removedKeptMs
    for (const record of this.records.values()) {
      if (isInForce(record) || record.changedMs > this.forgottenMs) continue
      this.records.delete(record.name)
      this.changes += 1
    }
  }

  /** The records to publish next. A record that this node published before stays in: else all nodes would drop it at the same time. */
  toPublish(published: readonly R[]): R[] {
    if (this.records.size === 0) return []
    return this.all().filter((record) => published.includes(record) || this.voicesOf(record) < this.options.voicesMax)
  }

  private voicesOf(record: R): number {
    let count = 0
    for (const records of this.voices.values()) {
      if (records.some((other) => other.name === record.name && compareChanges(other, record) === 0)) count += 1
    }
    return count
  }

  /** Whether the author may tell of a name that is not known yet. */
  private mayTell(author: number, record: R): boolean {
    const { name } = record
    if (this.records.has(name)) return true
    const { isInForce, perAuthorMax } = this.options
    const told = this.told.get(author) ?? new Set<string>()
    let count = 0
    for (const other of told) {
      const known = this.records.get(other)
      if (known === undefined) told.delete(other)
      else if (isInForce(known) === isInForce(record)) count += 1
    }
    if (count >= perAuthorMax) return false
    told.add(name)
    this.told.set(author, told)
    return true
  }

  private merge(record: R): void {
    const known = this.records.get(record.name)
    if (known === undefined && !this.makeRoom(record)) return
    const merged = known === undefined ? record : this.joined(record, known)
    if (merged === known) return
    this.records.set(record.name, merged)
    this.changes += 1
  }

  private joined(record: R, known: R): R {
    const { join = (later: R) => later } = this.options
    return compareChanges(record, known) > 0 ? join(record, known) : join(known, record)
  }

  /** For a record of a new name. A removal has room only where it is later than one that is here: so all nodes keep the same. */
  private makeRoom(record: R): boolean {
    const { isInForce, recordsMax } = this.options
    if (!isInForce(record) && record.changedMs <= this.forgottenMs) return false
    if (this.records.size < recordsMax) return true
    const removed = [...this.records.values()].filter((one) => !isInForce(one))
    const [first] = removed.sort((a, b) => compareChanges(a, b) || compareIds(a.name, b.name))
    if (first === undefined || (!isInForce(record) && compareChanges(record, first) <= 0)) return false
    this.records.delete(first.name)
    return true
  }
}

/** The later change wins; of two at one time that of the greater author. */
export function compareChanges(a: SharedRecord, b: SharedRecord): number {
  return a.changedMs - b.changedMs || compareIds(a.by, b.by)
}

/** The record that replaces what is known of the name, whatever clock the one before was made by. */
export function changedRecord<C extends { readonly name: string }>(
  change: C,
  known: SharedRecord | undefined,
  by: NodeId,
  wallMs: number,
): C & SharedRecord {
  return { ...change, by, changedMs: Math.min(changedMsMax, Math.max(Math.floor(wallMs), (known?.changedMs ?? 0) + 1)) }
}
