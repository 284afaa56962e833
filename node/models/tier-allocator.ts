/**
 * Keeps one tier below its hard limit: asks the eviction policy for victims, evicts them, and lets the caller reserve the room
 * before anybody else can take it. Reservations of one tier are made one at a time.
 */

import { HoldfastError, isHoldfastError, type LocalTier, type ModelId } from '../../common/index.ts'
import type { EvictionPolicy } from '../../placement/index.ts'
import type { Clock, Log } from '../system/index.ts'
import { Mutex } from './mutex.ts'

export interface TierAllocatorPorts {
  readonly tier: LocalTier
  /** Told of removals by whoever evicts. */
  readonly policy: Pick<EvictionPolicy, 'planEviction'>
  /** Tells the policy what copies are worth now. */
  refreshCosts(): void
  freeBytes(): number
  limitBytes(): number
  /** The store may have more room than freeBytes: on disk, it gives up the files of interrupted fills when it must. */
  readonly hasHiddenRoom: boolean
  mayEvict(model: ModelId): boolean
  /** What may go besides when the rest is not enough; by default nothing. */
  mayEvictAtLast?(model: ModelId): boolean
  /** Frees the model's bytes in this tier and tells the policy; false when it came into use meanwhile. */
  evict(model: ModelId): Promise<boolean>
  readonly onEvicted: (model: ModelId, reason: string) => void
  readonly clock: Clock
  readonly log: Log
}

export class TierAllocator {
  private readonly ports: TierAllocatorPorts
  private readonly mutex = new Mutex()

  constructor(ports: TierAllocatorPorts) {
    this.ports = ports
  }

  /** TOO_LARGE when so many bytes can never be in the tier. */
  checkFits(neededBytes: number): void {
    const { tier } = this.ports
    const limitBytes = this.ports.limitBytes()
    if (neededBytes <= limitBytes) return
    throw new HoldfastError(
      'TOO_LARGE',
      `${neededBytes} bytes do not fit the ${tier} tier; raise ${tier}.limitBytes.`,
      {
        details: { tier, neededBytes, limitBytes },
      },
    )
  }

  /**
   * Runs `reserve`, which must have taken the room when it ends, when at least neededBytes are free; others wait for it. Its
   * result may carry a promise of what takes longer, which nobody waits for here. TOO_LARGE, MEMORY_FULL or DISK_FULL, and
   * then nothing has been evicted in vain: a plan that is not enough is not begun.
   */
  withRoom<T extends object>(neededBytes: number, reserve: () => Promise<T> | T): Promise<T> {
    return this.mutex.run(async () => {
      this.checkFits(neededBytes)
      const refused = new Set<ModelId>()
      for (;;) {
        const hasRoom = this.ports.freeBytes() >= neededBytes
        if (hasRoom || this.ports.hasHiddenRoom) {
          try {
            return await reserve()
          } catch (error) {
            if (hasRoom || !isFull(error)) throw error
          }
        }
        await this.evictSome(neededBytes, refused)
      }
    })
  }

  /** Room for something that reserves by itself later: as good as it gets, and false when it does not get that far. */
  async tryMakeRoom(neededBytes: number): Promise<boolean> {
    if (neededBytes > this.ports.limitBytes()) return false
    return this.mutex.run(async () => {
      const refused = new Set<ModelId>()
      try {
        while (this.ports.freeBytes() < neededBytes) await this.evictSome(neededBytes, refused)
        return true
      } catch (error) {
        if (!isFull(error)) throw error
        return false
      }
    })
  }

  /** Models may share blobs, so a victim can free less than its size: the caller asks again until there is room. */
  private async evictSome(neededBytes: number, refused: Set<ModelId>): Promise<void> {
    this.ports.refreshCosts()
    const mayEvictAtLast = (model: ModelId) =>
      this.ports.mayEvict(model) || (this.ports.mayEvictAtLast?.(model) ?? false)
    const planWith = (mayEvict: (model: ModelId) => boolean) =>
      this.ports.policy.planEviction({
        neededBytes: Math.max(1, neededBytes - this.ports.freeBytes()),
        nowMs: this.ports.clock.nowMs(),
        mayEvict: (model) => !refused.has(model) && mayEvict(model),
      })
    const gentle = planWith((model) => this.ports.mayEvict(model))
    const plan = gentle.enough ? gentle : planWith(mayEvictAtLast)
    if (plan.victims.length === 0 || !plan.enough) throw this.full(neededBytes)
    for (const { model, reason } of plan.victims) {
      refused.add(model)
      // A request may have come for it while the victims before it went.
      if (!mayEvictAtLast(model) || !(await this.evict(model))) continue
      this.ports.log.info({ model, tier: this.ports.tier, reason }, 'evicted')
      this.ports.onEvicted(model, reason)
    }
  }

  /** A model that does not go stays; there may be others. */
  private async evict(model: ModelId): Promise<boolean> {
    try {
      return await this.ports.evict(model)
    } catch (error) {
      this.ports.log.error({ model, tier: this.ports.tier, error: (error as Error).stack }, 'an eviction failed')
      return false
    }
  }

  private full(neededBytes: number): HoldfastError {
    const { tier } = this.ports
    const freeBytes = this.ports.freeBytes()
    return new HoldfastError(
      tier === 'memory' ? 'MEMORY_FULL' : 'DISK_FULL',
      `${neededBytes} bytes are needed in the ${tier} tier, ${freeBytes} are free and the rest is in use; raise ${tier}.limitBytes or close models.`,
      { details: { tier, neededBytes, freeBytes } },
    )
  }
}

function isFull(error: unknown): boolean {
  return isHoldfastError(error, 'MEMORY_FULL') || isHoldfastError(error, 'DISK_FULL')
}
