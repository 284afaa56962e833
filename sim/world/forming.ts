/**
 * The first words of a cluster that has been up for days. What nodes say as they start, all know at once, and what they say soon
 * after, they know when all have said it. Node by node, since one node's ledger stays in the processor's cache, and all of a ledger's pages are those of the one before.
 */
import type { SealedEntry } from '../../node/core/index.ts'
import type { EventQueue } from '../event-queue.ts'
import type { SimNode } from '../node/sim-node.ts'

/** Longer than a residency waits for others to join it. */
const formingMs = 250

export class Forming {
  private readonly world: { readonly queue: EventQueue; readonly nodes: readonly SimNode[] }
  private readonly isFormed: boolean
  private said: SealedEntry[] = []

  /** @param isFormed false: nodes start like any others, and nothing is taken here. */
  constructor(world: { readonly queue: EventQueue; readonly nodes: readonly SimNode[] }, isFormed: boolean) {
    this.world = world
    this.isFormed = isFormed
  }

  /** True when the entry was taken, and will be told to all. */
  take(sealed: SealedEntry): boolean {
    const { queue } = this.world
    if (!this.isFormed || queue.nowMs >= formingMs) return false
    if (this.said.length === 0) queue.schedule(queue.nowMs === 0 ? 0 : formingMs - queue.nowMs, () => this.tellAll())
    this.said.push(sealed)
    return true
  }

  private tellAll(): void {
    const entries = this.said
    this.said = []
    for (const node of this.world.nodes) node.step({ kind: 'entries', from: node.id, entries })
  }
}
