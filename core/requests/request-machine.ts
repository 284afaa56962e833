/**
 * The requests of one node, from arrival to answer:
 *
 *   arrived -> route -> forward -----------------> holder answers -> answer
 *                 \      \          holder fails -> route again without it
 *                 \       \-> holder is late: route again without it, while it goes on; the first answer counts
 *                  \-> bring -> run -----------> answer
 *                         \-> no room here: route again without this node, else wait for room and begin anew
 *
 * The decision where to run is placement's; the machine carries it on when it fails. A request that another node has sent is served
 * from what is here or goes back; it is never forwarded again. A request that waits for room holds nothing. One that no node can answer
 * in time, by what was measured, begins nothing.
 */
import { assertInvariant, type NodeId, type RequestContext } from '../../common/index.ts'
import { costParts, type RouteChoice, type RouteDecision, routeOptions } from '../../placement/index.ts'
import type { Failure } from '../failure.ts'
import {
  deadlinePassed,
  isOfFullTier,
  isOfRequest,
  isOfRoom,
  loadingTookTooLong,
  notHeld,
  tooLateEverywhere,
  unservable,
} from './failures.ts'
import { type Forward, type ForwardEnd, Forwards } from './forwards.ts'
import { LearnedTimes } from './learned-times.ts'
import { contextOf, howEnded, leftOf, type OpenRequest, openRequest, type Stage } from './open-request.ts'
import { type HowToRoute, type RoutedModel, Router } from './router.ts'
import {
  type Asked,
  type AskedByUser,
  type AttemptId,
  defaultRequestMachineOptions,
  type Prediction,
  type RequestEffect,
  type RequestEvent,
  type RequestId,
  type RequestMachineOptions,
  type RequestMachinePorts,
} from './types.ts'

type HolderAnswered = Extract<RequestEvent, { kind: 'holder-answered' }>
type Brought = Extract<RequestEvent, { kind: 'brought' }>

export class RequestMachine {
  private readonly ports: RequestMachinePorts
  private readonly options: RequestMachineOptions
  private readonly forwards: Forwards
  private readonly router: Router
  private readonly learned: LearnedTimes
  private readonly open = new Map<RequestId, OpenRequest>()
  /** Those who wait for room, the oldest first. */
  private readonly waiting = new Set<OpenRequest>()
  private isClosed = false

  constructor(ports: RequestMachinePorts, options: Partial<RequestMachineOptions> = {}) {
    this.ports = ports
    this.options = { ...defaultRequestMachineOptions, ...options }
    this.forwards = new Forwards(this.options)
    this.router = new Router(ports, this.options, this.forwards.record)
    this.learned = new LearnedTimes(ports)
  }

  get openCount(): number {
    return this.open.size
  }

  /** On their way to holders. */
  get forwardCount(): number {
    return this.forwards.count
  }

  get waitingCount(): number {
    return this.waiting.size
  }

  /** Where a request that came now would run, and why. */
  route(asked: RoutedModel, context: RequestContext, how: Partial<HowToRoute>, nowMs: number): RouteDecision {
    return this.router.route(asked, context, { excluded: [], mayForward: true, mayServeHere: true, ...how }, nowMs)
  }

  /** The ways of a request that came now, each with the parts of its time. */
  predict(asked: RoutedModel, context: RequestContext, nowMs: number): Prediction {
    const view = this.router.view(asked, context, { excluded: [], mayForward: true, mayServeHere: true }, nowMs)
    const options = routeOptions(view).map((option) => ({ ...option, parts: costParts(option, view) }))
    return { batch: asked.batch ?? 1, options }
  }

