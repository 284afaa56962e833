/**
 * Answers inference requests: here when the model is resident, at the nearest holder when that is cheaper than bringing the
 * model here, after a fetch otherwise. What happens to a request is decided by the machine of core/requests; this file carries its
 * effects out and tells it how they ended.
 */
import type { ModelId, NodeId, RandomInt, RequestContext } from '../../common/index.ts'
import {
  type AskedByUser,
  errorOf,
  type Failure,
  type LoadTimes,
  type NodeCore,
  type PredictedPart,
  type Prediction,
  type RequestEffect,
  type RequestEvent,
  type RequestId,
  RequestMachine,
  type RequestMachineOptions,
  type ServedFrom,
  StepQueue,
} from '../../core/index.ts'
import { manifestSizeBytes, whyNotRunnable } from '../../origin/index.ts'
import type { RouteChoice, RouteDecision } from '../../placement/index.ts'
import type { CoreDriver } from '../cluster/index.ts'
import type { ModelCache, ResolvedModel } from '../models/index.ts'
import type { ClusterNetwork, Runtime, TensorValue } from '../ports/index.ts'
import type { Clock, Log } from '../system/index.ts'
import { batchOf } from './batch-of.ts'
import { decodeInferRequest, encodeInferAnswer, type InferOutputs } from './infer-codec.ts'
import { type Inference, InferenceWork, type WorkEnd } from './inference-work.ts'
import type { RequestTimes, RequestTiming } from './request-timing.ts'

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
  readonly times: RequestTimes
  readonly signal?: AbortSignal
}

export interface InferenceAnswer extends InferOutputs {
  readonly servedBy: NodeId
  readonly servedFrom: ServedFrom
  readonly elapsedMs: number
  readonly decision: RouteChoice
}

export interface InferenceServicePorts {
  readonly network: ClusterNetwork
  readonly core: NodeCore
  readonly driver: CoreDriver
  readonly cache: ModelCache
  readonly runtime: Runtime
  readonly times: LoadTimes
  /** Bytes that have to lie in memory while the model runs; null when it has no file that the runtime takes. */
  readonly runBytesOf: (resolved: Pick<ResolvedModel, 'digest' | 'manifest'>) => number | null
  readonly memoryLimitBytes: () => number
  /** Of this node's disk. */
  readonly diskBytesPerS: number
  readonly hasOrigin: boolean
  readonly onServed: (answer: InferenceAnswer) => void
  /** Nothing was begun of a request, because no node could end it in time. */
  readonly onRefused?: () => void
  readonly onPredicted?: (part: PredictedPart, predictedMs: number, actualMs: number) => void
  /** A node that said it has the model refused a request for it, because it has not. */
  readonly onHolderLacks?: (model: ModelId) => void
  readonly isDraining: () => boolean
  /** Of requests that other nodes forward. */
  readonly timing: RequestTiming
  readonly randomInt: RandomInt
  readonly clock: Clock
  readonly log: Log
}

type AnswerEffect = Extract<RequestEffect, { kind: 'answer' }>

interface Open {
  readonly work: InferenceWork
  readonly answered: (answer: AnswerEffect, outputs: InferOutputs) => void
  readonly failed: (error: Error) => void
}

export class InferenceService {
  private readonly ports: InferenceServicePorts
  private readonly machine: RequestMachine
  private readonly queue: StepQueue<WorkEnd, RequestEffect>
  private readonly open = new Map<RequestId, Open>()
  private readonly running = new Set<Promise<unknown>>()
  private requestCount = 0

  constructor(ports: InferenceServicePorts, options: Partial<RequestMachineOptions> = {}) {
    this.ports = ports
    this.machine = createMachine(ports, options)
    this.queue = new StepQueue(
      (event) => this.machine.step({ ...event, nowMs: ports.clock.nowMs() } as RequestEvent),
      (effect) => this.execute(effect),
    )
    ports.cache.onRoomFreed(() => {
      if (this.machine.waitingCount > 0) this.queue.dispatch({ kind: 'room-freed' })
    })
  }

