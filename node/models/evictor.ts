/**
 * Takes models out of the tiers of this node. What is held, queued or leased stays; a blob that another model of the tier needs
 * stays with that one. A model of which nothing is left is forgotten.
 */

import type { ModelId, Sha256 } from '../../common/index.ts'
import type { Store } from '../../native/index.ts'
import type { RemovalCause } from '../../placement/index.ts'
import type { LeaseTracker } from './lease-tracker.ts'
import { blobsOf, distinctBlobs, type ModelRow, type ModelTable } from './model-table.ts'
import type { PolicyFeed } from './policy-feed.ts'
import type { Sessions } from './sessions.ts'
import type { UseCounts } from './use-counts.ts'

export interface EvictorPorts {
  readonly store: Store
  readonly table: ModelTable
  readonly sessions: Sessions
  readonly leases: LeaseTracker
  readonly holds: UseCounts
  readonly memoryItems: PolicyFeed
  readonly diskItems: PolicyFeed
  /** Tells the policies what of the model is where now. */
  readonly noteTiers: (row: ModelRow) => void
  readonly announce: () => void
}

export class Evictor {
  private readonly ports: EvictorPorts
  private readonly running = new Map<ModelId, Promise<unknown>>()

  constructor(ports: EvictorPorts) {
    this.ports = ports
  }

  /**
   * Whoever holds the model lets an eviction that has begun end first, also of a model with which it shares blobs, and then
   * finds a state that stays.
   */
  async settled(row: ModelRow): Promise<void> {
    const sharers = new Set(blobsOf(row).flatMap(({ sha256 }) => this.ports.table.othersWith(sha256, row.model)))
    const running = [...this.running].filter(([model]) => model === row.model || sharers.has(model))
    // Whoever asked for an eviction hears of its failure.
    await Promise.allSettled(running.map(([, work]) => work))
  }

  mayLeaveMemory(model: ModelId): boolean {
    const { holds, sessions, table } = this.ports
    if (holds.has(model) || this.running.has(model) || sessions.queued(model) > 0) return false
    const row = table.get(model)
    return row !== null && !this.isLeased(row)
  }

  /** A lease of the model is one of each of its files. One of some of them is of another model that shares these. */
  private isLeased({ manifest }: ModelRow): boolean {
    const files = manifest.files.filter(({ sizeBytes }) => sizeBytes > 0)
    return files.length > 0 && files.every(({ sha256 }) => (this.ports.store.blob(sha256)?.leases ?? 0) > 0)
  }

  /** What is in memory keeps its files, for peers and for a faster return. */
  mayLeaveDisk(model: ModelId): boolean {
    return this.mayLeaveMemory(model) && this.ports.table.tierOf(model) !== 'memory'
  }

  /** False when some of it came into use meanwhile; that part stays. */
  fromMemory(model: ModelId, cause: RemovalCause = 'evicted'): Promise<boolean> {
    return this.alone(model, (row) => this.leaveMemory(row, cause))
  }

  /** What is in memory leaves it first. */
  fromDisk(model: ModelId): Promise<boolean> {
    return this.alone(model, async (row) => {
      const isInMemory = this.ports.table.tierOf(model) === 'memory'
      if (isInMemory && !(await this.leaveMemory(row, 'evicted'))) return false
      return this.leaveDisk(row)
    })
  }

  private async alone(model: ModelId, evict: (row: ModelRow) => Promise<boolean>): Promise<boolean> {
    const row = this.ports.table.get(model)
    if (row === null || this.running.has(model)) return false
    const work = evict(row)
    this.running.set(model, work)
    try {
      return await work
    } finally {
      this.running.delete(model)
      this.forgetIfGone(row)
      this.ports.announce()
    }
  }

  private async leaveMemory(row: ModelRow, cause: RemovalCause): Promise<boolean> {
    const { store, sessions, leases, memoryItems } = this.ports
    await sessions.unload(row.model)
    store.unpublish(row.model)
    // The runtime's own lease ends a moment after the session.
    if (row.derived !== null && !sessions.isInUse(row.derived.sha256)) await leases.untilFree(row.derived.sha256)
    let isFree = true
    for (const { sha256 } of blobsOf(row)) {
      if (store.blob(sha256)?.isIn.memory !== true || this.isNeededInMemory(sha256, row.model)) continue
      isFree = store.dropMemory(sha256) && isFree
    }
    if (isFree) memoryItems.remove(row.model, cause)
    else this.ports.noteTiers(row)
    this.noteSharers(row)
    return isFree
  }

  private async leaveDisk(row: ModelRow): Promise<boolean> {
    const { store, diskItems } = this.ports
    for (const { sha256 } of blobsOf(row)) {
      if (!this.isNeededOnDisk(sha256, row.model)) await store.dropDisk(sha256)
    }
    diskItems.remove(row.model, 'evicted')
    this.noteSharers(row)
    return true
  }

  private isNeededInMemory(blob: Sha256, model: ModelId): boolean {
    const { table, holds, sessions, memoryItems } = this.ports
    if (sessions.isInUse(blob)) return true
    return table.othersWith(blob, model).some((other) => {
      const row = table.get(other)!
      const isFile = row.manifest.files.some(({ sha256 }) => sha256 === blob)
      return holds.has(other) || (isFile && memoryItems.has(other) && table.filesInMemory(row))
    })
  }

  private isNeededOnDisk(blob: Sha256, model: ModelId): boolean {
    const { table, holds, diskItems } = this.ports
    return table.othersWith(blob, model).some((other) => {
      return holds.has(other) || (diskItems.has(other) && table.filesHeld(table.get(other)!))
    })
  }

  /** Incomplete models may have lost a blob that they shared. */
  private noteSharers(row: ModelRow): void {
    const { table, memoryItems, diskItems } = this.ports
    const sharers = new Set(blobsOf(row).flatMap(({ sha256 }) => table.othersWith(sha256, row.model)))
    for (const other of sharers) {
      const sharer = table.get(other)!
      if (memoryItems.has(other) || diskItems.has(other)) this.ports.noteTiers(sharer)
      else this.forgetIfGone(sharer)
    }
  }

  /** Nothing of the model is here and nobody works on it: the table need not know it. */
  forgetIfGone({ model, manifest }: ModelRow): void {
    const { table, store, holds, memoryItems, diskItems } = this.ports
    if (holds.has(model) || memoryItems.has(model) || diskItems.has(model)) return
    const isHere = distinctBlobs(manifest.files).some(({ sha256 }) => store.blob(sha256) !== null)
    if (!isHere) table.remove(model)
  }
}
