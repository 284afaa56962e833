/**
 * Keeps one tier below its hard limit: asks the eviction policy for victims, evicts them, and lets the caller reserve the room
 * before anybody else can take it. Reservations of one tier are made one at a time.
 */
import { type EvictionPolicy, HoldfastError } from '../../placement/index.ts'
import type { ModelId } from '../../placement/types.ts'
import type { Log } from '../log.ts'
import type { Clock } from '../system.ts'
import { Mutex } from './mutex.ts'

export interface RoomMakerPorts {
  readonly tier: 'memory' | 'disk'
  readonly policy: EvictionPolicy
  freeBytes(): number
  limitBytes(): number
  mayEvict(model: ModelId): boolean
  /** Frees the model's bytes in this tier; false when it came into use meanwhile. */
  evict(model: ModelId): Promise<boolean>
  readonly onEvicted: (model: ModelId, reason: string) => void
  readonly clock: Clock
  readonly log: Log
}

export class RoomMaker {
  private readonly ports: RoomMakerPorts
  private readonly mutex = new Mutex()

  constructor(ports: RoomMakerPorts) {
    this.ports = ports
  }

  /**
   * Runs `reserve`, which must take the room synchronously, when at least neededBytes are free. Its result comes wrapped, so
   * that a promise in it is not awaited while others wait for room. TOO_LARGE, MEMORY_FULL or DISK_FULL.
   */
  withRoom<T>(neededBytes: number, reserve: () => T): Promise<{ readonly value: T }> {
    return this.mutex.run(async () => {
      await this.makeRoom(neededBytes)
      return { value: reserve() }
    })
  }

  private async makeRoom(neededBytes: number): Promise<void> {
    const { tier } = this.ports
    if (neededBytes > this.ports.limitBytes()) {
      throw new HoldfastError(
        'TOO_LARGE',
        `${neededBytes} bytes do not fit the ${tier} tier; raise ${tier}.limitBytes.`,
        {
          details: { tier, neededBytes, limitBytes: this.ports.limitBytes() },
        },
      )
    }
    // Models may share blobs, so a victim can free less than its size: plan again until there is room or nobody is left.
    const refused = new Set<ModelId>()
    while (this.ports.freeBytes() < neededBytes) {
      const plan = this.ports.policy.planEviction({
        neededBytes: neededBytes - this.ports.freeBytes(),
        nowMs: this.ports.clock.nowMs(),
        mayEvict: (model) => !refused.has(model) && this.ports.mayEvict(model),
      })
      if (plan.victims.length === 0 || !plan.enough) throw this.full(neededBytes)
      for (const victim of plan.victims) await this.evict(victim.model, victim.reason, refused)
    }
  }

  private async evict(model: ModelId, reason: string, refused: Set<ModelId>): Promise<void> {
    refused.add(model)
    if (!(await this.ports.evict(model))) return
    this.ports.policy.onRemove(model, this.ports.clock.nowMs())
    this.ports.log.info({ model, tier: this.ports.tier, reason }, 'evicted')
    this.ports.onEvicted(model, reason)
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
