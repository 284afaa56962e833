/**
 * Carries out the requests of one life of a simulated node: the machine is the daemon's, holders, loads and workers are the world's. When a
 * request begins and ends to run is known at once, so that it counts as served when it begins, and costs no event on the short way.
 */

import { type ModelId, type NodeId, type Prng, type RequestContext, type Source, timeLeft } from '../../common/index.ts'
import {
  type Asked,
  type AttemptId,
  defaultRequestMachineOptions,
  type Failure,
  type NodeCore,
  type RequestEffect,
  type RequestEvent,
  type RequestId,
  RequestMachine,
  StepQueue,
} from '../../core/index.ts'
import type { RequestFailure, ServedFrom } from '../metrics/run-result.ts'
import type { SimModel } from '../world/models.ts'
import { Forwarding, type ForwardingWorld, type Reply } from './forwarding.ts'
import type { RequestsWorld } from './requests-world.ts'
import type { Workers } from './workers.ts'

/** A model of the catalog stands for its name, which may mean another revision by now. */
interface NameResolver {
  /** null: somebody has to be asked first. */
  answerNow(name: SimModel): SimModel | null
  /** null: nobody who can be reached knows the name. */
  resolveAtOnce(name: SimModel, then: (model: SimModel | null) => void): void
}

/** What the requests ask of their node. */
export interface RequestsNode {
  readonly index: number
  readonly id: NodeId
  readonly core: NodeCore
  readonly workers: Workers
  readonly draining: boolean
  readonly memory: { readonly limitBytes: number }
  /** Null where requests need no names. */
  readonly directory: NameResolver | null
  readonly asked: { note(model: SimModel, nowMs: number, isForwarded: boolean): void }
  isReady(model: SimModel): boolean
  holds(model: SimModel): boolean
  /** It is being brought or started here now. */
  isComing(model: SimModel): boolean
  /** Nothing of the model leaves while it is held. */
  hold(model: SimModel): void
  unhold(model: SimModel): void
  /** `end` is told from where the model came, or why it is not ready, unless the node crashes before. */
  makeReady(model: SimModel, end: (outcome: Source | Failure) => void): void
  /** Requests for the model run or wait for a worker until then. */
  busy(model: SimModel, untilMs: number, isHeld: boolean): void
  /** Still to come of a fetch that is under way. */
  missingBytes(model: SimModel): number | null
  later(delayMs: number, run: () => void): void
  callFailed(node: NodeId): void
  note(text: string): void
}

interface OpenRequest {
  readonly name: SimModel
  /** What the name means; the name itself until that is known. */
  model: SimModel
  /** Of a user: when it first asked. */
  readonly arrivedMs: number
  /** To the node that sent it; null for a user's. */
  readonly reply: Reply | null
  source: ServedFrom
  queueMs: number
  isHeld: boolean
  /** What ends its forwards; null while there was none. */
  drops: Map<AttemptId, () => void> | null
  /** Counted: it runs. */
  isServed: boolean
}

/** A user who is told that there is no room asks again after so long. */
const askAgainMs = 1_000

const tooLate: Failure = {
  code: 'DEADLINE_EXCEEDED',
  message: 'the deadline passed while the request ran or waited for a worker',
}
const codesToAskAgain: ReadonlySet<Failure['code']> = new Set(['MEMORY_FULL', 'DISK_FULL', 'OVERLOADED'])

export class SimRequests {
  private readonly world: RequestsWorld
  private readonly node: RequestsNode
  private readonly machine: RequestMachine
  private readonly queue: StepQueue<RequestEvent, RequestEffect>
  private readonly forwarding: Forwarding
  private readonly open = new Map<RequestId, OpenRequest>()
  private requestCount = 0

  constructor(world: RequestsWorld & ForwardingWorld, node: RequestsNode, random: Prng) {
    this.world = world
    this.node = node
    this.machine = createMachine(world, node, random)
    this.queue = new StepQueue(
      (event) => this.machine.step(event),
      (effect) => this.execute(effect),
    )
    this.forwarding = new Forwarding(world, node, defaultRequestMachineOptions.forwardTimeoutMs)
  }

