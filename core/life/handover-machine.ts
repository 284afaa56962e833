/**
 * Both sides of handing last copies on. A node that stops asks the nodes that placement/ chose to take one model each, and waits until the
 * ledger says that another usable node holds it. A node that is asked takes what it has free room for; nothing is displaced for it.
 *
 * The names that the node knows go with the models, those of models that others hold to the holders: while the origin is away, bytes
 * that nobody can name are lost.
 */

import { type ModelId, type NodeId, type RequestContext, slowestTier } from '../../common/index.ts'
import { type HandoverModel, type HandoverStep, type HandoverTaker, planHandover } from '../../placement/index.ts'
import { compareIds } from '../cluster/order.ts'
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
  | { readonly kind: 'told'; readonly to: NodeId; readonly failure: Failure | null }
  | { readonly kind: 'due'; readonly turn: number }
  | { readonly kind: 'take-asked'; readonly take: TakeId; readonly from: NodeId; readonly model: ModelId }
  | { readonly kind: 'take-sized'; readonly take: TakeId; readonly sizeBytes: number }
  /** The model came or did not come, or its size could not be learned. */
  | { readonly kind: 'take-ended'; readonly take: TakeId }
)

export type HandoverEffect =
  | { readonly kind: 'hold' | 'unhold'; readonly model: ModelId }
  /** Ends in 'taken' or 'not-taken'. */
  | {
      readonly kind: 'ask-take'
      readonly model: ModelId
      readonly to: NodeId
      /** Whose tags mean the model; their refs go with the question. */
      readonly names: readonly string[]
      readonly timeoutMs: number
    }
  /** Send what these names mean to a holder of their models; ends in 'told'. */
  | {
      readonly kind: 'tell-names'
      readonly to: NodeId
      readonly names: readonly string[]
      readonly timeoutMs: number
    }
  | { readonly kind: 'timer'; readonly turn: number; readonly afterMs: number }
  /** For the log. */
  | { readonly kind: 'handed-on'; readonly step: HandoverStep }
  | { readonly kind: 'not-handed-on'; readonly step: HandoverStep; readonly failure: Failure }
  | { readonly kind: 'not-told'; readonly to: NodeId; readonly failure: Failure }
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
  /** Every name that was resolved here, with what it means. */
  names(): Iterable<{ readonly name: string; readonly model: ModelId }>
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
  /** Holders of a model that are told its names: one of them may leave as well. */
  readonly toldMax: number
  /** How often the ledger is looked at for a model that is on its way. */
  readonly lookMs: number
}

export const defaultHandoverMachineOptions: HandoverMachineOptions = {
  takesMax: 4,
  askMs: 5_000,
  toldMax: 2,
  lookMs: 100,
}

interface Handing {
  readonly step: HandoverStep
  isTaken: boolean
}

interface Taking {
  readonly from: NodeId
  readonly model: ModelId
}

/** No request waits for what is taken over. */
export const takeContext: RequestContext = { tenant: 'operator', deadlineMs: Number.POSITIVE_INFINITY }

const none: readonly HandoverEffect[] = []
const noMoreTime: Failure = { code: 'DEADLINE_EXCEEDED', message: 'there was no more time to hand it on.' }
const takerIsGone: Failure = { code: 'PEER_UNREACHABLE', message: 'the node that took it is leaving or gone.' }

export class HandoverMachine {
  private readonly ports: HandoverMachinePorts
  private readonly options: HandoverMachineOptions
  private readonly handing = new Map<ModelId, Handing>()
  private readonly telling = new Set<NodeId>()
  private readonly taking = new Map<TakeId, Taking>()
  private isLeaving = false
  private handedOn = 0
  private left = 0
  private turn = 0

  constructor(ports: HandoverMachinePorts, options: HandoverMachineOptions = defaultHandoverMachineOptions) {
    this.ports = ports
    this.options = options
  }

  /** Models that others are taking, or that are on their way here for others, and nodes that are told names. */
  get openCount(): number {
    return this.handing.size + this.telling.size + this.taking.size
  }

  step(event: HandoverEvent): readonly HandoverEffect[] {
    switch (event.kind) {
      case 'leave':
        return this.leave(event.nowMs)
      case 'time-up':
        return this.isHandingOn ? this.giveUpAll(noMoreTime) : none
      case 'taken':
        return this.onTaken(event.model, event.nowMs)
      case 'not-taken': {
        const handing = this.handing.get(event.model)
        return handing === undefined ? none : this.whenAllEnded(this.giveUp(handing, event.failure))
      }
      case 'told':
        return this.onTold(event.to, event.failure)
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
    const names = this.namesByModel()
    const timeoutMs = this.options.askMs
    for (const step of plan.steps) {
      const { model, to } = step
      this.handing.set(model, { step, isTaken: false })
      effects.push({ kind: 'hold', model }, { kind: 'ask-take', model, to, names: names.get(model) ?? [], timeoutMs })
      names.delete(model)
    }
    for (const [to, told] of this.namesByHolder(names, nowMs)) {
      this.telling.add(to)
      effects.push({ kind: 'tell-names', to, names: told, timeoutMs })
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

  private onTold(to: NodeId, failure: Failure | null): readonly HandoverEffect[] {
    if (!this.telling.delete(to)) return none
    return this.whenAllEnded(failure === null ? [] : [{ kind: 'not-told', to, failure }])
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
    const untold = [...this.telling].map((to): HandoverEffect => ({ kind: 'not-told', to, failure }))
    this.telling.clear()
    const left = [...this.handing.values()].flatMap((handing) => this.giveUp(handing, failure))
    return this.whenAllEnded([...left, ...untold])
  }

  private whenAllEnded(effects: HandoverEffect[]): HandoverEffect[] {
    if (this.isHandingOn) return effects
    const { handedOn, left } = this
    return this.isLeaving ? [...effects, { kind: 'handed', handedOn, left }] : effects
  }

  private get isHandingOn(): boolean {
    return this.handing.size + this.telling.size > 0
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
    return this.usableHolders(model, nowMs).length
  }

  private usableHolders(model: ModelId, nowMs: number): HolderView[] {
    return this.ports.core.holders(model, nowMs).filter(({ suspected, draining }) => !suspected && !draining)
  }

  private namesByModel(): Map<ModelId, string[]> {
    const names = new Map<ModelId, string[]>()
    for (const { name, model } of this.ports.names()) names.set(model, [...(names.get(model) ?? []), name])
    return names
  }

  /** One call for each node, with the names of all models for which it is among the nearest holders. */
  private namesByHolder(names: ReadonlyMap<ModelId, readonly string[]>, nowMs: number): Map<NodeId, string[]> {
    const told = new Map<NodeId, string[]>()
    for (const [model, ofModel] of names) {
      const nearest = this.usableHolders(model, nowMs).sort((a, b) => a.rttMs - b.rttMs || compareIds(a.node, b.node))
      for (const { node } of nearest.slice(0, this.options.toldMax))
        told.set(node, [...(told.get(node) ?? []), ...ofModel])
    }
    return told
  }

  private timer(): HandoverEffect {
    this.turn += 1
    return { kind: 'timer', turn: this.turn, afterMs: this.options.lookMs }
  }
}
