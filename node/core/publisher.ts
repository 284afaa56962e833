/**
 * When to publish which own entry. A change makes its kind due after a short delay, in which further changes join it, and no
 * earlier than a minimum interval after the last message of that kind; state is said again before others would expire us.
 *
 * Delays carry a jitter from the node's generator, so that nodes that started together do not speak in step. All kinds count on
 * one sequence, so that (epoch, sequence) names one entry of this node.
 */
import { assertInvariant } from '../../placement/errors.ts'
import type { Prng } from '../../placement/prng.ts'
import type { NodeId } from '../../placement/types.ts'
import type { Entry, EntryBodies, EntryKind, Seal, SealedEntry } from './events.ts'
import type { Ledger } from './ledger.ts'
import { compareVersions, type Version } from './version.ts'

export interface PublisherOptions {
  /** Least time between two entries of a kind. */
  readonly intervalMs: Readonly<Record<EntryKind, number>>
  /** The same for urgent news: a refutation, a new address. Whoever suspects us all the time makes us speak no more often than this. */
  readonly urgentIntervalMs: number
  /** How long a change waits for others to join it. */
  readonly coalesceMs: Readonly<Record<EntryKind, number>>
  /** State is said again after this long without news. A third of the ledger's expiry, so that two lost messages are harmless. */
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
  /** Infinity: nothing to say. */
  dueAtMs: number
}

export class Publisher {
  private readonly self: NodeId
  private readonly seal: Seal
  private readonly ledger: Ledger
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

  constructor(
    ports: { self: NodeId; epoch: number; seal: Seal; ledger: Ledger; random: Prng },
    options: PublisherOptions = defaultPublisherOptions,
  ) {
    this.self = ports.self
    this.epoch = ports.epoch
    this.seal = ports.seal
    this.ledger = ports.ledger
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
    const intervalMs = urgent ? this.options.urgentIntervalMs : this.jittered(this.options.intervalMs[kind])
    const earliestMs = slot.saidAtMs + intervalMs
    slot.dueAtMs = Math.min(slot.dueAtMs, Math.max(nowMs + waitMs, earliestMs))
  }

  /** Without any wait: there will be no later. */
  announceNow(kind: EntryKind, nowMs: number): void {
    this.slots[kind].dueAtMs = nowMs
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
    for (const kind of ['state', 'residency', 'demand', 'suspicion'] as const) this.announce(kind, nowMs, true)
  }

  /** Seals what is due and puts it into the ledger. */
  flush(nowMs: number): SealedEntry[] {
    const published: SealedEntry[] = []
    for (const kind of ['state', 'residency', 'suspicion', 'demand'] as const) {
      const slot = this.slots[kind]
      if (slot.body === null || slot.dueAtMs > nowMs) continue
      this.sequence += 1
      const version = { epoch: this.epoch, sequence: this.sequence }
      const entry = { kind, node: this.self, ...version, body: slot.body } as Entry
      const sealed = this.seal(entry)
      assertInvariant(sealed.entry.sequence === this.sequence, 'sealing keeps the entry')
      this.ledger.applyOwn(sealed, nowMs)
      slot.said = slot.body
      slot.saidAtMs = nowMs
      slot.dueAtMs = kind === 'state' ? nowMs + this.jittered(this.options.reannounceMs) : Number.POSITIVE_INFINITY
      published.push(sealed)
    }
    return published
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

function emptySlot(): Slot {
  return { body: null, said: null, saidAtMs: Number.NEGATIVE_INFINITY, dueAtMs: Number.POSITIVE_INFINITY }
}