  /**
   * The short way of a user's request: true when it is to run here at once, which is what the route would be, since nothing can be
   * expected to be sooner. The machine keeps nothing of it and wants to hear no more. False: it has to go the long way.
   */
  startsAtOnce({ model, context, batch }: AskedByUser, nowMs: number): boolean {
    const { models, node, times } = this.ports
    if (!models.isReady(model) || this.isClosed || node.queueMs(nowMs, null) > 0 || node.isDraining()) return false
    const { deadlineMs } = context
    if (deadlineMs !== Number.POSITIVE_INFINITY && times.executeMs(model, batch) > deadlineMs) return false
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
      case 'look':
        return this.onLook(nowMs)
      case 'suspected':
        return this.onSuspected(event.node, nowMs)
      case 'door-closed':
        this.isClosed = true
        return []
    }
    const request = this.open.get(event.request)
    if (request === undefined) return []
    const out: RequestEffect[] = []
    switch (event.kind) {
      case 'holder-answered':
        this.onHolderAnswered(request, event, nowMs, out)
        break
      case 'holder-failed':
        this.onHolderFailed(request, event.attempt, event.failure, nowMs, out)
        break
      case 'brought':
        this.onBrought(request, event, nowMs, out)
        break
      case 'not-brought':
      case 'run-failed':
        this.onNotServedHere(request, event.failure, nowMs, out)
        break
      case 'ran':
        this.learned.ran(request.asked, event.executeMs, nowMs)
        this.answer(request, null, nowMs, out)
        break
      case 'due':
        if (request.turn === event.turn) this.onDue(request, nowMs, out)
        break
      case 'caller-gone':
        this.onCallerGone(request, event.failure, nowMs, out)
    }
    return out
  }

  checkInvariants(): void {
    const sentMs = new Map<NodeId, number>()
    let expectedCount = 0
    for (const request of this.open.values()) {
      const { stage, user, forwards, excluded } = request
      assertInvariant(stage !== 'routing', `request ${request.id} is left between two stages`)
      assertInvariant(forwards.length === 0 || user !== null, `request ${request.id} is forwarded twice`)
      assertInvariant(stage !== 'forwarding' || forwards.length > 0, `request ${request.id} waits for no holder`)
      assertInvariant(stage !== 'running' || forwards.length === 0, `request ${request.id} runs here and elsewhere`)
      assertInvariant((stage === 'waiting') === this.waiting.has(request), `request ${request.id} is ${stage}`)
      assertInvariant(!excluded.includes(this.ports.self), `request ${request.id} was forwarded to its own node`)
      for (const forward of forwards) sentMs.set(forward.to, (sentMs.get(forward.to) ?? 0) + forward.sentMs)
      expectedCount += forwards.length
    }
    assertInvariant(this.forwards.underWay().length === expectedCount, 'a forward belongs to no request')
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
    if (!(context.deadlineMs > 0)) {
      return [{ kind: 'fail', request: id, failure: deadlinePassed(asked, `was on its way from ${from}`) }]
    }
    const expected = this.expectedHere(asked, nowMs)
    if (expected?.kind === 'refused') {
      return [{ kind: 'fail', request: id, failure: tooLateEverywhere(asked, expected.expectedMs, context.deadlineMs) }]
    }
    const out: RequestEffect[] = []
    this.bring(this.add(id, asked, null, nowMs), context, nowMs, out)
    return out
  }

  /** The choice for a request of another node; null without a deadline. */
  private expectedHere(asked: Asked, nowMs: number): RouteChoice | null {
    if (asked.context.deadlineMs === Number.POSITIVE_INFINITY) return null
    const routed = { ...asked, runBytes: 0, cannotRun: null }
    return this.router.choose(routed, asked.context, { excluded: [], mayForward: false, mayServeHere: true }, nowMs)
  }

  private onRoomFreed(nowMs: number): readonly RequestEffect[] {
    const out: RequestEffect[] = []
    for (const request of [...this.waiting]) {
      // All ways are open again.
      request.excluded = request.forwards.map(({ to }) => to)
      request.mayForward = request.user!.mayForward
      request.refusal = null
      this.advance(request, nowMs, out)
    }
    return out
  }

  private onHolderAnswered(request: OpenRequest, answered: HolderAnswered, nowMs: number, out: RequestEffect[]): void {
    const { attempt, executeMs } = answered
    const forward = request.forwards.find(({ id }) => id === attempt)
    if (forward === undefined) return
    if (executeMs !== undefined) {
      const { model, batch = 1 } = request.asked
      // It cannot have run for longer than this node has waited.
      this.ports.times.noteExecute(model, batch, Math.min(executeMs, nowMs - forward.startedMs), nowMs)
    }
    this.endForward(request, forward, 'answered', nowMs)
    this.answer(request, forward, nowMs, out)
  }

  private onHolderFailed(
    request: OpenRequest,
    attempt: AttemptId,
    failure: Failure,
    nowMs: number,
    out: RequestEffect[],
  ): void {
    const forward = request.forwards.find(({ id }) => id === attempt)
    if (forward === undefined) return
    this.endForward(request, forward, howEnded(request, forward, failure, nowMs), nowMs)
    if (isOfRequest(failure)) this.fail(request, failure, nowMs, out)
    else if (request.forwards.length > 0 || request.stage !== 'forwarding') this.exclude(request, forward.to)
    else if (request.isCallerGone) this.fail(request, failure, nowMs, out)
    else {
      this.exclude(request, forward.to)
      request.lastTried = forward.to
      this.advance(request, nowMs, out)
    }
  }

  private onLook(nowMs: number): readonly RequestEffect[] {
    const out: RequestEffect[] = []
    for (const forward of this.forwards.due(nowMs)) this.look(forward, nowMs, out)
    this.watch(this.forwards.underWay(), nowMs, out)
    return out
  }

  private onSuspected(node: NodeId, nowMs: number): readonly RequestEffect[] {
    const out: RequestEffect[] = []
    for (const forward of this.forwards.underWay()) if (forward.to === node) this.look(forward, nowMs, out)
    this.watch(this.forwards.underWay(), nowMs, out)
    return out
  }

  /** Whether the request goes on waiting for this holder alone. */
  private look(forward: Forward, nowMs: number, out: RequestEffect[]): void {
    const request = this.open.get(forward.request)!
    const other = this.otherWay(request, forward, nowMs)
    const isSuspected = !this.ports.core.isMember(forward.to, nowMs)
    const step = this.forwards.look(forward, { other, leftMs: leftOf(request, nowMs), isSuspected }, nowMs)
    if (step.kind === 'wait') return
    if (step.kind === 'leave') {
      out.push({ kind: 'drop-forward', request: request.id, attempt: forward.id })
      this.endForward(request, forward, 'unanswered', nowMs)
    }
    this.exclude(request, forward.to)
    this.advance(request, nowMs, out)
  }

  /** What the request would do without this holder; null when there is nothing, or it does so already. */
  private otherWay(request: OpenRequest, forward: Forward, nowMs: number): RouteChoice | null {
    if (request.isCallerGone || request.stage !== 'forwarding' || request.forwards.at(-1) !== forward) return null
    const excluded = [...request.excluded, forward.to]
    const mayForward = request.mayForward && excluded.length < this.options.forwardsMax
    const decision = this.choose(request, { excluded, mayForward }, nowMs)
    return decision.kind === 'unservable' || decision.kind === 'refused' ? null : decision
  }

  private exclude(request: OpenRequest, node: NodeId): void {
    if (request.excluded.includes(node)) return
    request.excluded.push(node)
    request.mayForward &&= request.excluded.length < this.options.forwardsMax
  }

  private onBrought(request: OpenRequest, brought: Brought, nowMs: number, out: RequestEffect[]): void {
    const { asked } = request
    request.source = brought.source
    this.noteBrought(request, brought, nowMs)
    const leftMs = leftOf(request, nowMs)
    if (!(leftMs > 0)) {
      this.fail(request, deadlinePassed(asked, 'waited for the model to be loaded'), nowMs, out)
      return
    }
    // A model that is here is answered from here.
    this.dropForwards(request, nowMs, out)
    this.enter(request, 'running', leftMs, nowMs)
    const order = this.router.orderOf(asked, contextOf(request, leftMs), nowMs)
    out.push({ kind: 'run', request: request.id, model: asked.model, deadlineMs: leftMs, order })
  }

  private noteBrought({ asked, load, stageMs }: OpenRequest, brought: Brought, nowMs: number): void {
    if (load === null || load.wasReady) return
    const elapsedMs = nowMs - stageMs
    this.learned.loadEnded(load, brought.source, elapsedMs)
    if (load.isNoted) return
    for (const other of this.open.values()) {
      if (other.stage === 'bringing' && other.asked.model === asked.model && other.load !== null)
        other.load.isNoted = true
    }
    this.learned.loaded(asked, load, brought, elapsedMs, nowMs)
  }

  private onNotServedHere(request: OpenRequest, failure: Failure, nowMs: number, out: RequestEffect[]): void {
    if (request.user !== null && isOfRoom(failure) && request.mayForward) {
      request.refusal = failure
      this.advance(request, nowMs, out)
    } else this.waitOrFail(request, failure, nowMs, out)
  }

  /** For room, or for holders that are late and may answer after all. */
  private waitOrFail(request: OpenRequest, failure: Failure, nowMs: number, out: RequestEffect[]): void {
    if (this.waitForRoom(request, failure, nowMs, out)) return
    if (request.forwards.length === 0) this.fail(request, failure, nowMs, out)
    else {
      request.refusal = failure
      this.enter(request, 'forwarding', leftOf(request, nowMs), nowMs)
    }
  }

  /** Forwards and runs are ended by the adapter when their time is up. */
  private onDue(request: OpenRequest, nowMs: number, out: RequestEffect[]): void {
    if (request.stage === 'bringing') this.fail(request, loadingTookTooLong(request.asked, request.leftMs), nowMs, out)
    else if (request.stage === 'waiting') this.fail(request, request.refusal!, nowMs, out)
  }

  private onCallerGone(request: OpenRequest, failure: Failure, nowMs: number, out: RequestEffect[]): void {
    request.isCallerGone = true
    if (request.stage === 'bringing') this.fail(request, failure, nowMs, out)
    else if (request.stage === 'waiting') this.fail(request, request.refusal!, nowMs, out)
  }

  /** Decides where the request runs, and sets it going. */
  private advance(request: OpenRequest, nowMs: number, out: RequestEffect[]): void {
    const { asked, refusal, lastTried } = request
    this.enter(request, 'routing', leftOf(request, nowMs), nowMs)
    // Deadlines travel in whole milliseconds: a rest of one is nothing to start with again.
    if (!(request.leftMs >= 1) && (lastTried !== null || !(request.leftMs > 0))) {
      const doing = lastTried === null ? 'waited for room' : `waited for ${lastTried} to answer`
      this.fail(request, deadlinePassed(asked, doing), nowMs, out)
      return
    }
    const decision = this.choose(request, request, nowMs)
    const context = contextOf(request, request.leftMs)
    request.decision = decision
    if (decision.kind === 'forward') this.forward(request, decision, context, nowMs, out)
    else if (decision.kind === 'refused') {
      this.waitOrFail(request, tooLateEverywhere(asked, decision.expectedMs, request.leftMs), nowMs, out)
    } else if (decision.kind !== 'unservable') this.bring(request, context, nowMs, out)
    else if (refusal === null) this.fail(request, this.unservable(request.user!, decision), nowMs, out)
    else this.waitOrFail(request, refusal, nowMs, out)
  }

  private choose(
    request: OpenRequest,
    { excluded, mayForward }: Pick<HowToRoute, 'excluded' | 'mayForward'>,
    nowMs: number,
  ): RouteChoice {
    const how = { excluded, mayForward, mayServeHere: !this.isClosed && request.refusal === null }
    return this.router.choose(request.user!, contextOf(request, leftOf(request, nowMs)), how, nowMs)
  }

  private forward(
    request: OpenRequest,
    decision: RouteChoice,
    context: RequestContext,
    nowMs: number,
    out: RequestEffect[],
  ): void {
    const { id, leftMs } = request
    const { model } = request.asked
    const to = decision.node!
    this.enter(request, 'forwarding', leftMs, nowMs)
    const timeoutMs = Math.min(this.options.forwardTimeoutMs, leftMs)
    const sentMs = this.router.sent(to, model)
    const forward = this.forwards.begin({ request: id, model, to, limitMs: timeoutMs, sentMs, decision }, nowMs)
    request.forwards.push(forward)
    out.push({ kind: 'forward', request: id, attempt: forward.id, model, to, context, timeoutMs })
    this.watch([forward], nowMs, out)
  }

  private watch(forwards: Iterable<Forward>, nowMs: number, out: RequestEffect[]): void {
    const afterMs = this.forwards.watchAfterMs(forwards, nowMs)
    if (afterMs !== null) out.push({ kind: 'watch', afterMs })
  }

  private endForward(request: OpenRequest, forward: Forward, how: ForwardEnd, nowMs: number): void {
    request.forwards = request.forwards.filter((one) => one !== forward)
    this.router.sentEnded(forward.to, forward.sentMs)
    this.forwards.end(forward, how, nowMs)
  }

  private dropForwards(request: OpenRequest, nowMs: number, out: RequestEffect[]): void {
    for (const forward of request.forwards) {
      out.push({ kind: 'drop-forward', request: request.id, attempt: forward.id })
      this.endForward(request, forward, 'left', nowMs)
    }
  }

  private bring(request: OpenRequest, context: RequestContext, nowMs: number, out: RequestEffect[]): void {
    const { id, asked, decision } = request
    this.enter(request, 'bringing', context.deadlineMs, nowMs)
    const { node, times } = this.ports
    const queueMs = node.queueMs(nowMs, this.router.orderOf(asked, context, nowMs))
    request.load = this.learned.expectedLoad(asked, decision, queueMs + times.executeMs(asked.model, asked.batch))
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
    const request = openRequest(id, asked, user, nowMs)
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

  /** @param by the forward that brought the answer; null when it ran here. */
  private answer(request: OpenRequest, by: Forward | null, nowMs: number, out: RequestEffect[]): void {
    const { id, arrivedMs, source } = request
    this.dropForwards(request, nowMs, out)
    this.close(request)
    const decision = by?.decision ?? request.decision
    const from = by === null ? { attempt: null, servedBy: this.ports.self, servedFrom: source! } : forwardedBy(by)
    out.push({ kind: 'answer', request: id, ...from, elapsedMs: nowMs - arrivedMs, decision })
  }

  private fail(request: OpenRequest, failure: Failure, nowMs: number, out: RequestEffect[]): void {
    this.dropForwards(request, nowMs, out)
    this.close(request)
    out.push({ kind: 'fail', request: request.id, failure })
  }

  private close(request: OpenRequest): void {
    this.open.delete(request.id)
    this.waiting.delete(request)
  }

  private unservable(user: AskedByUser, decision: RouteChoice): Failure {
    const { node } = this.ports
    const memoryLimitBytes = node.memoryLimitBytes()
    return unservable(user, decision, { memoryLimitBytes, isStopping: this.isClosed || node.isDraining() })
  }
}

function forwardedBy({ id, to }: Forward) {
  return { attempt: id, servedBy: to, servedFrom: 'forwarded' as const }
}
