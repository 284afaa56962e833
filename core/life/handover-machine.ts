/**
 * Both sides of handing last copies on. A node that stops asks the nodes that placement/ chose to take one model each, and waits until the
 * ledger says that another usable node holds it. A node that is asked takes what it has free room for; nothing is displaced for it.
 */

import { type ModelId, type NodeId, slowestTier } from '../../common/index.ts'
import { type HandoverModel, type HandoverStep, type HandoverTaker, planHandover } from '../../placement/index.ts'
import type { Failure } from '../failure.ts'
import type { HolderView, MemberView } from '../views/cluster-view.ts'

/** Names one question of a node that stops, for as long as it is answered or its model is on its way. */
export type TakeId = number

export type HandoverEvent = { readonly nowMs: number } & (
  | { readonly kind: 'leave' }
  /** There is no more time: what is not handed on is left. */
  | { readonly kind: 'time-up' }
  | { readonly kind: 'taken'; readonly model: ModelId }
  | { readonly kind: 'not-taken'; readonly model: ModelId; readonly failure: Failure }
  | { readonly kind: 'due'; readonly turn: number }
  | { readonly kind: 'take-asked'; readonly take: TakeId; readonly from: NodeId; readonly model: ModelId }
  | { readonly kind: 'take-sized'; readonly take: TakeId; readonly sizeBytes: number }
  /** The model came or did not come, or its size could not be learned. */
  | { readonly kind: 'take-ended'; readonly take: TakeId }
)

export type HandoverEffect =
  | { readonly kind: 'hold' | 'unhold'; readonly model: ModelId }
  /** Ends in 'taken' or 'not-taken'. */
  | { readonly kind: 'ask-take'; readonly model: ModelId; readonly to: NodeId; readonly timeoutMs: number }
  | { readonly kind: 'timer'; readonly turn: number; readonly afterMs: number }
  /** For the log. */
  | { readonly kind: 'handed-on'; readonly step: HandoverStep }
  | { readonly kind: 'not-handed-on'; readonly step: HandoverStep; readonly failure: Failure }
  | { readonly kind: 'handed'; readonly handedOn: number; readonly left: number }
  /** Ends in 'take-sized' or 'take-ended'. */
  | { readonly kind: 'size-take'; readonly take: TakeId; readonly model: ModelId }
  | { readonly kind: 'refuse-take'; readonly take: TakeId; readonly failure: Failure }
  /** Answer that it is taken, then fetch it to the disk; ends in 'take-ended'. */
  | {
      readonly kind: 'take'
      readonly take: TakeId
      readonly from: NodeId
      readonly model: ModelId
      readonly sizeBytes: number
    }

export interface HandoverCore {
  members(nowMs: number): readonly MemberView[]
  holders(model: ModelId, nowMs: number): readonly HolderView[]
  clusterDemandOf(model: ModelId, nowMs: number): number
}

export interface HandoverMachinePorts {
  readonly core: HandoverCore
  readonly zone: string
  residency(): readonly { readonly model: ModelId; readonly sizeBytes: number }[]
  isPinned(model: ModelId): boolean
  isDraining(): boolean
  /** Of the tier to which last copies come. */
  freeBytes(): number
}

export interface HandoverMachineOptions {
  /** Models taken from others at one time: each is a fetch of its own. */
  readonly takesMax: number
  /** A node that does not answer a request to take a model in this time does not take it. */
  readonly askMs: number
  /** How often the ledger is looked at for a model that is on its way. */
  readonly lookMs: number
}

export const defaultHandoverMachineOptions: HandoverMachineOptions = { takesMax: 4, askMs: 5_000, lookMs: 100 }

interface Handing {
  readonly step: HandoverStep
  isTaken: boolean
}

interface Taking {
  readonly from: NodeId
  readonly model: ModelId
}

const none: readonly HandoverEffect[] = []
const noMoreTime: Failure = { code: 'DEADLINE_EXCEEDED', message: 'there was no more time to hand it on.' }
const takerIsGone: Failure = { code: 'PEER_UNREACHABLE', message: 'the node that took it is leaving or gone.' }

export class HandoverMachine {
  private readonly ports: HandoverMachinePorts
  private readonly options: HandoverMachineOptions
  private readonly handing = new Map<ModelId, Handing>()
  private readonly taking = new Map<TakeId, Taking>()
  private isLeaving = false
  private handedOn = 0
  private left = 0
  private turn = 0

  constructor(ports: HandoverMachinePorts, options: HandoverMachineOptions = defaultHandoverMachineOptions) {
    this.ports = ports
    this.options = options
  }

  /** Models that others are taking, or that are on their way here for others. */
  get openCount(): number {
    return this.handing.size + this.taking.size
  }

  step(event: HandoverEvent): readonly HandoverEffect[] {
    switch (event.kind) {
      case 'leave':
        return this.leave(event.nowMs)
      case 'time-up':
        return this.handing.size === 0 ? none : this.giveUpAll(noMoreTime)
      case 'taken':
        return this.onTaken(event.model, event.nowMs)
      case 'not-taken': {
        const handing = this.handing.get(event.model)
        return handing === undefined ? none : this.whenAllEnded(this.giveUp(handing, event.failure))
      }
      case 'due':
        return event.turn === this.turn && this.handing.size > 0 ? this.look(event.nowMs) : none
      case 'take-asked':
        return this.onTakeAsked(event.take, event)
      case 'take-sized':
        return this.onTakeSized(event.take, event.sizeBytes)
      case 'take-ended':
        this.taking.delete(event.take)
        return none
    }
  }

