/** The room of a node's tiers: who gets it, which models may leave for it, and when those who were refused may ask again. */
import { assertInvariant, byTier, type LocalTier, type ModelId } from '../../common/index.ts'
import type { Failure } from '../failure.ts'
import type { ModelMachinePorts } from './ports.ts'
import type { Presence } from './presence.ts'
import { type RoomOutcome, TierAllocator } from './tier-allocator.ts'
import type { Turn } from './turn.ts'
import type { BlobRef, ModelSpec, OpId } from './types.ts'

export interface RoomsPorts<S extends ModelSpec> {
  readonly machine: ModelMachinePorts<S>
  readonly turn: Turn
  readonly presence: Presence<S>
  /** Somebody is at work on it. */
  isHeld(model: ModelId): boolean
  isLeaving(model: ModelId): boolean
}

export class Rooms<S extends ModelSpec> {
  private readonly ports: RoomsPorts<S>
  private readonly allocators: Readonly<Record<LocalTier, TierAllocator>>
  /** Because of these somebody was refused: when they are used no more there may be room. */
  private readonly inTheWay = new Set<ModelId>()

  constructor(ports: RoomsPorts<S>) {
    this.ports = ports
    this.allocators = byTier((tier) => this.createAllocator(tier))
  }

  /** To the end of the line. */
  ask(op: OpId, blobs: readonly BlobRef[], tier: LocalTier, isBestEffort = false): void {
    this.askBytes(op, this.ports.machine.table.occupiedBytes(blobs), tier, isBestEffort)
  }

  askBytes(op: OpId, neededBytes: number, tier: LocalTier, isBestEffort = false): void {
    this.allocators[tier].ask({ op, neededBytes, isBestEffort })
  }

  next(tier: LocalTier): RoomOutcome | null {
    return this.allocators[tier].next(this.ports.turn.nowMs)
  }

  /** The asker has its room, or needs none any more. */
  taken(op: OpId, tier: LocalTier): void {
    this.allocators[tier].taken(op)
  }

  /** The store did not let the asker have it. True when more will be evicted. */
  refused(op: OpId, tier: LocalTier, failure: Failure): boolean {
    return this.allocators[tier].refused(op, failure)
  }

  /** The eviction for the first of the line has ended. */
  left(tier: LocalTier): void {
    this.allocators[tier].left()
  }

  /** True when nobody uses the model in this tier: no lease, no hold, no queued request. What is in memory keeps its files on disk. */
  mayLeave(model: ModelId, tier: LocalTier): boolean {
    const { table, facts } = this.ports.machine
    if (tier === 'disk' && table.tierOf(model) === 'memory') return false
    const row = table.get(model)
    if (row === null || this.ports.isHeld(model) || this.ports.isLeaving(model)) return false
    return facts.queuedCount(model) === 0 && !facts.isLeased(row.spec)
  }

  /** Models that may leave the tier, first victim first. */
  evictionOrder(tier: LocalTier, nowMs: number): ModelId[] {
    this.ports.presence.refreshCosts(tier, nowMs)
    const plan = this.ports.machine.policy(tier).planEviction({
      // More than there is: the plan names all that may go, in order.
      neededBytes: Number.MAX_SAFE_INTEGER,
      nowMs,
      mayEvict: (model) => this.mayMakeRoom(model, tier),
    })
    return plan.victims.map(({ model }) => model)
  }

  /** All of them together can never be in memory. */
  tooLargeForMemory(files: readonly BlobRef[]): Failure | null {
    return this.allocators.memory.tooLarge(this.ports.machine.table.occupiedBytes(files))
  }

  tooLargeForDisk(blobs: readonly BlobRef[]): Failure | null {
    const { table, facts } = this.ports.machine
    const neededBytes = table.occupiedBytes(blobs)
    const limitBytes = facts.limitBytes('disk')
    if (neededBytes <= limitBytes) return null
    const message = `running a model needs its ${neededBytes} bytes on disk; raise disk.limitBytes.`
    return { code: 'TOO_LARGE', message, details: { tier: 'disk', neededBytes, limitBytes } }
  }

  /** Notes the models in use that kept the asker from its room. The asker's own bytes would not have helped it. */
  noteRefusal(tier: LocalTier, asker: ModelId): void {
    for (const model of this.ports.presence.feeds[tier].models()) {
      if (model !== asker && this.ports.isHeld(model)) this.inTheWay.add(model)
    }
  }

  /** Others may have been refused because of what was reserved for it. */
  noteTaken(model: ModelId): void {
    this.inTheWay.add(model)
  }

  /** True when somebody was refused because of the model, which is used no more. */
  isFreedBy(model: ModelId): boolean {
    return !this.ports.isHeld(model) && this.inTheWay.delete(model)
  }

  checkInvariants(isUnderWay: (op: OpId) => boolean): void {
    for (const { grantedOp } of Object.values(this.allocators)) {
      assertInvariant(grantedOp === null || isUnderWay(grantedOp), 'room is kept for work that is under way')
    }
  }

  private mayMakeRoom(model: ModelId, tier: LocalTier): boolean {
    return !this.ports.machine.facts.isPinned(model, tier) && this.mayLeave(model, tier)
  }

  private createAllocator(tier: LocalTier): TierAllocator {
    const { machine, presence } = this.ports
    const { facts } = machine
    return new TierAllocator({
      tier,
      policy: () => machine.policy(tier),
      refreshCosts: (nowMs) => presence.refreshCosts(tier, nowMs),
      freeBytes: () => facts.freeBytes(tier),
      limitBytes: () => facts.limitBytes(tier),
      hasHiddenRoom: facts.hasHiddenRoom[tier],
      mayLeave: (model) => this.mayMakeRoom(model, tier),
      // A disk not larger than the memory is full of what is in memory, and nothing new could come.
      mayLeaveAtLast: (model) => !facts.isPinned(model, tier) && this.mayLeave(model, 'memory'),
    })
  }
}
