/**
 * Keeps one tier below its hard limit: asks the eviction policy for victims, and lets the asker reserve the room before anybody
 * else can take it. Reservations of one tier are made one at a time, in the order of asking.
 *
 * Every ask ends in exactly one outcome: granted or refused. A granted one that is not best effort keeps the line until `taken` or
 * `refused` is called for it.
 */
import type { LocalTier, ModelId } from '../../common/index.ts'
import type { EvictionPlan, EvictionPolicy, Victim } from '../../placement/index.ts'
import type { Failure } from '../failure.ts'
import type { OpId } from './types.ts'

export interface TierAllocatorPorts {
  readonly tier: LocalTier
  policy(): Pick<EvictionPolicy, 'planEviction'>
  /** Tells the policy what copies are worth now. */
  refreshCosts(nowMs: number): void
  freeBytes(): number
  limitBytes(): number
  /** The store may have more room than freeBytes: a reservation is tried before anything is evicted for it. */
  readonly hasHiddenRoom: boolean
  mayLeave(model: ModelId): boolean
  /** What may go besides when the rest is not enough. */
  mayLeaveAtLast(model: ModelId): boolean
}

export interface RoomAsk {
  readonly op: OpId
  readonly neededBytes: number
  /** For something that reserves by itself later: as good as it gets. */
  readonly isBestEffort: boolean
}

export type RoomOutcome =
  /** `isShort`: best effort, and there is less than was asked for. */
  | { readonly kind: 'granted'; readonly ask: RoomAsk; readonly isShort: boolean }
  /** TOO_LARGE, MEMORY_FULL or DISK_FULL, and nothing has been evicted in vain: a plan that is not enough is not begun. */
  | { readonly kind: 'refused'; readonly ask: RoomAsk; readonly failure: Failure }
  /** Frees the model's bytes in this tier, then `left` is called. */
  | { readonly kind: 'leave'; readonly model: ModelId; readonly reason: string }

interface Current {
  readonly ask: RoomAsk
  /** Their turn came for this ask already. */
  readonly passed: Set<ModelId>
  victims: Victim[]
  stage: 'deciding' | 'leaving' | 'granted'
  hadRoom: boolean
  hasTried: boolean
}

export class TierAllocator {
  private readonly ports: TierAllocatorPorts
  private readonly line: RoomAsk[] = []
  private current: Current | null = null

  constructor(ports: TierAllocatorPorts) {
    this.ports = ports
  }

  /** To the end of the line. */
  ask(ask: RoomAsk): void {
    this.line.push(ask)
  }

  /** What has to be done now; null when there is nothing, or when it waits for `taken`, `refused` or `left`. */
  next(nowMs: number): RoomOutcome | null {
    for (;;) {
      const current = this.current ?? this.begin()
      if (current === null || current.stage !== 'deciding') return null
      const outcome = this.decide(current, nowMs)
      if (outcome === null) continue
      if (outcome.kind === 'leave') current.stage = 'leaving'
      else if (outcome.kind === 'granted' && !outcome.ask.isBestEffort) current.stage = 'granted'
      else this.current = null
      return outcome
    }
  }

  /** TOO_LARGE when so many bytes can never be in the tier. */
  tooLarge(neededBytes: number): Failure | null {
    const { tier } = this.ports
    const limitBytes = this.ports.limitBytes()
    if (neededBytes <= limitBytes) return null
    return {
      code: 'TOO_LARGE',
      message: `${neededBytes} bytes do not fit the ${tier} tier; raise ${tier}.limitBytes.`,
      details: { tier, neededBytes, limitBytes },
    }
  }

  /** The asker has its room, or needs none any more. */
  taken(op: OpId): void {
    if (this.isGranted(op)) this.current = null
  }