  /** Requests of users that have not begun to run, and of other nodes that have not ended. */
  get openCount(): number {
    let count = 0
    for (const { isServed } of this.open.values()) if (!isServed) count += 1
    return count
  }

  /** Some wait for room. */
  get isWaiting(): boolean {
    return this.machine.waitingCount > 0
  }

  /** One user's request. */
  arrive(name: SimModel, nowMs: number): void {
    const { node } = this
    const model = node.directory === null ? name : node.directory.answerNow(name)
    if (model !== null && this.machine.startsAtOnce(this.world.asked[model.index]!, nowMs)) {
      this.occupy(model, nowMs, 'memory', false)
      this.world.metrics.served(node.index, model.index, nowMs, 0, 0, 'memory')
      return
    }
    this.begin(name, nowMs)
  }

  /** A request that another node sends here. @returns what the other knows it by. */
  serve(model: SimModel, from: NodeId, context: RequestContext, reply: Reply): RequestId {
    const id = this.take(model, this.nowMs, reply)
    const { asked } = this.world
    const given: Asked = asked[model.index]!
    const received = given.context === context ? given : { ...given, context }
    this.queue.dispatch({ kind: 'sent-here', nowMs: this.nowMs, request: id, from, asked: received })
    return id
  }

  callerGone(id: RequestId): void {
    this.queue.dispatch({ kind: 'caller-gone', nowMs: this.nowMs, request: id, failure: tooLate })
  }

  roomFreed(): void {
    this.queue.dispatch({ kind: 'room-freed', nowMs: this.nowMs })
  }

  /** Another node is to be avoided from now on. */
  suspected(node: NodeId): void {
    if (this.machine.forwardCount > 0) this.queue.dispatch({ kind: 'suspected', nowMs: this.nowMs, node })
  }

  /** From now on requests are answered by other nodes. */
  close(): void {
    this.queue.dispatch({ kind: 'door-closed', nowMs: this.nowMs })
  }

  /** What was open is lost with the node; who sent it hears that the connection broke. */
  crash(): void {
    const open = [...this.open.values()]
    this.open.clear()
    for (const { arrivedMs, reply, isServed } of open) {
      if (reply !== null) reply.broke()
      else if (!isServed) this.world.metrics.failed(arrivedMs, 'lost', false)
    }
  }

  checkInvariants(): void {
    this.machine.checkInvariants()
  }

  private get nowMs(): number {
    return this.world.queue.nowMs
  }

  private begin(name: SimModel, arrivedMs: number): void {
    const id = this.take(name, arrivedMs, null)
    if (this.node.directory === null) this.ask(id, name, this.world.asked[name.index]!.context)
    else this.lookUp(id, name, this.node.directory)
  }

  private take(name: SimModel, arrivedMs: number, reply: Reply | null): RequestId {
    this.requestCount += 1
    const request: OpenRequest = {
      name,
      model: name,
      arrivedMs,
      reply,
      source: 'memory',
      queueMs: 0,
      isHeld: false,
      drops: null,
      isServed: false,
    }
    this.open.set(this.requestCount, request)
    return this.requestCount
  }

  /** The look-up counts into the request's deadline. */
  private lookUp(id: RequestId, name: SimModel, directory: NameResolver): void {
    const askedMs = this.nowMs
    const { context } = this.world.asked[name.index]!
    let isLookingUp = true
    const giveUp = (why: RequestFailure): void => {
      isLookingUp = false
      this.world.metrics.failed(this.open.get(id)!.arrivedMs, why, false)
      this.open.delete(id)
    }
    directory.resolveAtOnce(name, (model) => {
      if (!isLookingUp) return
      const left = timeLeft(context, this.nowMs - askedMs)
      if (model === null || left === null) {
        giveUp(model === null ? 'no-source' : 'deadline')
        return
      }
      isLookingUp = false
      this.open.get(id)!.model = model
      this.ask(id, model, left)
    })
    if (!isLookingUp || context.deadlineMs === Number.POSITIVE_INFINITY) return
    this.node.later(context.deadlineMs, () => {
      if (isLookingUp) giveUp('deadline')
    })
  }