  start(): void {
    this.ports.driver.onNotice((notice) => {
      if (notice.kind === 'note' && notice.note === 'suspected' && this.machine.forwardCount > 0) {
        this.queue.dispatch({ kind: 'suspected', node: notice.node })
      }
    })
    this.ports.network.handle('infer', (from, payload, { signal }) =>
      this.counted(this.onForwarded(from, payload, signal)),
    )
  }

  infer(request: InferenceRequest): Promise<InferenceAnswer> {
    const { digest: model, manifest } = request.resolved
    const asked = this.askedOf({ ...request, batch: batchOf(request.inputs) })
    const begin = (id: RequestId): WorkEnd => ({ kind: 'arrived', request: id, asked })
    return this.counted(
      this.begin({ ...request, model, manifest }, begin, ({ servedBy, servedFrom, elapsedMs, decision }, outputs) => {
        const answer = { ...outputs, servedBy, servedFrom, elapsedMs, decision: decision! }
        this.ports.onServed(answer)
        return answer
      }),
    )
  }

  /** Where a request that came now would run, and why. */
  route(resolved: ResolvedModel, context: RequestContext): RouteDecision {
    return this.machine.route(this.askedAbout(resolved, context, 1), context, {}, this.ports.clock.nowMs())
  }

  /** The parts of the time that a request would take now, on each node that could answer it. */
  predict(resolved: ResolvedModel, context: RequestContext, batch: number): Prediction {
    return this.machine.predict(this.askedAbout(resolved, context, batch), context, this.ports.clock.nowMs())
  }

  private askedAbout(resolved: ResolvedModel, context: RequestContext, batch: number): AskedByUser {
    return this.askedOf({ resolved, context, name: resolved.digest, mayForward: true, batch })
  }

  /** From now on requests are answered by other nodes, or with SHUTTING_DOWN. */
  close(): void {
    this.queue.dispatch({ kind: 'door-closed' })
  }

  /** Resolves when no request runs, those included that begin meanwhile. */
  async ended(): Promise<void> {
    while (this.running.size > 0) await Promise.allSettled(this.running)
  }

  private async onForwarded(from: NodeId, payload: Uint8Array, signal?: AbortSignal): Promise<Uint8Array> {
    const { model, name, context, inputs, outputs, requestId } = decodeInferRequest(payload)
    this.ports.log.debug({ requestId, from, model }, 'a forwarded request came')
    const manifest = this.ports.cache.heldManifest(model)
    const sizeBytes = manifest === null ? 0 : manifestSizeBytes(manifest)
    const asked = { model, name, context, sizeBytes, batch: batchOf(inputs) }
    const begin = (id: RequestId): WorkEnd => ({ kind: 'sent-here', request: id, from, asked })
    const inference = { model, manifest, name, inputs, outputs, requestId, signal }
    const work = (times: RequestTimes) =>
      this.begin({ ...inference, times }, begin, ({ servedFrom }, answer) => ({
        servedFrom,
        answer: encodeInferAnswer(answer),
      }))
    const { answer } = await this.ports.timing.measure({ name, requestId, from }, work, ({ servedFrom }) => servedFrom)
    return answer
  }

