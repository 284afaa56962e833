/**
 * Repairs what gossip lost: nodes compare the versions they hold, when they connect and then each with one random peer per
 * period. The asked one sends what the asker lacks and its own digest back, so that both ends know the same afterwards.
 *
 * A large ledger is compared in parts: all of them on connecting, one per period afterwards, in turn.
 */
import type { Prng } from '../../placement/prng.ts'
import type { NodeId } from '../../placement/types.ts'
import type { DigestItem, DigestRange, Effect, SealedEntry } from './events.ts'
import { compareIds } from './interner.ts'
import type { Ledger } from './ledger.ts'

export interface ReconcileOptions {
  /** A lost message heals within about this time. A digest of 50 nodes is some 10 kB; more often would cost more than it finds. */
  readonly periodMs: number
  /** Nodes that one digest speaks of: four items each, about 250 kB encoded, well below the limit of a message. */
  readonly nodesPerDigestMax: number
  /** Entries that one answer carries. */
  readonly entriesPerMessageMax: number
}

export const defaultReconcileOptions: ReconcileOptions = {
  periodMs: 10_000,
  nodesPerDigestMax: 1_000,
  entriesPerMessageMax: 256,
}

export const everything: DigestRange = { after: null, through: null }

export class Reconcile {
  private readonly self: NodeId
  private readonly ledger: Ledger
  private readonly random: Prng
  private readonly options: ReconcileOptions
  private nextAtMs: number | null = null
  private nextPart = 0

  constructor(
    ports: { self: NodeId; ledger: Ledger; random: Prng },
    options: ReconcileOptions = defaultReconcileOptions,
  ) {
    this.self = ports.self
    this.ledger = ports.ledger
    this.random = ports.random
    this.options = options
  }

  /** Both ends see the connection; the one with the lower id asks, so that the exchange happens once. */
  peerUp(node: NodeId): Effect[] {
    if (compareIds(this.self, node) > 0) return []
    return this.ledger.ranges(this.options.nodesPerDigestMax).map((range) => this.ask(node, range))
  }

  digest(from: NodeId, items: readonly DigestItem[], range: DigestRange = everything, wantsDigest = false): Effect[] {
    const effects: Effect[] = []
    const missing = this.ledger.missingFrom(items, range)
    for (let at = 0; at < missing.length; at += this.options.entriesPerMessageMax) {
      const entries: SealedEntry[] = missing.slice(at, at + this.options.entriesPerMessageMax)
      effects.push({ kind: 'send-entries', to: from, entries })
    }
    if (wantsDigest && this.lacksAny(items)) {
      effects.push({ kind: 'send-digest', to: from, items: this.ledger.digest(range), range, wantsDigest: false })
    }
    return effects
  }

  tick(connected: () => readonly NodeId[], nowMs: number): Effect[] {
    if (this.nextAtMs === null || nowMs >= this.nextAtMs) {
      const first = this.nextAtMs === null
      // The first wait is drawn from the whole period, so that nodes that started together do not ask in step.
      this.nextAtMs = nowMs + (first ? 1 + this.random.int(this.options.periodMs) : this.options.periodMs)
      if (first) return []
      const peers = connected()
      if (peers.length === 0) return []
      const peer = peers[this.random.int(peers.length)]!
      const ranges = this.ledger.ranges(this.options.nodesPerDigestMax)
      const range = ranges[this.nextPart++ % ranges.length]!
      return [this.ask(peer, range)]
    }
    return []
  }

  private ask(to: NodeId, range: DigestRange): Effect {
    return { kind: 'send-digest', to, items: this.ledger.digest(range), range, wantsDigest: true }
  }

  /** The asker has something that we do not: only then our digest is worth its bytes. */
  private lacksAny(items: readonly DigestItem[]): boolean {
    return items.some((item) => this.ledger.lacks(item))
  }
}
