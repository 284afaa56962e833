/**
 * The requests of one node, from arrival to answer:
 *
 *   arrived -> route -> forward -----------------> holder answers -> answer
 *                 \                 holder fails -> route again without it
 *                  \-> bring -> run -----------> answer
 *                         \-> no room here: route again without this node, else wait for room and begin anew
 *
 * The decision where to run is placement's; the machine carries it on when it fails. A request that another node has sent is served
 * from what is here or goes back; it is never forwarded again. A request that waits for room holds nothing.
 */
import { assertInvariant, type NodeId, type RequestContext, type Source } from '../../common/index.ts'
import type { RouteChoice, RouteDecision } from '../../placement/index.ts'
import type { Failure } from '../failure.ts'
import {
  deadlinePassed,
  isOfFullTier,
  isOfRequest,
  isOfRoom,
  loadingTookTooLong,
  notHeld,
  unservable,
} from './failures.ts'
import { type HowToRoute, type RoutedModel, Router } from './router.ts'
import {
  type Asked,
  type AskedByUser,
  defaultRequestMachineOptions,
  type RequestEffect,
  type RequestEvent,
  type RequestId,
  type RequestMachineOptions,
  type RequestMachinePorts,
} from './types.ts'

type Stage = 'routing' | 'forwarding' | 'bringing' | 'running' | 'waiting'

interface OpenRequest {
  readonly id: RequestId
  readonly asked: Asked
  readonly arrivedMs: number
  /** What a user asked for; null for a request of another node. */
  readonly user: AskedByUser | null
  excluded: NodeId[]
  mayForward: boolean
  /** Why this node does not serve it; waited upon where it is about room. */
  refusal: Failure | null
  isCallerGone: boolean
  stage: Stage
  /** Rises with the stage: a timer of an earlier one is of no account. */
  turn: number
  stageMs: number
  /** What was left of the deadline then. */
  leftMs: number
  to: NodeId | null
  /** Counted at the holder as on its way. */
  sentMs: number
  decision: RouteChoice | null
  source: Source | null
}

export class RequestMachine {
  private readonly ports: RequestMachinePorts
  private readonly options: RequestMachineOptions
  private readonly router: Router
  private readonly open = new Map<RequestId, OpenRequest>()
  /** Those who wait for room, the oldest first. */
  private readonly waiting = new Set<OpenRequest>()
  private isClosed = false

  constructor(ports: RequestMachinePorts, options: Partial<RequestMachineOptions> = {}) {
    this.ports = ports
    this.options = { ...defaultRequestMachineOptions, ...options }
    this.router = new Router(ports, this.options)
  }

  get openCount(): number {
    return this.open.size
  }

  get waitingCount(): number {
    return this.waiting.size
  }

  /** Where a request that came now would run, and why. */
  route(asked: RoutedModel, context: RequestContext, how: Partial<HowToRoute>, nowMs: number): RouteDecision {
    return this.router.route(asked, context, { excluded: [], mayForward: true, mayServeHere: true, ...how }, nowMs)
  }

  /**
   * The short way of a user's request: true when it is to run here at once, which is what the route would be, since nothing can be
   * expected to be sooner. The machine keeps nothing of it and wants to hear no more. False: it has to go the long way.
   */
  startsAtOnce({ model, context }: AskedByUser, nowMs: number): boolean {
    const { models, node, times } = this.ports
    if (!models.isReady(model) || this.isClosed || node.queueMs(nowMs) > 0 || node.isDraining()) return false
    const { deadlineMs } = context
    if (deadlineMs !== Number.POSITIVE_INFINITY && times.executeMs(model) > deadlineMs) return false
    this.ports.noteRequest(model, 'user', nowMs)
    return true
  }

  step(event: RequestEvent): readonly RequestEffect[] {
    const { nowMs } = event
    switch (event.kind) {
      case 'arrived':
        return this.onArrived(event.request, event.asked, nowMs)
      case 'sent-here':
        return this.onSentHere(event.request, event.from, event.asked, nowMs)
      case 'room-freed':
        return this.onRoomFreed(nowMs)
      case 'door-closed':
        this.isClosed = true
        return []
    }
    const request = this.open.get(event.request)
    if (request === undefined) return []
    const out: RequestEffect[] = []
    switch (event.kind) {
      case 'holder-answered':
        this.leaveHolder(request)
        this.answer(request, request.to!, 'forwarded', nowMs, out)
        break
      case 'holder-failed':
        this.onHolderFailed(request, event.failure, nowMs, out)
        break
      case 'brought':
        this.onBrought(request, event.source, nowMs, out)
        break
      case 'not-brought':
      case 'run-failed':
        this.onNotServedHere(request, event.failure, nowMs, out)
        break
      case 'ran':
        this.ports.times.noteExecute(request.asked.model, nowMs - request.stageMs)
        this.answer(request, this.ports.self, request.source!, nowMs, out)
        break
      case 'due':
        if (request.turn === event.turn) this.onDue(request, out)
        break
      case 'caller-gone':
        this.onCallerGone(request, event.failure, out)
    }
    return out
  }

