/**
 * Answers inference requests: here when the model is resident, at the nearest holder when that is cheaper than bringing the
 * model here, after a fetch otherwise. The decision is placement/'s; this file carries it out and tries the next best when a
 * holder refuses or is gone. A forwarded request is never forwarded again.
 */

import {
  type ErrorCode,
  HoldfastError,
  isHoldfastError,
  type NodeId,
  type RequestContext,
  type Source,
} from '../../common/index.ts'
import type { RouteDecision } from '../../placement/index.ts'
import type { CoreDriver } from '../cluster/index.ts'
import type { ModelCache, ResolvedModel } from '../models/index.ts'
import type { ClusterNetwork, Runtime, TensorValue } from '../ports/index.ts'
import { type Clock, deadlineSignal, type Log, remaining, withDeadline } from '../system/index.ts'
import { decodeInferAnswer, decodeInferRequest, encodeInferAnswer, encodeInferRequest } from './infer-codec.ts'
import type { LoadProfile } from './load-profile.ts'
import type { Router } from './router.ts'

export interface InferenceRequest {
  readonly name: string
  readonly resolved: ResolvedModel
  readonly inputs: readonly TensorValue[]
  readonly outputs: readonly string[] | null
  readonly context: RequestContext
  /** False when the caller wants this node to serve, whatever it costs. */
  readonly mayForward: boolean
  /** Names the request in the logs of every node that it comes to. */
  readonly requestId?: string
  readonly signal?: AbortSignal
}

/** Where the weights were when the request came: in a tier here, at a peer, at the origin, or 'forwarded' to a holder. */
export type ServedFrom = Source | 'forwarded'

export interface InferenceAnswer {
  readonly outputs: readonly TensorValue[]
  readonly servedBy: NodeId
  readonly servedFrom: ServedFrom
  readonly elapsedMs: number
  readonly decision: RouteDecision
}

export interface InferenceServicePorts {
  readonly network: ClusterNetwork
  readonly driver: CoreDriver
  readonly cache: ModelCache
  readonly runtime: Runtime
  readonly router: Router
  readonly profile: LoadProfile
  readonly onServed: (answer: InferenceAnswer) => void
  readonly isDraining: () => boolean
  readonly clock: Clock
  readonly log: Log
}

export interface InferenceServiceOptions {
  /** Holders tried before the node fetches by itself. */
  readonly forwardsMax: number
  /** A holder that does not answer a forwarded request in this time is passed over, when the request's own deadline is later. */
  readonly forwardTimeoutMs: number
  /** How long a request waits for room when all of it is in use, here and at every holder. Loads of others end within seconds. */
  readonly roomWaitMs: number
}

export const defaultInferenceServiceOptions: InferenceServiceOptions = {
  forwardsMax: 3,
  forwardTimeoutMs: 30_000,
  roomWaitMs: 10_000,
}

export class InferenceService {
  private readonly ports: InferenceServicePorts
  private readonly options: InferenceServiceOptions
  private readonly running = new Set<Promise<unknown>>()
  private isClosed = false

  constructor(ports: InferenceServicePorts, options: Partial<InferenceServiceOptions> = {}) {
    this.ports = ports
    this.options = { ...defaultInferenceServiceOptions, ...options }
  }

  start(): void {
    this.ports.network.handle('infer', (from, payload, { signal }) =>
      this.counted(this.onForwarded(from, payload, signal)),
    )
  }

  infer(request: InferenceRequest): Promise<InferenceAnswer> {
    return this.counted(this.route(request))
  }

  /** From now on requests are answered by other nodes, or with SHUTTING_DOWN. */
  close(): void {
    this.isClosed = true
  }

  /** Resolves when no request runs, those included that begin meanwhile. */
  async ended(): Promise<void> {
    while (this.running.size > 0) await Promise.allSettled(this.running)
  }

  private counted<T>(work: Promise<T>): Promise<T> {
    const ending = work.finally(() => this.running.delete(ending))
    this.running.add(ending)
    return ending
  }

  private async route(request: InferenceRequest): Promise<InferenceAnswer> {
    const { cache, driver, clock } = this.ports
    const startedMs = clock.nowMs()
    const model = request.resolved.digest
    driver.dispatch({ kind: 'demand', model })
    cache.noteRequest(model)
    const excluded: NodeId[] = []
    let mayForward = request.mayForward
    let refusal: HoldfastError | null = null
    /** Tries again with everything open when there may be room. */
    const hasRoomAgain = async (cause: unknown): Promise<boolean> => {
      const spentMs = clock.nowMs() - startedMs
      const patienceMs = Math.min(this.options.roomWaitMs, request.context.deadlineMs) - spentMs
      if (!isOfFullTier(cause) || this.isClosed) return false
      if (!(await cache.roomFreed(patienceMs, request.signal))) return false
      excluded.length = 0
      mayForward = request.mayForward
      refusal = null
      return true
    }
    for (;;) {
      const context = remaining(request.context, clock.nowMs() - startedMs)
      const mayServeHere = !this.isClosed && refusal === null
      const decision = this.ports.router.route(request.resolved, context, { excluded, mayForward, mayServeHere })
      if (decision.kind === 'forward' && decision.node !== undefined) {
        const outputs = await this.forward(decision.node, request, context)
        if (outputs !== null) return this.answer(outputs, decision.node, 'forwarded', startedMs, decision)
        excluded.push(decision.node)
        mayForward = excluded.length < this.options.forwardsMax
        continue
      }
      if (decision.kind === 'unservable') {
        if (refusal !== null && (await hasRoomAgain(refusal))) continue
        throw refusal ?? this.unservable(request, decision)
      }
      try {
        const { outputs, source } = await this.runHere(request, context)
        return this.answer(outputs, this.ports.network.self, source, startedMs, decision)
      } catch (error) {
        // Another node may have the room, or the disk, that this one lacks.
        if (isOfRoom(error) && mayForward) refusal = error
        else if (!(await hasRoomAgain(error))) throw error
      }
    }
  }

