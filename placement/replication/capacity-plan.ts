/**
 * The tiers of one node while a plan is made: what is free, what the eviction policy would give up for more, and what that loses.
 * Nothing goes above a limit, and nothing is given up twice.
 */

import { byTier, type LocalTier, localTiers, type ModelId, type TierBytes } from '../../common/index.ts'
import { lossOf } from '../cost/copy-gain.ts'
import type { PlacementOptions } from './placement-options.ts'
import type { HeldModel, PlacementView, TierView } from './placement-view.ts'

export interface RoomTaken {
  readonly displaces: readonly ModelId[]
  /** Of what is displaced, over the horizon. */
  readonly lossMs: number
  readonly changes: readonly {
    readonly tier: LocalTier
    readonly neededBytes: number
    readonly victims: HeldModel[]
  }[]
}

export class CapacityPlan {
  private readonly options: PlacementOptions
  private readonly rooms = new Map<LocalTier, TierView>()
  private readonly freeBytes = new Map<LocalTier, number>()
  private readonly held = new Map<ModelId, HeldModel>()
  private readonly gone = byTier(() => new Set<ModelId>())
  private readonly kept = new Set<ModelId>()

  constructor({ rooms, held, pins }: PlacementView, options: PlacementOptions) {
    this.options = options
    for (const room of rooms) {
      this.rooms.set(room.tier, room)
      this.freeBytes.set(room.tier, room.freeBytes)
    }
    for (const one of held) this.held.set(one.model, one)
    for (const pin of pins) {
      if (pin.model !== null && (pin.isMine || pin.keptCount < pin.replicaCount)) this.kept.add(pin.model)
    }
  }

  /** How the room could be had; null when it cannot. With `reserve`, free room is what is free beyond the reserve. */
  look(need: TierBytes, how: { readonly reserve?: boolean; readonly evenSettling?: boolean } = {}): RoomTaken | null {
    const changes: RoomTaken['changes'][number][] = []
    let lossMs = 0
    for (const room of this.rooms.values()) {
      const neededBytes = need[room.tier]
      if (neededBytes === 0) continue
      const victims = this.victims(room, neededBytes, how)
      if (victims === null) return null
      for (const victim of victims) lossMs += lossOf(victim, room.tier, this.options.horizonS)
      changes.push({ tier: room.tier, neededBytes, victims })
    }
    return { displaces: changes.flatMap(({ victims }) => victims.map(({ model }) => model)), lossMs, changes }
  }

  commit({ changes }: RoomTaken): void {
    for (const { tier, neededBytes, victims } of changes) {
      let freeBytes = this.freeBytes.get(tier)! - neededBytes
      for (const victim of victims) {
        freeBytes += victim.bytes[tier]
        this.gone[tier].add(victim.model)
      }
      this.freeBytes.set(tier, freeBytes)
    }
  }

  take(need: TierBytes, how: { readonly evenSettling?: boolean } = {}): RoomTaken | null {
    const taken = this.look(need, how)
    if (taken !== null) this.commit(taken)
    return taken
  }

  isDisplaced(model: ModelId): boolean {
    return localTiers.some((tier) => this.gone[tier].has(model))
  }

  /** Lets a model go when the tier is nearly full; false when it is not. */
  shed(held: HeldModel, tier: LocalTier): boolean {
    const room = this.rooms.get(tier)
    if (room === undefined || this.freeBytes.get(tier)! >= this.reserveBytes(room)) return false
    if (!room.order.includes(held.model)) return false
    this.gone[tier].add(held.model)
    this.freeBytes.set(tier, this.freeBytes.get(tier)! + held.bytes[tier])
    return true
  }

  private reserveBytes({ limitBytes }: TierView): number {
    return (limitBytes * this.options.reservePercent) / 100
  }

  private victims(
    room: TierView,
    neededBytes: number,
    { reserve = false, evenSettling = false }: { readonly reserve?: boolean; readonly evenSettling?: boolean },
  ): HeldModel[] | null {
    if (neededBytes > room.limitBytes) return null
    const victims: HeldModel[] = []
    const reserveBytes = reserve ? this.reserveBytes(room) : 0
    let freeBytes = this.freeBytes.get(room.tier)! - reserveBytes
    // Free room needs no order.
    if (freeBytes >= neededBytes) return victims
    for (const model of room.order) {
      if (freeBytes >= neededBytes) break
      const held = this.held.get(model)
      if (held === undefined || this.gone[room.tier].has(model) || this.kept.has(model)) continue
      if (!evenSettling && held.heldForMs < this.options.settleMs) continue
      victims.push(held)
      freeBytes += held.bytes[room.tier]
    }
    if (freeBytes >= neededBytes) return victims
    // What displaces something is weighed against it, and need not leave room besides.
    return victims.length > 0 && freeBytes + reserveBytes >= neededBytes ? victims : null
  }
}