  private leave(nowMs: number): HandoverEffect[] {
    if (this.isLeaving) return []
    this.isLeaving = true
    const plan = planHandover(this.models(nowMs), this.takers(nowMs))
    this.left = plan.left.filter(({ reason }) => reason === 'no-room').length
    const effects: HandoverEffect[] = []
    for (const step of plan.steps) {
      const { model, to } = step
      this.handing.set(model, { step, isTaken: false })
      effects.push({ kind: 'hold', model }, { kind: 'ask-take', model, to, timeoutMs: this.options.askMs })
    }
    if (this.handing.size > 0) effects.push(this.timer())
    return this.whenAllEnded(effects)
  }

  private onTaken(model: ModelId, nowMs: number): readonly HandoverEffect[] {
    const handing = this.handing.get(model)
    if (handing === undefined) return none
    handing.isTaken = true
    const takers = new Set(this.takers(nowMs).map(({ node }) => node))
    return this.whenAllEnded(this.lookAt(handing, takers, nowMs))
  }

  private look(nowMs: number): HandoverEffect[] {
    const takers = new Set(this.takers(nowMs).map(({ node }) => node))
    const effects = [...this.handing.values()].flatMap((handing) => this.lookAt(handing, takers, nowMs))
    if (this.handing.size > 0) effects.push(this.timer())
    return this.whenAllEnded(effects)
  }

  /** Handed on when another usable node holds it; given up when the one that took it leaves too. */
  private lookAt(handing: Handing, takers: ReadonlySet<NodeId>, nowMs: number): HandoverEffect[] {
    const { step, isTaken } = handing
    if (!isTaken) return []
    if (this.otherHolders(step.model, nowMs) > 0) {
      this.handing.delete(step.model)
      this.handedOn += 1
      return [
        { kind: 'unhold', model: step.model },
        { kind: 'handed-on', step },
      ]
    }
    return takers.has(step.to) ? [] : this.giveUp(handing, takerIsGone)
  }

  private giveUp({ step }: Handing, failure: Failure): HandoverEffect[] {
    this.handing.delete(step.model)
    this.left += 1
    return [
      { kind: 'unhold', model: step.model },
      { kind: 'not-handed-on', step, failure },
    ]
  }

  private giveUpAll(failure: Failure): HandoverEffect[] {
    return this.whenAllEnded([...this.handing.values()].flatMap((handing) => this.giveUp(handing, failure)))
  }

  private whenAllEnded(effects: HandoverEffect[]): HandoverEffect[] {
    if (this.handing.size > 0) return effects
    const { handedOn, left } = this
    return this.isLeaving ? [...effects, { kind: 'handed', handedOn, left }] : effects
  }

  private onTakeAsked(take: TakeId, { from, model }: Taking): readonly HandoverEffect[] {
    const failure = this.whyNotTake()
    if (failure !== null) return [{ kind: 'refuse-take', take, failure }]
    this.taking.set(take, { from, model })
    return [{ kind: 'size-take', take, model }]
  }

  private whyNotTake(): Failure | null {
    if (this.ports.isDraining()) {
      return { code: 'SHUTTING_DOWN', message: 'this node is stopping too; ask another.' }
    }
    if (this.taking.size < this.options.takesMax) return null
    return { code: 'OVERLOADED', message: `${this.taking.size} models are being taken already, which is the most.` }
  }

  private onTakeSized(take: TakeId, sizeBytes: number): readonly HandoverEffect[] {
    const taking = this.taking.get(take)
    if (taking === undefined) return none
    const freeBytes = this.ports.freeBytes()
    if (sizeBytes <= freeBytes) return [{ kind: 'take', take, ...taking, sizeBytes }]
    this.taking.delete(take)
    const failure: Failure = {
      code: 'DISK_FULL',
      message: 'there is no free room for the model, and nothing leaves for it.',
      details: { neededBytes: sizeBytes, freeBytes },
    }
    return [{ kind: 'refuse-take', take, failure }]
  }

  private models(nowMs: number): HandoverModel[] {
    const { core, residency, isPinned } = this.ports
    return residency().map(({ model, sizeBytes }) => ({
      model,
      sizeBytes,
      isPinned: isPinned(model),
      ratePerS: core.clusterDemandOf(model, nowMs),
      otherHolders: this.otherHolders(model, nowMs),
    }))
  }

  private takers(nowMs: number): HandoverTaker[] {
    const { core, zone } = this.ports
    return core
      .members(nowMs)
      .flatMap(({ node, isSelf, connected, suspected, distrusted, state }) =>
        isSelf || !connected || suspected || distrusted || state === null || state.draining
          ? []
          : [{ node, sameZone: state.zone === zone, freeBytes: state.tiers[slowestTier].freeBytes }],
      )
  }

  private otherHolders(model: ModelId, nowMs: number): number {
    return this.ports.core.holders(model, nowMs).filter(({ suspected, draining }) => !suspected && !draining).length
  }

  private timer(): HandoverEffect {
    this.turn += 1
    return { kind: 'timer', turn: this.turn, afterMs: this.options.lookMs }
  }
}
