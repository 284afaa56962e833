/**
 * Which models the cluster keeps, and on how many nodes: what operators pinned with a number of replicas, known to every node.
 *
 * The pins are a map from name to record in which the last change wins (time, then author). Every node keeps all of it and
 * persists it, so a pin outlives the node that it was made on; a removed pin stays as a record of no replicas, so that nobody
 * who was away brings it back. Records travel in the state entries of few nodes: a node says what fewer than `voicesMax` others
 * say, as with suspicions, and takes over when they fall silent. Only a change made here is announced at once; what was received is
 * published with the next state that there is reason for, so that a pin costs one message and not one per node.
 */
import type { NodeId } from '../../common/index.ts'
import type { PinRecord } from '../events.ts'
import { changedMsMax } from './entry-format.ts'
import { compareIds } from './interner.ts'

export interface PinSetOptions {
  /** With so many others that publish a record this node need not: three may be lost at once without harm. */
  readonly voicesMax: number
  /** Pins of the cluster, removed ones included. Each is about 150 bytes in the state entries of some nodes. */
  readonly pinsMax: number
  /** Pins that one node may be the first to tell of: a member that makes them up leaves room for the others. */
  readonly pinsPerAuthorMax: number
  /** A removed pin is forgotten after this: a node that was away for longer may bring it back. A month. */
  readonly removedKeptMs: number
}

export const defaultPinSetOptions: PinSetOptions = {
  voicesMax: 3,
  pinsMax: 256,
  pinsPerAuthorMax: 128,
  removedKeptMs: 30 * 86_400_000,
}

/** What those who keep or show pins may ask. */
export type PinReader = Pick<PinSet, 'all' | 'active' | 'version'>

export class PinSet {
  private readonly options: PinSetOptions
  private readonly records = new Map<string, PinRecord>()
  /** What others publish, by their index; those without pins are not here. */
  private readonly voices = new Map<number, readonly PinRecord[]>()
  /** Names by the node that was the first to tell of them, while it is there. */
  private readonly told = new Map<number, Set<string>>()
  private changes = 0

  constructor(options: PinSetOptions = defaultPinSetOptions) {
    this.options = options
  }

  /** Rises with every change, for those that keep a copy. */
  get version(): number {
    return this.changes
  }

  /** All records, removed pins included, in order of names. */
  all(): PinRecord[] {
    return [...this.records.values()].sort((a, b) => compareIds(a.name, b.name))
  }

  /** Pins in force, in order of names. */
  active(): PinRecord[] {
    return this.all().filter(({ replicaCount }) => replicaCount > 0)
  }

  /** Records of this node's operator or of its disk. True when something is new. */
  put(records: readonly PinRecord[]): boolean {
    const before = this.changes
    for (const record of records) this.merge(record)
    return this.changes !== before
  }

  /** Nobody else speaks for a pin. */
  get isAlone(): boolean {
    return this.voices.size === 0
  }

  /** A state entry of another node, which may speak for pins. True when anything is different from now on. */
  receive(author: number, records: readonly PinRecord[] | undefined): boolean {
    if (records === undefined) return this.voices.delete(author)
    if (this.voices.get(author) === records) return false
    this.voices.set(author, records)
    for (const record of records) if (this.mayTell(author, record.name)) this.merge(record)
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

  /** Forgets pins that were removed long ago. */
  prune(wallMs: number): void {
    for (const { name, replicaCount, changedMs } of this.records.values()) {
      if (replicaCount > 0 || wallMs - changedMs < this.options.removedKeptMs) continue
      this.records.delete(name)
      this.changes += 1
    }
  }

  /** What to publish next, given what this node published last: it goes on with that, or all voices would fall silent together. */
  toPublish(published: readonly PinRecord[]): PinRecord[] {
    if (this.records.size === 0) return []
    return this.all().filter((record) => published.includes(record) || this.voicesOf(record) < this.options.voicesMax)
  }

  private voicesOf(record: PinRecord): number {
    let count = 0
    for (const records of this.voices.values()) {
      if (records.some((other) => other.name === record.name && compareChanges(other, record) === 0)) count += 1
    }
    return count
  }

  /** Whether the author may tell of a name that is not known yet. */
  private mayTell(author: number, name: string): boolean {
    if (this.records.has(name)) return true
    const told = this.told.get(author) ?? new Set<string>()
    for (const other of told) if (!this.records.has(other)) told.delete(other)
    if (told.size >= this.options.pinsPerAuthorMax) return false
    told.add(name)
    this.told.set(author, told)
    return true
  }

  private merge(record: PinRecord): void {
    const known = this.records.get(record.name)
    if (known === undefined && this.records.size >= this.options.pinsMax) return
    if (known !== undefined && compareChanges(record, known) <= 0) return
    this.records.set(record.name, record)
    this.changes += 1
  }
}

/** The later change wins; of two at one time that of the greater author. */
export function compareChanges(a: PinRecord, b: PinRecord): number {
  return a.changedMs - b.changedMs || compareIds(a.by, b.by)
}

/** The record that replaces what is known of the name, whatever clock the one before was made by. */
export function changedPin(
  change: { readonly name: string; readonly replicaCount: number; readonly tier: PinRecord['tier'] },
  known: PinRecord | undefined,
  by: NodeId,
  wallMs: number,
): PinRecord {
  return { ...change, by, changedMs: Math.min(changedMsMax, Math.max(Math.floor(wallMs), (known?.changedMs ?? 0) + 1)) }
}
