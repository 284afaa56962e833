/**
 * The first words of a cluster that has been up for days. What nodes say as they start, all know at once, and what they say soon
 * after, they know when all have said it. The pages of one ledger serve all; who cannot take them is told entry by entry.
 */
import type { NodeId } from '../../common/index.ts'
import type { Event, SignedEntry, Timeless } from '../../core/index.ts'
import { FormedEntries, type SharedLedgers } from '../shared-ledger/index.ts'
import type { EventLog } from '../world/event-log.ts'
import type { EventQueue } from '../world/event-queue.ts'

/** Longer than a residency waits for others to join it. */
const formingMs = 250

/** A node that is told the first words of all. */
export interface FormingNode {
  readonly id: NodeId
  readonly up: boolean
  readonly storage: { shareSearch(formed: FormedEntries): void }
  /** False: it has to be told, entry by entry. */
  applyShared(formed: FormedEntries): boolean
  step(event: Timeless<Event>): void
}

interface FormingWorld {
  readonly queue: EventQueue
  readonly nodes: readonly FormingNode[]
  readonly ledgers: SharedLedgers
  readonly log: EventLog | null
}

export class Forming {
  private readonly world: FormingWorld
  private readonly isFormed: boolean
  private published: SignedEntry[] = []

  /** @param isFormed false: nodes start like any others, and nothing is taken here. */
  constructor(world: FormingWorld, isFormed: boolean) {
    this.world = world
    this.isFormed = isFormed
  }

  /** True when the entry was taken, and will be told to all. */
  take(signed: SignedEntry): boolean {
    const { queue } = this.world
    if (!this.isFormed || queue.nowMs >= formingMs) return false
    if (this.published.length === 0)
      queue.schedule(queue.nowMs === 0 ? 0 : formingMs - queue.nowMs, () => this.tellAll())
    this.published.push(signed)
    return true
  }

  private tellAll(): void {
    const entries = this.published
    this.published = []
    const { nodes, ledgers, log } = this.world
    // The log names the node that joined.
    const formed = log === null ? new FormedEntries(entries, ledgers) : null
    for (const node of nodes) {
      if (!node.up) continue
      const isTaken = formed !== null && node.applyShared(formed)
      node.step({ kind: 'entries', from: node.id, entries: isTaken ? [] : entries })
      if (!isTaken && formed !== null) node.storage.shareSearch(formed)
    }
  }
}