  /** The store did not let the asker have the room. True when more will be evicted for it: then it is granted or refused once more. */
  refused(op: OpId, failure: Failure): boolean {
    const { current } = this
    if (current === null || !this.isGranted(op)) return false
    // A best-effort request may take the room meanwhile. When the store says that it is full, it is full.
    const isTakenByOthers = this.ports.freeBytes() < current.ask.neededBytes
    const isFull = failure.code === 'MEMORY_FULL' || failure.code === 'DISK_FULL'
    if (!isFull || (current.hadRoom && !isTakenByOthers)) {
      this.current = null
      return false
    }
    current.stage = 'deciding'
    current.hasTried = true
    return true
  }

  /** The eviction that was asked for has ended, well or not. */
  left(): void {
    if (this.current?.stage === 'leaving') this.current.stage = 'deciding'
  }

  /** The ask that has been granted and neither taken nor refused. */
  get grantedOp(): OpId | null {
    return this.current?.stage === 'granted' ? this.current.ask.op : null
  }

  get waitingCount(): number {
    return this.line.length + (this.current === null ? 0 : 1)
  }

  private isGranted(op: OpId): boolean {
    return this.current?.stage === 'granted' && this.current.ask.op === op
  }

  private begin(): Current | null {
    const ask = this.line.shift()
    if (ask === undefined) return null
    this.current = { ask, passed: new Set(), victims: [], stage: 'deciding', hadRoom: false, hasTried: false }
    return this.current
  }

  /** Null: look again. */
  private decide(current: Current, nowMs: number): RoomOutcome | null {
    const { ask } = current
    const victim = current.victims.shift()
    if (victim !== undefined) {
      const { model, reason } = victim
      // A request may have come for it while the victims before it went.
      return this.mayLeaveAtLast(model) ? { kind: 'leave', model, reason } : null
    }
    const tooLarge = this.tooLarge(ask.neededBytes)
    if (tooLarge !== null) return this.withoutRoom(ask, tooLarge)
    current.hadRoom = this.ports.freeBytes() >= ask.neededBytes
    const mayTry = this.ports.hasHiddenRoom && !ask.isBestEffort && !current.hasTried
    if (current.hadRoom || mayTry) return { kind: 'granted', ask, isShort: false }
    const plan = this.plan(current, nowMs)
    if (plan.victims.length === 0 || !plan.enough) return this.withoutRoom(ask, this.full(ask.neededBytes))
    // Models may share blobs, so a victim can free less than its size: then there is another plan.
    for (const { model } of plan.victims) current.passed.add(model)
    current.victims = [...plan.victims]
    current.hasTried = false
    return null
  }

  private plan({ ask, passed }: Current, nowMs: number): EvictionPlan {
    this.ports.refreshCosts(nowMs)
    const policy = this.ports.policy()
    const neededBytes = Math.max(1, ask.neededBytes - this.ports.freeBytes())
    const planWith = (mayLeave: (model: ModelId) => boolean) =>
      policy.planEviction({ neededBytes, nowMs, mayEvict: (model) => !passed.has(model) && mayLeave(model) })
    const gentle = planWith((model) => this.ports.mayLeave(model))
    return gentle.enough ? gentle : planWith((model) => this.mayLeaveAtLast(model))
  }

  private mayLeaveAtLast(model: ModelId): boolean {
    return this.ports.mayLeave(model) || this.ports.mayLeaveAtLast(model)
  }

  private withoutRoom(ask: RoomAsk, failure: Failure): RoomOutcome {
    return ask.isBestEffort ? { kind: 'granted', ask, isShort: true } : { kind: 'refused', ask, failure }
  }

  private full(neededBytes: number): Failure {
    const { tier } = this.ports
    const freeBytes = this.ports.freeBytes()
    return {
      code: tier === 'memory' ? 'MEMORY_FULL' : 'DISK_FULL',
      message: `${neededBytes} bytes are needed in the ${tier} tier, ${freeBytes} are free and the rest is in use; raise ${tier}.limitBytes or close models.`,
      details: { tier, neededBytes, freeBytes },
    }
  }
}