  private ask(id: RequestId, model: SimModel, context: RequestContext): void {
    const given = this.world.asked[model.index]!
    const asked = given.context === context ? given : { ...given, context }
    this.queue.dispatch({ kind: 'arrived', nowMs: this.nowMs, request: id, asked })
  }

  private execute(effect: RequestEffect): void {
    if (effect.kind === 'watch') {
      this.later(effect.afterMs, () => ({ kind: 'look', nowMs: this.nowMs }))
      return
    }
    const id = effect.request
    const request = this.open.get(id)!
    switch (effect.kind) {
      case 'forward':
        this.forward(effect, request)
        return
      case 'drop-forward':
        request.drops?.get(effect.attempt)?.()
        request.drops?.delete(effect.attempt)
        return
      case 'bring':
        this.bring(id, request)
        return
      case 'run':
        this.run(effect, request)
        return
      case 'timer':
        this.later(effect.afterMs, () => ({ kind: 'due', nowMs: this.nowMs, request: id, turn: effect.turn }))
        return
      case 'answer':
        this.answer(id, request, effect.servedFrom === 'forwarded' ? 'forwarded' : request.source)
        return
      case 'fail':
        this.fail(id, request, effect.failure)
    }
  }

  private forward(effect: RequestEffect & { kind: 'forward' }, request: OpenRequest): void {
    const { attempt } = effect
    const drop = this.forwarding.forward(effect, request.model, (end) => {
      request.drops?.delete(attempt)
      this.queue.dispatch(this.endOf(effect, request, end))
    })
    request.drops ??= new Map()
    request.drops.set(attempt, drop)
  }

  /** @param end how long it waited for a worker there, or why it was not served. */
  private endOf(
    { request: id, attempt }: RequestEffect & { kind: 'forward' },
    request: OpenRequest,
    end: number | Failure,
  ): RequestEvent {
    const { nowMs } = this
    if (typeof end !== 'number') return { kind: 'holder-failed', nowMs, request: id, attempt, failure: end }
    request.queueMs = end
    return { kind: 'holder-answered', nowMs, request: id, attempt }
  }

  private bring(id: RequestId, request: OpenRequest): void {
    const { node } = this
    request.isHeld = true
    node.hold(request.model)
    node.makeReady(request.model, (outcome) => {
      const { nowMs } = this
      if (typeof outcome === 'string') {
        request.source = outcome === 'device' ? 'memory' : outcome
        this.queue.dispatch({ kind: 'brought', nowMs, request: id, source: outcome })
        return
      }
      // Before the machine hears of it: a request that waits for room holds nothing.
      this.letGo(request)
      this.queue.dispatch({ kind: 'not-brought', nowMs, request: id, failure: outcome })
    })
  }

  private run(
    { request: id, deadlineMs, order: { latestMs } }: RequestEffect & { kind: 'run' },
    request: OpenRequest,
  ): void {
    const { node, nowMs } = this
    const { metrics } = this.world
    const { model, arrivedMs, reply, source } = request
    const waitMs = node.workers.waitMs(nowMs)
    // A run that cannot end in time any more is not begun.
    if (nowMs + waitMs > latestMs) {
      this.later(deadlineMs, () => ({ kind: 'run-failed', nowMs: this.nowMs, request: id, failure: tooLate }))
      return
    }
    this.occupy(model, arrivedMs, reply === null ? source : null, true)
    request.queueMs = waitMs
    if (reply === null) {
      request.isServed = true
      metrics.served(node.index, model.index, arrivedMs, withoutRest(nowMs - arrivedMs), waitMs, source)
    } else if (metrics.isCounted(nowMs)) metrics.byNode.ranForOthersCount[node.index]! += 1
    const { executeMs } = model
    this.later(waitMs + executeMs, () => ({ kind: 'ran', nowMs: this.nowMs, request: id, executeMs }))
  }

