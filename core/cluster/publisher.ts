/**
 * When to publish which own entry. A change makes its kind due after a short delay, in which further changes join it, and no
 * earlier than a minimum interval after the last message of that kind; state is published again before others would expire us. In a
 * large or busy cluster the intervals are longer: gossip-pace.ts says how long.
 *
 * Delays carry a jitter from the node's generator, so that nodes that started together do not speak in step. All kinds count on
 * one sequence, so that (epoch, sequence) names one entry of this node.
 */

import { assertInvariant, type NodeId, type Prng } from '../../common/index.ts'
import {
  type Entry,
  type EntryBodies,
  type EntryKind,
  type EntrySigner,
  entryKinds,
  type SignedEntry,
} from '../events.ts'
import { defaultEntryLimits } from './entry-checker.ts'
import { entryFormat } from './entry-format.ts'
import { fitBody } from './fit-body.ts'
import { type GossipPace, roughBytes } from './gossip-pace.ts'
import type { Ledger } from './ledger.ts'
import { compareVersions, type Version } from './version.ts'

export interface PublisherOptions {
  /** Least time between two entries of a kind, however small the cluster. */
  readonly intervalMs: Readonly<Record<EntryKind, number>>
  /** The same for urgent changes: a refutation, a new address. A node that suspects us all the time makes us publish no more often than this. */
  readonly urgentIntervalMs: number
  /** How long a change waits for others to join it. */
  readonly coalesceMs: Readonly<Record<EntryKind, number>>
  /**
   * State is published again after this long without a change, in a large cluster later, and then the state says so. A third of the ledger's
   * expiry, so that two lost messages are harmless.
   */
  readonly reannounceMs: number
  /** Share of a wait that is drawn at random, in percent. */
  readonly jitterPercent: number
}

export const defaultPublisherOptions: PublisherOptions = {
  // Load and demand are averages over seconds; who holds what decides where requests go; a suspicion saves failing calls.
  intervalMs: { state: 3_000, residency: 500, demand: 5_000, suspicion: 500 },
  urgentIntervalMs: 500,
  coalesceMs: { state: 250, residency: 200, demand: 1_000, suspicion: 300 },
  reannounceMs: 60_000,
  jitterPercent: 25,
}

interface Slot {
  /** Body of the next entry; null until the kind was set once. */
  body: EntryBodies[EntryKind] | null
  published: EntryBodies[EntryKind] | null
  publishedAtMs: number
  publishedBytes: number
  /** Infinity: nothing to publish. */
  dueAtMs: number
}

export class Publisher {
  private readonly self: NodeId
  private readonly sign: EntrySigner
  private readonly ledger: Ledger
  private readonly pace: GossipPace
  private readonly random: Prng
  private readonly options: PublisherOptions
  private readonly slots: Record<EntryKind, Slot> = {
    state: emptySlot(),
    residency: emptySlot(),
    demand: emptySlot(),
    suspicion: emptySlot(),
  }
  private epoch: number
  private sequence = 0
  /** The earliest of all slots; may be too early after a retraction, never too late. */
  private dueAtMs = Number.POSITIVE_INFINITY

  constructor(
    ports: { self: NodeId; epoch: number; sign: EntrySigner; ledger: Ledger; pace: GossipPace; random: Prng },
    options: PublisherOptions = defaultPublisherOptions,
  ) {
    this.self = ports.self
    this.epoch = ports.epoch
    this.sign = ports.sign
    this.ledger = ports.ledger
    this.pace = ports.pace
    this.random = ports.random
    this.options = options
  }

  /** The body that was published last of the kind. */
  lastPublished<K extends EntryKind>(kind: K): EntryBodies[K] | null {
    return this.slots[kind].published as EntryBodies[K] | null
  }

  /** The body to publish next time, due or not. */
  set<K extends EntryKind>(kind: K, body: EntryBodies[K]): void {
    this.slots[kind].body = body
  }

  /** The kind has a change pending: due after its coalescing delay, or with `urgent` as soon as the urgent interval allows. */
  announce(kind: EntryKind, nowMs: number, urgent: boolean): void {
    const slot = this.slots[kind]
    if (slot.body === null) return
    const waitMs = urgent ? 0 : this.coalesceMs(kind)
    if (slot.publishedAtMs === Number.NEGATIVE_INFINITY && !urgent) this.drawPhase(kind, slot, nowMs)
    const intervalMs = urgent ? this.options.urgentIntervalMs : this.jittered(this.intervalMs(kind))
    const earliestMs = slot.publishedAtMs + intervalMs
    this.setDue(slot, Math.min(slot.dueAtMs, Math.max(nowMs + waitMs, earliestMs)))
  }

  /** Nodes of a large cluster that started together would publish their first demand together, and every later one. */
  private drawPhase(kind: EntryKind, slot: Slot, nowMs: number): void {
    if (entryFormat[kind].isForeground) return
    const pacedMs = Math.floor(this.pace.backgroundMs(firstBytes, this.ledger.count))
    slot.publishedAtMs = nowMs - this.intervalMs(kind) + (pacedMs < 1 ? 0 : this.random.int(pacedMs))
  }

