/** What one request holds on this node while it is served, and the work on it: each method tells how it ended, and never throws. */
import { isHoldfastError, type ModelId, TimeLimit } from '../../common/index.ts'
import {
  type AttemptId,
  failureOf,
  type RequestEffect,
  type RequestEvent,
  type RequestId,
  type Timeless,
} from '../../core/index.ts'
import type { Manifest } from '../../origin/index.ts'
import type { CoreDriver } from '../cluster/index.ts'
import type { ModelCache } from '../models/index.ts'
import type { Runtime, TensorValue } from '../ports/index.ts'
import type { Clock, Log } from '../system/index.ts'
import { decodeInferAnswer, encodeInferRequest, type InferOutputs } from './infer-codec.ts'
import type { RequestTimes } from './request-timing.ts'

export interface InferenceWorkPorts {
  readonly driver: Pick<CoreDriver, 'call'>
  readonly cache: Pick<ModelCache, 'hold' | 'ensureRunnable' | 'watchLoading'>
  readonly runtime: Pick<Runtime, 'infer'>
  /** A node that said it has the model refused a request for it, because it has not. */
  readonly onHolderLacks?: (model: ModelId) => void
  readonly clock: Clock
  readonly log: Log
}

/** A request as it is carried: what the machine need not know. */
export interface Inference {
  readonly model: ModelId
  /** Null when nothing of the model is here and it came from another node. */
  readonly manifest: Manifest | null
  readonly name: string
  readonly inputs: readonly TensorValue[]
  readonly outputs: readonly string[] | null
  readonly requestId?: string | undefined
  readonly signal?: AbortSignal | undefined
  readonly times: RequestTimes
}

export type WorkEnd = Timeless<RequestEvent>
type EffectOf<K extends RequestEffect['kind']> = Extract<RequestEffect, { kind: K }>

export class InferenceWork {
  private readonly ports: InferenceWorkPorts
  private readonly request: RequestId
  private readonly asked: Inference
  /** By the attempt that brought it; null: of the run here. */
  private readonly answers = new Map<AttemptId | null, InferOutputs>()
  private readonly dropped = new Map<AttemptId, AbortController>()
  private hold: Disposable | null = null
  private runtimeDigest = ''
  private omittedOutputs: readonly string[] = []
  private stopTimer = () => {}
  private stopListening = () => {}

  constructor(ports: InferenceWorkPorts, request: RequestId, asked: Inference) {
    this.ports = ports
    this.request = request
    this.asked = asked
  }

  answerOf(attempt: AttemptId | null): InferOutputs {
    return this.answers.get(attempt)!
  }

  async forward({ attempt, to, context, timeoutMs }: EffectOf<'forward'>): Promise<WorkEnd> {
    const { request } = this
    const { model, name, inputs, outputs, requestId, signal } = this.asked
    const drop = new AbortController()
    this.dropped.set(attempt, drop)
    using limit = new TimeLimit(this.ports.clock, timeoutMs, anyOf(drop.signal, signal))
    try {
      const id = requestId === undefined ? {} : { requestId }
      const payload = encodeInferRequest({ model, name, context, inputs, outputs, ...id })
      const call = this.ports.driver.call(to, 'infer', payload, { signal: limit.signal })
      const answer = decodeInferAnswer(await this.asked.times.during('forward', call))
      this.answers.set(attempt, answer)
      const { executeMs } = answer
      return { kind: 'holder-answered', request, attempt, ...(executeMs === undefined ? {} : { executeMs }) }
    } catch (error) {
      const { message } = error as Error
      if (isHoldfastError(error, 'FORWARD_REFUSED')) this.ports.onHolderLacks?.(model)
      if (!drop.signal.aborted) {
        this.ports.log.info({ requestId, node: to, model, error: message }, 'a holder did not serve')
      }
      return { kind: 'holder-failed', request, attempt, failure: failureOf(error) }
    } finally {
      this.dropped.delete(attempt)
    }
  }

  dropForward({ attempt }: EffectOf<'drop-forward'>): void {
    this.dropped.get(attempt)?.abort(new DOMException('another way was sooner', 'AbortError'))
  }

  /** Holds the model, which is not evicted then until the request ends. */
  async bring({ context }: EffectOf<'bring'>): Promise<WorkEnd> {
    const { request } = this
    const { model, manifest } = this.asked
    this.hold = this.ports.cache.hold(model)
    try {
      const { cache } = this.ports
      const work = cache.ensureRunnable(model, manifest!, context)
      const watch = (onState: Parameters<typeof cache.watchLoading>[1]) => cache.watchLoading(model, onState)
      const { runtimeDigest, signature, source } = await this.asked.times.duringLoad(work, watch)
      this.runtimeDigest = runtimeDigest
      this.omittedOutputs = signature.omittedOutputs
      const { parts } = this.asked.times
      return {
        kind: 'brought',
        request,
        source,
        parts: { fetchMs: parts.get('fetch') ?? 0, initMs: parts.get('load') ?? 0 },
      }
    } catch (error) {
      // Before the machine hears of it: a request that waits for room holds nothing.
      this.letGo()
      return { kind: 'not-brought', request, failure: failureOf(error) }
    }
  }

  async run({ deadlineMs, order }: EffectOf<'run'>): Promise<WorkEnd> {
    const { request, runtimeDigest } = this
    const { inputs, outputs, signal, times } = this.asked
    const { clock } = this.ports
    let begunMs = clock.nowMs()
    using limit = new TimeLimit(clock, deadlineMs, signal)
    let ended = times.begin('queue')
    const onRun = () => {
      begunMs = clock.nowMs()
      ended()
      ended = times.begin('run')
    }
    const options = { signal: limit.signal, onRun, ...order, ...(outputs === null ? {} : { outputs }) }
    try {
      const omittedOutputs = outputs === null ? this.omittedOutputs : []
      const found = await this.ports.runtime.infer(runtimeDigest, inputs, options)
      const executeMs = clock.nowMs() - begunMs
      this.answers.set(null, { outputs: found, omittedOutputs, executeMs })
      return { kind: 'ran', request, executeMs }
    } catch (error) {
      this.letGo()
      return { kind: 'run-failed', request, failure: failureOf(error) }
    } finally {
      ended()
    }
  }

  setTimer({ turn, afterMs }: EffectOf<'timer'>, report: (event: WorkEnd) => void): void {
    this.stopTimer()
    this.stopTimer = this.ports.clock.after(afterMs, () => report({ kind: 'due', request: this.request, turn }))
  }

  /** Reports when the caller is gone, at once if it is already. */
  listen(report: (event: WorkEnd) => void): void {
    const { request } = this
    const { signal } = this.asked
    if (signal === undefined) return
    const onAbort = () => report({ kind: 'caller-gone', request, failure: failureOf(signal.reason) })
    signal.addEventListener('abort', onAbort, { once: true })
    this.stopListening = () => signal.removeEventListener('abort', onAbort)
    if (signal.aborted) onAbort()
  }

  /** The request has ended. What is still under way for it goes on for others. */
  end(): void {
    this.stopTimer()
    this.stopListening()
    this.letGo()
  }

  private letGo(): void {
    this.hold?.[Symbol.dispose]()
    this.hold = null
  }
}

function anyOf(signal: AbortSignal, other: AbortSignal | undefined): AbortSignal {
  return other === undefined ? signal : AbortSignal.any([signal, other])
}
