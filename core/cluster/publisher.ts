/**
 * When to publish which own entry. A change makes its kind due after a short delay, in which further changes join it, and no
 * earlier than a minimum interval after the last message of that kind; state is said again before others would expire us. In a
 * large or busy cluster the intervals are longer: gossip-pace.ts says how long.
 *
 * Delays carry a jitter from the node's generator, so that nodes that started together do not speak in step. All kinds count on
 * one sequence, so that (epoch, sequence) names one entry of this node.
 */

import { assertInvariant, type NodeId, type Prng } from '../../common/index.ts'
import { type Entry, type EntryBodies, type EntryKind, entryKinds, type Seal, type SealedEntry } from '../events.ts'
import { entryFormat } from './entry-format.ts'
import { type GossipPace, roughBytes } from './gossip-pace.ts'
import type { Ledger } from './ledger.ts'
import { compareVersions, type Version } from './version.ts'

export interface PublisherOptions {
  /** Least time between two entries of a kind, however small the cluster. */
  readonly intervalMs: Readonly<Record<EntryKind, number>>
  /** The same for urgent news: a refutation, a new address. A node that suspects us all the time makes us publish no more often than this. */
  readonly urgentIntervalMs: number
  /** How long a change waits for others to join it. */
  readonly coalesceMs: Readonly<Record<EntryKind, number>>
  /**
   * State is said again after this long without news, in a large cluster later, and then the state says so. A third of the ledger's
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
  /** What the next entry will say; null until the kind was set once. */
  body: EntryBodies[EntryKind] | null
  said: EntryBodies[EntryKind] | null
  saidAtMs: number
  saidBytes: number
  /** Infinity: nothing to say. */
  dueAtMs: number
}