  checkInvariants(): void {
    const sentMs = new Map<NodeId, number>()
    for (const request of this.open.values()) {
      const { stage, user, to, excluded } = request
      assertInvariant(stage !== 'routing', `request ${request.id} is left between two stages`)
      assertInvariant(stage !== 'forwarding' || user !== null, `request ${request.id} is forwarded twice`)
      assertInvariant((stage === 'waiting') === this.waiting.has(request), `request ${request.id} is ${stage}`)
      assertInvariant(!excluded.includes(this.ports.self), `request ${request.id} was forwarded to its own node`)
      if (stage === 'forwarding') sentMs.set(to!, (sentMs.get(to!) ?? 0) + request.sentMs)
    }
    for (const request of this.waiting) assertInvariant(this.open.has(request.id), `request ${request.id} has ended`)
    this.router.checkSent(sentMs)
  }

  private onArrived(id: RequestId, asked: AskedByUser, nowMs: number): readonly RequestEffect[] {
    this.ports.noteRequest(asked.model, 'user', nowMs)
    const out: RequestEffect[] = []
    this.advance(this.add(id, asked, asked, nowMs), nowMs, out)
    return out
  }

  /** A holder serves what it has loaded, or can load without a fetch; anything else goes back at once. */
  private onSentHere(id: RequestId, from: NodeId, asked: Asked, nowMs: number): readonly RequestEffect[] {
    const { self, node, models } = this.ports
    if (node.isDraining() || !models.isHere(asked.model)) {
      return [{ kind: 'fail', request: id, failure: notHeld(asked, self, from) }]
    }
    this.ports.noteRequest(asked.model, 'node', nowMs)
    const { context } = asked
    if (!(context.deadlineMs > 0)) return [{ kind: 'fail', request: id, failure: deadlinePassed(asked) }]
    const out: RequestEffect[] = []
    this.bring(this.add(id, asked, null, nowMs), context, nowMs, out)
    return out
  }

  private onRoomFreed(nowMs: number): readonly RequestEffect[] {
    const out: RequestEffect[] = []
    for (const request of [...this.waiting]) {
      // All ways are open again.
      request.excluded = []
      request.mayForward = request.user!.mayForward
      request.refusal = null
      this.advance(request, nowMs, out)
    }
    return out
  }

  private onHolderFailed(request: OpenRequest, failure: Failure, nowMs: number, out: RequestEffect[]): void {
    this.leaveHolder(request)
    if (request.isCallerGone || isOfRequest(failure)) {
      this.fail(request, failure, out)
      return
    }
    request.excluded.push(request.to!)
    request.mayForward = request.excluded.length < this.options.forwardsMax
    this.advance(request, nowMs, out)
  }

  private onBrought(request: OpenRequest, source: Source, nowMs: number, out: RequestEffect[]): void {
    const { asked, stageMs } = request
    request.source = source
    if (source === 'disk') this.ports.times.noteInit(asked.model, nowMs - stageMs)
    const leftMs = leftOf(request, nowMs)
    if (!(leftMs > 0)) {
      this.fail(request, deadlinePassed(asked), out)
      return
    }
    this.enter(request, 'running', leftMs, nowMs)
    out.push({ kind: 'run', request: request.id, model: asked.model, deadlineMs: leftMs })
  }

  private onNotServedHere(request: OpenRequest, failure: Failure, nowMs: number, out: RequestEffect[]): void {
    if (request.user !== null && isOfRoom(failure) && request.mayForward) {
      request.refusal = failure
      this.advance(request, nowMs, out)
    } else if (!this.waitForRoom(request, failure, nowMs, out)) this.fail(request, failure, out)
  }

  /** Forwards and runs are ended by the adapter when their time is up. */
  private onDue(request: OpenRequest, out: RequestEffect[]): void {
    if (request.stage === 'bringing') this.fail(request, loadingTookTooLong(request.asked, request.leftMs), out)
    else if (request.stage === 'waiting') this.fail(request, request.refusal!, out)
  }

  private onCallerGone(request: OpenRequest, failure: Failure, out: RequestEffect[]): void {
    request.isCallerGone = true
    if (request.stage === 'bringing') this.fail(request, failure, out)
    else if (request.stage === 'waiting') this.fail(request, request.refusal!, out)
  }

