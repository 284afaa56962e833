/**
 * How a simulated node leaves, and how it takes over what another one hands on: the machines are the daemon's, calls take the time of
 * their way. Made for a node that leaves or is asked, and gone with its life.
 */

import type { LocalTier, ModelId, NodeId, RequestContext } from '../../common/index.ts'
import {
  type Failure,
  type HandoverEffect,
  type HandoverEvent,
  HandoverMachine,
  type Interner,
  type LeaveEffect,
  type LeaveEvent,
  LeaveMachine,
  type LeaveStep,
  type NodeCore,
  type RefFacts,
  type ResidentModel,
  StepQueue,
  type TakeId,
  type Timeless,
  takeContext,
} from '../../core/index.ts'
import type { Metrics } from '../metrics/metrics.ts'
import type { EventQueue } from '../world/event-queue.ts'
import type { SimModel } from '../world/models.ts'
import { type Caller, type CallWorld, call } from './call.ts'
import type { Directory } from './directory.ts'

export interface NamedRef {
  readonly name: string
  readonly ref: RefFacts<null>
}

type Answer = (failure: Failure | null) => void

export interface LeavingNode extends Caller {
  readonly id: NodeId
  readonly core: NodeCore
  readonly up: boolean
  draining: boolean
  readonly directory: Pick<Directory, 'resolveDigest' | 'names' | 'known' | 'hear'> | null
  readonly disk: { readonly freeBytes: number } | null
  readonly requests: { readonly openCount: number; close(): void }
  readonly workers: { queueMs(nowMs: number): number }
  residency(): readonly ResidentModel[]
  isPinned(model: SimModel, tier: LocalTier): boolean
  announce(): void
  readonly messenger: { announceState(): void }
  /** Nothing of the model leaves while it is held. */
  hold(model: SimModel): void
  unhold(model: SimModel): void
  bring(model: SimModel, tier: LocalTier, context: RequestContext, end: (failure: Failure | null) => void): void
  step(event: { readonly kind: 'stopping' }): void
  note(text: string): void
}

/** Another node, as one that is asked to take a model. */
export interface TakingNode {
  readonly up: boolean
  readonly leaving: {
    takeAsked(from: NodeId, model: SimModel, refs: readonly NamedRef[], answer: Answer): void
    hear(from: NodeId, refs: readonly NamedRef[]): void
  }
}

export interface LeaveWorld extends CallWorld<TakingNode> {
  readonly queue: EventQueue
  readonly interner: Interner
  readonly byId: ReadonlyMap<ModelId, SimModel>
  readonly metrics: Metrics
  /** The node is gone. */
  stop(node: number): void
}

/** How often a node that leaves looks whether a request still runs. */
const idleLookMs = 100
/** Last words are on their way for so long before the line is closed. */
const lastWordsMs = 1_000

const unreachable: Failure = { code: 'PEER_UNREACHABLE', message: 'the node does not answer' }
const unknown: Failure = { code: 'UNKNOWN_MODEL', message: 'nobody has the manifest' }

export class SimLeave {
  private readonly world: LeaveWorld
  private readonly node: LeavingNode
  private readonly handover: StepQueue<Timeless<HandoverEvent>, HandoverEffect>
  private readonly steps: StepQueue<LeaveEvent, LeaveEffect>
  private readonly answers = new Map<TakeId, Answer>()
  private nextTake: TakeId = 1

  constructor(world: LeaveWorld, node: LeavingNode) {
    this.world = world
    this.node = node
    const handover = new HandoverMachine({
      core: node.core,
      zone: world.topology.zoneOf(node.index),
      residency: () => node.residency(),
      names: () => node.directory?.names() ?? [],
      isPinned: (model) => node.isPinned(this.modelOf(model), 'disk'),
      isDraining: () => node.draining,
      freeBytes: () => node.disk?.freeBytes ?? 0,
    })
    this.handover = new StepQueue(
      (event) => handover.step({ ...event, nowMs: world.queue.nowMs }),
      (effect) => this.executeHandover(effect),
    )
    const steps = new LeaveMachine()
    this.steps = new StepQueue(
      (event) => steps.step(event),
      (effect) => this.executeStep(effect),
    )
  }

  leave(): void {
    this.node.note('leaves')
    this.steps.dispatch({ kind: 'leave' })
  }

  /** Another node asks this one to take a model. */
  takeAsked(from: NodeId, model: SimModel, refs: readonly NamedRef[], answer: Answer): void {
    this.hear(from, refs)
    const take = this.nextTake
    this.nextTake += 1
    this.answers.set(take, answer)
    this.handover.dispatch({ kind: 'take-asked', take, from, model: model.id })
  }

  hear(from: NodeId, refs: readonly NamedRef[]): void {
    for (const { name, ref } of refs) this.node.directory?.hear(from, name, ref)
  }