  /** @param answerOf what to answer with once it is served. */
  private begin<T>(
    inference: Inference,
    eventOf: (id: RequestId) => WorkEnd,
    answerOf: (answer: AnswerEffect, outputs: InferOutputs) => T,
  ): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    this.requestCount += 1
    const id = this.requestCount
    const work = new InferenceWork(this.ports, id, inference)
    this.open.set(id, { work, failed: reject, answered: (answer, outputs) => resolve(answerOf(answer, outputs)) })
    const routed = inference.times.begin('route')
    this.queue.dispatch(eventOf(id))
    routed()
    work.listen((event) => this.queue.dispatch(event))
    return promise
  }

  private counted<T>(work: Promise<T>): Promise<T> {
    const ending = work.finally(() => this.running.delete(ending))
    this.running.add(ending)
    return ending
  }

  private execute(effect: RequestEffect): void {
    if (effect.kind === 'watch') {
      this.ports.clock.after(effect.afterMs, () => this.queue.dispatch({ kind: 'look' }))
      return
    }
    const { work } = this.open.get(effect.request)!
    switch (effect.kind) {
      case 'forward':
        this.report(work.forward(effect))
        return
      case 'drop-forward':
        work.dropForward(effect)
        return
      case 'bring':
        this.report(work.bring(effect))
        return
      case 'run':
        this.report(work.run(effect))
        return
      case 'timer':
        work.setTimer(effect, (event) => this.queue.dispatch(event))
        return
      case 'answer': {
        const { answered, failed } = this.end(effect.request)
        try {
          answered(effect, work.answerOf(effect.attempt))
        } catch (error) {
          failed(error as Error)
        }
        return
      }
      case 'fail':
        // The machine's own: another node, or the queue, tells of what it has refused itself.
        if (effect.failure.code === 'DEADLINE_UNREACHABLE' && effect.failure.cause === undefined)
          this.ports.onRefused?.()
        this.end(effect.request).failed(errorOf(effect.failure))
    }
  }

  private report(end: Promise<WorkEnd>): void {
    void end.then((event) => this.queue.dispatch(event))
  }

  private end(id: RequestId): Open {
    const open = this.open.get(id)!
    this.open.delete(id)
    open.work.end()
    return open
  }

  private askedOf(
    request: Pick<InferenceRequest, 'resolved' | 'name' | 'context' | 'mayForward'> & { readonly batch: number },
  ): AskedByUser {
    const { resolved, name, context, mayForward, batch } = request
    const sizeBytes = manifestSizeBytes(resolved.manifest)
    const runBytes = this.ports.runBytesOf(resolved)
    const cannotRun = runBytes === null ? notRunnable(request) : null
    return { model: resolved.digest, name, context, mayForward, sizeBytes, runBytes: runBytes ?? 0, cannotRun, batch }
  }
}

function createMachine(ports: InferenceServicePorts, options: Partial<RequestMachineOptions>): RequestMachine {
  const { network, core, driver, cache, times, diskBytesPerS, hasOrigin, randomInt } = ports
  const missingBytes = (model: ModelId): number | null => {
    const loading = cache.loading(model)
    if (loading === null || loading.state !== 'fetching' || loading.totalBytes === 0) return null
    return loading.totalBytes - loading.doneBytes
  }
  return new RequestMachine(
    {
      self: network.self,
      core,
      models: {
        isReady: (model) => cache.isRunnable(model),
        isHere: (model) => cache.heldManifest(model) !== null,
        isComing: (model) => cache.isComing(model),
      },
      times,
      node: {
        queueMs: (_nowMs, order) => ports.runtime.queueMs(order),
        sureQueueMs: (_nowMs, order) => ports.runtime.sureQueueMs(order),
        missingBytes,
        isDraining: () => ports.isDraining(),
        memoryLimitBytes: () => ports.memoryLimitBytes(),
        diskBytesPerS,
        hasOrigin,
      },
      noteRequest: (model, from) => {
        if (from === 'user') driver.dispatch({ kind: 'demand', model })
        cache.noteRequest(model)
      },
      notePrediction: (part, predictedMs, actualMs) => ports.onPredicted?.(part, predictedMs, actualMs),
      randomInt,
    },
    options,
  )
}

function notRunnable({ resolved }: Pick<InferenceRequest, 'resolved'>): Failure {
  return { code: 'NOT_RUNNABLE', message: whyNotRunnable(resolved.manifest) }
}