  /** Decides where the request runs, and sets it going. */
  private advance(request: OpenRequest, nowMs: number, out: RequestEffect[]): void {
    const { asked, refusal, excluded, mayForward } = request
    this.enter(request, 'routing', leftOf(request, nowMs), nowMs)
    if (!(request.leftMs > 0)) {
      this.fail(request, deadlinePassed(asked), out)
      return
    }
    const { leftMs } = request
    const context = leftMs === asked.context.deadlineMs ? asked.context : { ...asked.context, deadlineMs: leftMs }
    const how = { excluded, mayForward, mayServeHere: !this.isClosed && refusal === null }
    const decision = this.router.choose(request.user!, context, how, nowMs)
    request.decision = decision
    if (decision.kind === 'forward') this.forward(request, decision.node!, context, nowMs, out)
    else if (decision.kind !== 'unservable') this.bring(request, context, nowMs, out)
    else if (refusal === null) this.fail(request, this.unservable(request.user!, decision), out)
    else if (!this.waitForRoom(request, refusal, nowMs, out)) this.fail(request, refusal, out)
  }

  private forward(
    request: OpenRequest,
    to: NodeId,
    context: RequestContext,
    nowMs: number,
    out: RequestEffect[],
  ): void {
    const { id, leftMs } = request
    const { model } = request.asked
    this.enter(request, 'forwarding', leftMs, nowMs)
    request.to = to
    request.sentMs = this.router.sent(to, model)
    const timeoutMs = Math.min(this.options.forwardTimeoutMs, leftMs)
    out.push({ kind: 'forward', request: id, model, to, context, timeoutMs })
  }

  private leaveHolder(request: OpenRequest): void {
    this.router.sentEnded(request.to!, request.sentMs)
  }

  private bring(request: OpenRequest, context: RequestContext, nowMs: number, out: RequestEffect[]): void {
    const { id, asked } = request
    this.enter(request, 'bringing', context.deadlineMs, nowMs)
    out.push({ kind: 'bring', request: id, model: asked.model, context })
    this.setTimer(request, context.deadlineMs, out)
  }

  /** False when nothing can be hoped for: the failure is not about room, or nobody has the time. */
  private waitForRoom(request: OpenRequest, failure: Failure, nowMs: number, out: RequestEffect[]): boolean {
    const { asked, user, arrivedMs, isCallerGone } = request
    const patienceMs = Math.min(this.options.roomWaitMs, asked.context.deadlineMs) - (nowMs - arrivedMs)
    if (user === null || !isOfFullTier(failure) || this.isClosed || isCallerGone || !(patienceMs > 0)) return false
    this.enter(request, 'waiting', patienceMs, nowMs)
    request.refusal = failure
    this.waiting.add(request)
    this.setTimer(request, patienceMs, out)
    return true
  }

  private setTimer({ id, turn }: OpenRequest, afterMs: number, out: RequestEffect[]): void {
    if (Number.isFinite(afterMs)) out.push({ kind: 'timer', request: id, turn, afterMs })
  }

  private add(id: RequestId, asked: Asked, user: AskedByUser | null, nowMs: number): OpenRequest {
    assertInvariant(!this.open.has(id), `request ${id} comes once`)
    const request: OpenRequest = {
      id,
      asked,
      user,
      arrivedMs: nowMs,
      excluded: [],
      mayForward: user?.mayForward ?? false,
      refusal: null,
      isCallerGone: false,
      stage: 'routing',
      turn: 0,
      stageMs: nowMs,
      leftMs: asked.context.deadlineMs,
      to: null,
      sentMs: 0,
      decision: null,
      source: null,
    }
    this.open.set(id, request)
    return request
  }

  private enter(request: OpenRequest, stage: Stage, leftMs: number, nowMs: number): void {
    if (request.stage === 'waiting') this.waiting.delete(request)
    request.stage = stage
    request.turn += 1
    request.stageMs = nowMs
    request.leftMs = leftMs
  }

  private answer(
    request: OpenRequest,
    servedBy: NodeId,
    servedFrom: Source | 'forwarded',
    nowMs: number,
    out: RequestEffect[],
  ): void {
    const { id, arrivedMs, decision } = request
    this.open.delete(id)
    out.push({ kind: 'answer', request: id, servedBy, servedFrom, elapsedMs: nowMs - arrivedMs, decision })
  }

  private fail(request: OpenRequest, failure: Failure, out: RequestEffect[]): void {
    this.open.delete(request.id)
    this.waiting.delete(request)
    out.push({ kind: 'fail', request: request.id, failure })
  }

  private unservable(user: AskedByUser, decision: RouteChoice): Failure {
    const { node } = this.ports
    const memoryLimitBytes = node.memoryLimitBytes()
    return unservable(user, decision, { memoryLimitBytes, isStopping: this.isClosed || node.isDraining() })
  }
}

function leftOf({ asked, arrivedMs }: OpenRequest, nowMs: number): number {
  return asked.context.deadlineMs - (nowMs - arrivedMs)
}