  private executeStep(effect: LeaveEffect): void {
    switch (effect.kind) {
      case 'timer': {
        const { turn, afterMs } = effect
        this.node.later(afterMs, () => this.steps.dispatch({ kind: 'due', turn }))
        return
      }
      case 'time-up':
        if (effect.step === 'hand-over') this.handover.dispatch({ kind: 'time-up' })
        return
      case 'begin':
        this.begin(effect.step)
    }
  }

  private begin(step: LeaveStep): void {
    const { node, world } = this
    switch (step) {
      case 'announce':
        node.draining = true
        node.messenger.announceState()
        node.later(this.announceMs(), () => this.steps.dispatch({ kind: 'ended', step }))
        return
      case 'hand-over':
        this.handover.dispatch({ kind: 'leave' })
        return
      case 'close-door':
        node.requests.close()
        return
      case 'end-requests':
        this.whenIdle(() => this.steps.dispatch({ kind: 'ended', step }))
        return
      case 'stop':
        node.step({ kind: 'stopping' })
        node.later(lastWordsMs, () => world.stop(node.index))
    }
  }

  /** All peers are told at once, and the last answer is waited for. */
  private announceMs(): number {
    const { network, topology } = this.world
    const { index } = this.node
    return Math.max(0, ...network.peersOf(index).map((peer) => 2 * topology.oneWayMs(index, peer)))
  }

  private whenIdle(then: () => void): void {
    const { node, world } = this
    const look = (): void => {
      if (node.requests.openCount === 0 && node.workers.queueMs(world.queue.nowMs) === 0) then()
      else node.later(idleLookMs, look)
    }
    look()
  }

  private executeHandover(effect: HandoverEffect): void {
    const { node, world } = this
    switch (effect.kind) {
      case 'hold':
        node.hold(this.modelOf(effect.model))
        return
      case 'unhold':
        node.unhold(this.modelOf(effect.model))
        return
      case 'ask-take':
        this.ask(effect)
        return
      case 'tell-names':
        this.tell(effect)
        return
      case 'not-told':
        node.note(`not-told ${effect.to}`)
        return
      case 'timer': {
        const { turn, afterMs } = effect
        node.later(afterMs, () => this.handover.dispatch({ kind: 'due', turn }))
        return
      }
      case 'handed-on':
      case 'not-handed-on':
        node.note(`${effect.kind} ${effect.step.model.slice(0, 8)} to ${effect.step.to}`)
        return
      case 'handed':
        this.steps.dispatch({ kind: 'ended', step: 'hand-over' })
        return
      case 'size-take':
        this.size(effect.take, this.modelOf(effect.model))
        return
      case 'refuse-take':
        this.answer(effect.take, effect.failure)
        return
      case 'take': {
        const { take, model, sizeBytes } = effect
        world.metrics.handedOverBytes += sizeBytes
        this.answer(take, null)
        node.bring(this.modelOf(model), 'disk', takeContext, () => this.handover.dispatch({ kind: 'take-ended', take }))
      }
    }
  }

  private ask(effect: Extract<HandoverEffect, { kind: 'ask-take' }>): void {
    const { node, world } = this
    const { to, timeoutMs } = effect
    const model = this.modelOf(effect.model)
    const refs = this.refsOf(effect.names)
    const ask = (taker: TakingNode, answer: Answer) => taker.leaving.takeAsked(node.id, model, refs, answer)
    call(world, node, world.interner.index(to), { timeoutMs, silence: unreachable, ask }, (failure) => {
      const { id } = model
      this.handover.dispatch(
        failure === null ? { kind: 'taken', model: id } : { kind: 'not-taken', model: id, failure },
      )
    })
  }

  private tell({ to, names, timeoutMs }: Extract<HandoverEffect, { kind: 'tell-names' }>): void {
    const { node, world } = this
    const refs = this.refsOf(names)
    const ask = (holder: TakingNode, answer: Answer) => {
      holder.leaving.hear(node.id, refs)
      answer(null)
    }
    call(world, node, world.interner.index(to), { timeoutMs, silence: unreachable, ask }, (failure) =>
      this.handover.dispatch({ kind: 'told', to, failure }),
    )
  }

  private refsOf(names: readonly string[]): NamedRef[] {
    return names.flatMap((name) => {
      const ref = this.node.directory?.known(name) ?? null
      return ref === null ? [] : [{ name, ref }]
    })
  }

  /** A node that does not know the manifest asks for it first. */
  private size(take: TakeId, model: SimModel): void {
    const sized = (found: SimModel | null): void => {
      if (found !== null) this.handover.dispatch({ kind: 'take-sized', take, sizeBytes: found.sizeBytes })
      else {
        this.answer(take, unknown)
        this.handover.dispatch({ kind: 'take-ended', take })
      }
    }
    const { directory } = this.node
    if (directory === null) sized(model)
    else directory.resolveDigest(model, sized)
  }

  private answer(take: TakeId, failure: Failure | null): void {
    this.answers.get(take)?.(failure)
    this.answers.delete(take)
  }

  private modelOf(id: string): SimModel {
    return this.world.byId.get(id)!
  }
}