  /** When `flush` has something to do next; Infinity when nothing is pending. */
  get nextDueMs(): number {
    return this.dueAtMs
  }

  /** When the kind may be published again at the earliest, without urgency. */
  earliestMs(kind: EntryKind): number {
    return this.slots[kind].publishedAtMs + this.intervalMs(kind) * (1 - this.options.jitterPercent / 100)
  }

  /** Without any wait: there will be no later. */
  announceNow(kind: EntryKind, nowMs: number): void {
    this.setDue(this.slots[kind], nowMs)
  }

  /** Nothing of the kind is pending any more. */
  retract(kind: EntryKind): void {
    this.slots[kind].dueAtMs = Number.POSITIVE_INFINITY
  }

  /** Of the newest entry that was said. */
  get version(): Version {
    return { epoch: this.epoch, sequence: this.sequence }
  }

  /** An entry by us that is newer than ours came back: an earlier life, or lost state. Speak above it. */
  supersede(version: Version, nowMs: number): void {
    if (compareVersions(version, this.version) <= 0) return
    if (version.epoch > this.epoch) {
      this.epoch = version.epoch + 1
      this.sequence = 0
    } else {
      this.sequence = version.sequence
    }
    for (const kind of entryKinds) this.announce(kind, nowMs, true)
  }

  /** Signs what is due and puts it into the ledger. */
  flush(nowMs: number): readonly SignedEntry[] {
    if (nowMs < this.dueAtMs) return nothing
    const published: SignedEntry[] = []
    this.dueAtMs = Number.POSITIVE_INFINITY
    for (const kind of ['state', 'residency', 'suspicion', 'demand'] as const) {
      const slot = this.slots[kind]
      if (slot.body !== null && slot.dueAtMs <= nowMs) published.push(this.publish(kind, slot, nowMs))
      this.dueAtMs = Math.min(this.dueAtMs, slot.dueAtMs)
    }
    return published
  }

  private publish(kind: EntryKind, slot: Slot, nowMs: number): SignedEntry {
    this.sequence += 1
    const version = { epoch: this.epoch, sequence: this.sequence }
    const reannounceMs = kind === 'state' ? this.reannounceMs() : Number.POSITIVE_INFINITY
    // Said only where it is longer than what everyone takes for granted.
    const promise = kind === 'state' && reannounceMs > this.options.reannounceMs ? { reannounceMs } : {}
    const body = fitBody(kind, slot.body as EntryBodies[typeof kind], defaultEntryLimits)
    const entry = { kind, node: this.self, ...version, body: { ...body, ...promise } } as Entry
    const signed = this.sign(entry)
    assertInvariant(signed.entry.sequence === this.sequence, 'signing keeps the entry')
    this.ledger.applyOwn(signed, nowMs)
    this.pace.received(signed, nowMs)
    slot.published = slot.body
    slot.publishedAtMs = nowMs
    slot.publishedBytes = roughBytes(signed)
    slot.dueAtMs = nowMs + (kind === 'state' ? this.jittered(reannounceMs) : reannounceMs)
    return signed
  }

  private setDue(slot: Slot, dueAtMs: number): void {
    slot.dueAtMs = dueAtMs
    this.dueAtMs = Math.min(this.dueAtMs, dueAtMs)
  }

  private reannounceMs(): number {
    const paced = this.pace.backgroundMs(this.slots.state.publishedBytes, this.ledger.count)
    return Math.round(Math.max(this.options.reannounceMs, paced))
  }

  private intervalMs(kind: EntryKind): number {
    const leastMs = this.options.intervalMs[kind]
    if (entryFormat[kind].isForeground) return leastMs * this.pace.stretch
    return Math.max(leastMs, this.pace.backgroundMs(this.slots[kind].publishedBytes, this.ledger.count))
  }

  /** Neighbours of a lost node notice together: drawn from the whole delay, few of them speak before they receive what the others publish. */
  private coalesceMs(kind: EntryKind): number {
    const delayMs = this.options.coalesceMs[kind]
    return kind === 'suspicion' ? this.random.int(delayMs + 1) : this.jittered(delayMs)
  }

  /** Between (100 - jitter) % and 100 % of the wait. */
  private jittered(waitMs: number): number {
    const spanMs = Math.floor((waitMs * this.options.jitterPercent) / 100)
    return spanMs === 0 ? waitMs : waitMs - this.random.int(spanMs + 1)
  }
}

/** A demand of ten models, before one was published. */
const firstBytes = 600
const nothing: readonly SignedEntry[] = []

function emptySlot(): Slot {
  const never = { publishedAtMs: Number.NEGATIVE_INFINITY, dueAtMs: Number.POSITIVE_INFINITY }
  return { body: null, published: null, publishedBytes: 0, ...never }
}