  private async runHere(
    request: InferenceRequest,
    context: RequestContext,
  ): Promise<{ outputs: TensorValue[]; source: Source }> {
    const { cache, runtime, clock } = this.ports
    const { digest, manifest } = request.resolved
    using _hold = cache.hold(digest)
    const startedMs = clock.nowMs()
    const ready = cache.ensureRunnable(digest, manifest, context)
    const { runtimeDigest, source } = await withDeadline(ready, context, `loading ${request.name}`, request.signal)
    const loadedMs = clock.nowMs()
    if (source === 'disk') this.ports.profile.noteInit(digest, loadedMs - startedMs)
    const signal = deadlineSignal(remaining(context, loadedMs - startedMs).deadlineMs, request.signal)
    const outputs = await runtime.infer(runtimeDigest, request.inputs, {
      ...(signal === undefined ? {} : { signal }),
      ...(request.outputs === null ? {} : { outputs: request.outputs }),
    })
    this.ports.profile.noteExecute(digest, clock.nowMs() - loadedMs)
    return { outputs, source }
  }

  /** The holder's answer, or null when another way has to be found. What the inputs are to blame for is the user's to hear. */
  private async forward(
    node: NodeId,
    request: InferenceRequest,
    context: RequestContext,
  ): Promise<TensorValue[] | null> {
    const { resolved, name, inputs, outputs, requestId } = request
    const id = requestId === undefined ? {} : { requestId }
    const payload = encodeInferRequest({ model: resolved.digest, name, context, inputs, outputs, ...id })
    const signal = deadlineSignal(Math.min(this.options.forwardTimeoutMs, context.deadlineMs), request.signal)
    using _sent = this.ports.router.sent(node, resolved.digest)
    try {
      return decodeInferAnswer(
        await this.ports.driver.call(node, 'infer', payload, signal === undefined ? {} : { signal }),
      )
    } catch (error) {
      if (request.signal?.aborted) throw error
      if (isOfRequest(error)) throw error
      this.ports.log.info(
        { requestId, node, model: resolved.digest, error: (error as Error).message },
        'a holder did not serve; trying elsewhere',
      )
      return null
    }
  }

  /** A holder serves what it has loaded, or can load without a fetch; anything else goes back at once. */
  private async onForwarded(from: NodeId, payload: Uint8Array, signal?: AbortSignal): Promise<Uint8Array> {
    const { cache, runtime, network, clock } = this.ports
    const message = decodeInferRequest(payload)
    const { requestId } = message
    const manifest = cache.heldManifest(message.model)
    if (this.ports.isDraining() || manifest === null) {
      throw new HoldfastError('FORWARD_REFUSED', `${network.self} does not hold ${message.name} now.`, {
        details: { from },
      })
    }
    this.ports.log.debug({ requestId, from, model: message.model }, 'serving a forwarded request')
    using _hold = cache.hold(message.model)
    cache.noteRequest(message.model)
    const startedMs = clock.nowMs()
    const ready = cache.ensureRunnable(message.model, manifest, message.context)
    const { runtimeDigest } = await withDeadline(ready, message.context, `loading ${message.name}`, signal)
    const bounded = deadlineSignal(remaining(message.context, clock.nowMs() - startedMs).deadlineMs, signal)
    const outputs = await runtime.infer(runtimeDigest, message.inputs, {
      ...(bounded === undefined ? {} : { signal: bounded }),
      ...(message.outputs === null ? {} : { outputs: message.outputs }),
    })
    return encodeInferAnswer(outputs)
  }

  private answer(
    outputs: readonly TensorValue[],
    servedBy: NodeId,
    servedFrom: ServedFrom,
    startedMs: number,
    decision: RouteDecision,
  ): InferenceAnswer {
    const answer = { outputs, servedBy, servedFrom, elapsedMs: this.ports.clock.nowMs() - startedMs, decision }
    this.ports.onServed(answer)
    return answer
  }

  private unservable({ name, resolved }: InferenceRequest, { reason }: RouteDecision): HoldfastError {
    if (reason === 'not-runnable-here') {
      const paths = resolved.manifest.files.slice(0, 5).map(({ path }) => path)
      return new HoldfastError('NOT_RUNNABLE', `${name} has no ONNX file to run; its files are ${paths.join(', ')}.`)
    }
    if (this.isClosed || this.ports.isDraining()) {
      return new HoldfastError('SHUTTING_DOWN', `this node is stopping and no other holds ${name}; ask another node.`)
    }
    return new HoldfastError('NO_SOURCE', `${name} is on no reachable node and there is no origin for it (${reason}).`)
  }
}

const codesOfRoom: ReadonlySet<ErrorCode> = new Set(['MEMORY_FULL', 'DISK_FULL', 'DISK_FAILED', 'OVERLOADED'])

/** This node cannot serve the request now; it is no fault of the request. */
function isOfRoom(error: unknown): error is HoldfastError {
  return isHoldfastError(error) && codesOfRoom.has(error.code)
}

/** What is in use now may be free in a moment. */
function isOfFullTier(error: unknown): boolean {
  return isHoldfastError(error, 'MEMORY_FULL') || isHoldfastError(error, 'DISK_FULL')
}

const codesOfRequest: ReadonlySet<ErrorCode> = new Set(['INFERENCE_FAILED', 'BAD_REQUEST', 'NOT_RUNNABLE'])

/** Another node would say the same. */
function isOfRequest(error: unknown): boolean {
  return isHoldfastError(error) && codesOfRequest.has(error.code)
}