  /** @param from null: the run does not count as served here. */
  private occupy(model: SimModel, arrivedMs: number, from: ServedFrom | null, isHeld: boolean): void {
    const { workers } = this.node
    const beginMs = workers.run(this.nowMs, model, arrivedMs, from)
    this.node.busy(model, beginMs + model.executeMs, isHeld)
  }

  private answer(id: RequestId, request: OpenRequest, from: ServedFrom): void {
    const { model, arrivedMs, reply, queueMs } = request
    this.open.delete(id)
    this.letGo(request)
    if (reply !== null) {
      reply.answered(queueMs)
      return
    }
    if (from === 'forwarded') {
      const delayMs = withoutRest(this.nowMs - arrivedMs - model.executeMs - queueMs)
      this.world.metrics.served(this.node.index, model.index, arrivedMs, delayMs, queueMs, from)
    }
    this.node.note(`request ${model.id.slice(0, 8)} ${from}`)
  }

  private fail(id: RequestId, request: OpenRequest, failure: Failure): void {
    const { model, arrivedMs, reply } = request
    const { node } = this
    this.letGo(request)
    if (reply === null && codesToAskAgain.has(failure.code) && !node.draining) {
      this.askAgain(id, request)
      return
    }
    this.open.delete(id)
    if (reply !== null) {
      reply.failed(failure)
      return
    }
    const { metrics } = this.world
    // What still waits when the time for draining is up is cut off, as in the daemon.
    const why = node.draining ? 'lost' : failureOf(failure)
    const wrongly = why === 'no-source' && this.world.couldServe(node.index, model)
    metrics.failed(arrivedMs, why, wrongly)
    if (wrongly && model.sizeBytes <= node.memory.limitBytes) metrics.rejectedCount += 1
    node.note(`request ${model.id.slice(0, 8)} failed: ${why}`)
  }

  /** To the user it is the same request: it began when the user first asked. */
  private askAgain(id: RequestId, { name, arrivedMs }: OpenRequest): void {
    this.node.later(askAgainMs, () => {
      this.open.delete(id)
      this.begin(name, arrivedMs)
    })
  }

  private letGo(request: OpenRequest): void {
    if (!request.isHeld) return
    request.isHeld = false
    this.node.unhold(request.model)
  }

  private later(delayMs: number, eventOf: () => RequestEvent): void {
    this.node.later(delayMs, () => this.queue.dispatch(eventOf()))
  }
}

function createMachine(world: RequestsWorld, node: RequestsNode, random: Prng): RequestMachine {
  // One model is asked about several times in a row.
  let last: SimModel | null = null
  const modelOf = (id: ModelId): SimModel => {
    if (last === null || last.id !== id) last = world.byId.get(id)!
    return last
  }
  return new RequestMachine({
    self: node.id,
    core: node.core,
    models: {
      isReady: (id) => node.isReady(modelOf(id)),
      isHere: (id) => node.holds(modelOf(id)),
      isComing: (id) => node.isComing(modelOf(id)),
    },
    times: world.times,
    node: {
      queueMs: (nowMs) => node.workers.waitMs(nowMs),
      // Each model runs for exactly as long as its scenario says.
      sureQueueMs: (nowMs) => node.workers.waitMs(nowMs),
      missingBytes: (id) => node.missingBytes(modelOf(id)),
      isDraining: () => node.draining,
      memoryLimitBytes: () => node.memory.limitBytes,
      diskBytesPerS: world.topology.nodeSpec(node.index).diskReadBytesPerS,
      hasOrigin: true,
    },
    noteRequest: (id, from, nowMs) => node.asked.note(modelOf(id), nowMs, from === 'node'),
    randomInt: random.int,
  })
}

function failureOf({ code }: Failure): RequestFailure {
  if (code === 'TOO_LARGE') return 'too-large'
  return code === 'DEADLINE_EXCEEDED' || code === 'DEADLINE_UNREACHABLE' ? 'deadline' : 'no-source'
}

/** A rest of a sum of times that cancel out counts as nothing. */
function withoutRest(delayMs: number): number {
  return delayMs < 1e-6 ? 0 : delayMs
}