export class Publisher {
  private readonly self: NodeId
  private readonly seal: Seal
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
    ports: { self: NodeId; epoch: number; seal: Seal; ledger: Ledger; pace: GossipPace; random: Prng },
    options: PublisherOptions = defaultPublisherOptions,
  ) {
    this.self = ports.self
    this.epoch = ports.epoch
    this.seal = ports.seal
    this.ledger = ports.ledger
    this.pace = ports.pace
    this.random = ports.random
    this.options = options
  }

  /** What the last published entry of the kind said. */
  said<K extends EntryKind>(kind: K): EntryBodies[K] | null {
    return this.slots[kind].said as EntryBodies[K] | null
  }

  /** The body to publish next time, due or not. */
  set<K extends EntryKind>(kind: K, body: EntryBodies[K]): void {
    this.slots[kind].body = body
  }

  /** The kind has news: due after its coalescing delay, or with `urgent` as soon as the urgent interval allows. */
  announce(kind: EntryKind, nowMs: number, urgent: boolean): void {
    const slot = this.slots[kind]
    if (slot.body === null) return
    const waitMs = urgent ? 0 : this.coalesceMs(kind)
    if (slot.saidAtMs === Number.NEGATIVE_INFINITY && !urgent) this.drawPhase(kind, slot, nowMs)
    const intervalMs = urgent ? this.options.urgentIntervalMs : this.jittered(this.intervalMs(kind))
    const earliestMs = slot.saidAtMs + intervalMs
    this.setDue(slot, Math.min(slot.dueAtMs, Math.max(nowMs + waitMs, earliestMs)))
  }

  /** Nodes of a large cluster that started together would say their first demand together, and every later one. */
  private drawPhase(kind: EntryKind, slot: Slot, nowMs: number): void {
    if (entryFormat[kind].isNews) return
    const pacedMs = Math.floor(this.pace.backgroundMs(firstBytes, this.ledger.count))
    slot.saidAtMs = nowMs - this.intervalMs(kind) + (pacedMs < 1 ? 0 : this.random.int(pacedMs))
  }

  /** When `flush` has something to do next; Infinity when nothing is to be said. */
  get nextDueMs(): number {
    return this.dueAtMs
  }

  /** When the kind may be said again at the earliest, without urgency. */
  earliestMs(kind: EntryKind): number {
    return this.slots[kind].saidAtMs + this.intervalMs(kind) * (1 - this.options.jitterPercent / 100)
  }

  /** Without any wait: there will be no later. */
  announceNow(kind: EntryKind, nowMs: number): void {
    this.setDue(this.slots[kind], nowMs)
  }

  /** The news are none any more. */
  retract(kind: EntryKind): void {
    this.slots[kind].dueAtMs = Number.POSITIVE_INFINITY
  }

  /** An entry by us that is newer than ours came back: an earlier life, or lost state. Speak above it. */
  outbid(version: Version, nowMs: number): void {
    if (compareVersions(version, { epoch: this.epoch, sequence: this.sequence }) <= 0) return
    if (version.epoch > this.epoch) {
      this.epoch = version.epoch + 1
      this.sequence = 0
    } else {
      this.sequence = version.sequence
    }
    for (const kind of entryKinds) this.announce(kind, nowMs, true)
  }

  /** Seals what is due and puts it into the ledger. */
  flush(nowMs: number): readonly SealedEntry[] {
    if (nowMs < this.dueAtMs) return nothing
    const published: SealedEntry[] = []
    this.dueAtMs = Number.POSITIVE_INFINITY
    for (const kind of ['state', 'residency', 'suspicion', 'demand'] as const) {
      const slot = this.slots[kind]
      if (slot.body !== null && slot.dueAtMs <= nowMs) published.push(this.say(kind, slot, nowMs))
      this.dueAtMs = Math.min(this.dueAtMs, slot.dueAtMs)
    }
    return published
  }

  private say(kind: EntryKind, slot: Slot, nowMs: number): SealedEntry {
    this.sequence += 1
    const version = { epoch: this.epoch, sequence: this.sequence }
    const reannounceMs = kind === 'state' ? this.reannounceMs() : Number.POSITIVE_INFINITY
    // Said only where it is longer than what everyone takes for granted.
    const promise = kind === 'state' && reannounceMs > this.options.reannounceMs ? { reannounceMs } : {}
    const entry = { kind, node: this.self, ...version, body: { ...slot.body, ...promise } } as Entry
    const sealed = this.seal(entry)
    assertInvariant(sealed.entry.sequence === this.sequence, 'sealing keeps the entry')
    this.ledger.applyOwn(sealed, nowMs)
    this.pace.heard(sealed, nowMs)
    slot.said = slot.body
    slot.saidAtMs = nowMs
    slot.saidBytes = roughBytes(sealed)
    slot.dueAtMs = nowMs + (kind === 'state' ? this.jittered(reannounceMs) : reannounceMs)
    return sealed
  }

  private setDue(slot: Slot, dueAtMs: number): void {
    slot.dueAtMs = dueAtMs
    this.dueAtMs = Math.min(this.dueAtMs, dueAtMs)
  }

  private reannounceMs(): number {
    const paced = this.pace.backgroundMs(this.slots.state.saidBytes, this.ledger.count)
    return Math.round(Math.max(this.options.reannounceMs, paced))
  }

  private intervalMs(kind: EntryKind): number {
    const leastMs = this.options.intervalMs[kind]
    if (entryFormat[kind].isNews) return leastMs * this.pace.stretch
    return Math.max(leastMs, this.pace.backgroundMs(this.slots[kind].saidBytes, this.ledger.count))
  }

  /** Neighbours of a lost node notice together: drawn from the whole delay, few of them speak before they hear the others. */
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

/** A demand of ten models, before one was said. */
const firstBytes = 600
const nothing: readonly SealedEntry[] = []

function emptySlot(): Slot {
  const never = { saidAtMs: Number.NEGATIVE_INFINITY, dueAtMs: Number.POSITIVE_INFINITY }
  return { body: null, said: null, saidBytes: 0, ...never }
}
