/**
 * One tier of a simulated node: which models lie in it, who waits for room, and the eviction policy that makes it. Room is
 * reserved before bytes come, and counts at once, as in the daemon. Who asks when there is none waits in line: a model that fits
 * is never turned away.
 */

import { assertInvariant, type LocalTier, type ModelId } from '../../common/index.ts'
import type { EvictionPolicy, RemovalCause } from '../../placement/index.ts'
import type { SimModel } from '../world/models.ts'

/** What a copy is worth to the policies: as placement reckons it from gossip. */
export interface CopyWorth {
  readonly missCostMs: number
  readonly othersLossMsPerS: number
}

export interface TierPorts {
  readonly name: LocalTier
  readonly limitBytes: number
  readonly policy: EvictionPolicy
  /** Tells the policy of all requests so far: called before anything else is asked or told of it. */
  readonly tell: () => void
  readonly modelOf: (id: ModelId) => SimModel
  readonly mayEvict: (model: SimModel) => boolean
  /** What may go when the rest is not enough. */
  readonly mayEvictAtLast: (model: SimModel) => boolean
  readonly worthOf: (model: SimModel) => CopyWorth
  readonly onEvicted: (model: SimModel, reason: string) => void
  /** Somebody waits; what is in use has to be looked at again when it is not. */
  readonly onWaiting: () => void
  readonly nowMs: () => number
}

interface Waiting {
  readonly model: SimModel
  readonly granted: () => void
}

export class Tier {
  readonly residents = new Set<SimModel>()
  private readonly reserved = new Set<SimModel>()
  private readonly ports: TierPorts
  private readonly line: Waiting[] = []
  private bytes = 0

  constructor(ports: TierPorts) {
    this.ports = ports
  }

  get usedBytes(): number {
    return this.bytes
  }

  get limitBytes(): number {
    return this.ports.limitBytes
  }

  get freeBytes(): number {
    return this.ports.limitBytes - this.bytes
  }

  get waitingCount(): number {
    return this.line.length
  }

  get policy(): EvictionPolicy {
    this.ports.tell()
    return this.ports.policy
  }

  has(model: SimModel): boolean {
    return this.residents.has(model)
  }

  isReserved(model: SimModel): boolean {
    return this.reserved.has(model)
  }

  fits(model: SimModel): boolean {
    return model.sizeBytes <= this.ports.limitBytes
  }

  /** Takes the room now, evicting for it, or nothing at all. Who waits in line comes first. */
  tryReserve(model: SimModel): boolean {
    return this.line.length === 0 && this.take(model)
  }

  /** `granted` is called when the room is taken, now or later. */
  whenReserved(model: SimModel, granted: () => void): void {
    assertInvariant(this.fits(model), `${model.id} waits for room that it can have`)
    this.line.push({ model, granted })
    this.retry()
    if (this.line.length > 0) this.ports.onWaiting()
  }

  /** Something was freed, or is in use no more. */
  retry(): void {
    for (let first = this.line[0]; first !== undefined && this.take(first.model); first = this.line[0]) {
      this.line.shift()
      first.granted()
    }
  }

  /** The bytes are here. */
  settle(model: SimModel): void {
    assertInvariant(this.reserved.delete(model), 'room is reserved before it is filled')
    this.residents.add(model)
    this.policy.onInsert({ model: model.id, sizeBytes: model.sizeBytes, ...this.ports.worthOf(model) }, this.now)
  }

  /** The bytes will not come. */
  giveBack(model: SimModel): void {
    if (!this.reserved.delete(model)) return
    this.bytes -= model.sizeBytes
  }

  remove(model: SimModel, cause: RemovalCause): void {
    if (!this.residents.delete(model)) return
    this.bytes -= model.sizeBytes
    this.policy.onRemove(model.id, this.now, cause)
  }

  /** Power is lost. What lies on a disk stays. */
  clear(): void {
    this.line.length = 0
    for (const model of [...this.reserved]) this.giveBack(model)
    if (this.ports.name === 'memory') for (const model of [...this.residents]) this.remove(model, 'dropped')
  }

  /** What the policy would let go, first first, given what others hold now. */
  order(): ModelId[] {
    this.refreshWorth()
    const { policy } = this
    const { modelOf, mayEvict, limitBytes } = this.ports
    const request = { neededBytes: limitBytes, nowMs: this.now, mayEvict: (id: ModelId) => mayEvict(modelOf(id)) }
    return policy.planEviction(request).victims.map(({ model }) => model)
  }

  checkInvariants(): void {
    let bytes = 0
    for (const model of this.residents) bytes += model.sizeBytes
    for (const model of this.reserved) bytes += model.sizeBytes
    assertInvariant(bytes === this.bytes, `the ${this.ports.name} tier has ${bytes} bytes, not ${this.bytes}`)
    this.policy.checkInvariants()
  }

  private take(model: SimModel): boolean {
    if (model.sizeBytes > this.freeBytes && !this.makeRoom(model.sizeBytes - this.freeBytes)) return false
    this.reserve(model)
    return true
  }

  private reserve(model: SimModel): void {
    assertInvariant(!this.reserved.has(model) && !this.residents.has(model), 'a model takes its room once')
    this.reserved.add(model)
    this.bytes += model.sizeBytes
  }

  /** A plan that is not enough is not begun. */
  private makeRoom(neededBytes: number): boolean {
    const { modelOf, mayEvict, mayEvictAtLast, onEvicted } = this.ports
    this.refreshWorth()
    const { policy } = this
    const planWith = (may: typeof mayEvict) =>
      policy.planEviction({ neededBytes, nowMs: this.now, mayEvict: (id) => may(modelOf(id)) })
    const gentle = planWith(mayEvict)
    const plan = gentle.enough ? gentle : planWith(mayEvictAtLast)
    if (!plan.enough) return false
    for (const { model: id, reason } of plan.victims) {
      const model = modelOf(id)
      this.remove(model, 'evicted')
      onEvicted(model, reason)
    }
    return true
  }

  /** What others hold has changed since these models came: costs are those of now. */
  private refreshWorth(): void {
    const { policy } = this
    const { worthOf } = this.ports
    for (const model of this.residents) {
      const { missCostMs, othersLossMsPerS } = worthOf(model)
      policy.updateCost(model.id, missCostMs, othersLossMsPerS)
    }
  }

  private get now(): number {
    return this.ports.nowMs()
  }
}
