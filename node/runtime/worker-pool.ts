/**
 * Runs requests on worker processes, one at a time on each. A request whose worker dies is run once more on another one, as
 * inference has no effect but its answer; sessions that died with their worker come back when the next request needs them. A run that
 * goes on after its request has ended is ended with its worker, and its model runs apart from then on.
 */
import { type Clock, HoldfastError, isHoldfastError, wholeMs } from '../../common/index.ts'
import type { Work } from '../../placement/index.ts'
import type { ModelSignature, RunOptions, RunOrder, SetAside, TensorValue } from '../ports/index.ts'
import { errorOfAbort } from './abort.ts'
import type { OnnxRuntimeOptions } from './options.ts'
import { RequestQueue } from './request-queue.ts'
import { overtimeOf, watchRun } from './run-limit.ts'
import { withoutPlaces } from './runtime-errors.ts'
import { Suspects } from './suspects.ts'
import { WorkerLanes } from './worker-lanes.ts'
import { WorkerDied, type WorkerProcess } from './worker-process.ts'
import type { WorkerSlot } from './worker-slot.ts'

interface Job extends Work {
  readonly digest: string
  readonly inputs: readonly TensorValue[]
  readonly outputs: readonly string[] | undefined
  /** Workers that died of it, or at least with it. */
  deaths: number
  resolve(outputs: TensorValue[]): void
  reject(error: unknown): void
  readonly onRun: () => void
  readonly signal: AbortSignal | undefined
}

/** A request, or a load, is tried on this many workers. */
const attemptsMax = 2

export class WorkerPool {
  readonly #options: OnnxRuntimeOptions
  readonly #queue: RequestQueue<Job>
  readonly #lanes: WorkerLanes
  readonly #suspects = new Suspects()
  readonly #running = new Set<Promise<void>>()
  readonly #drainWaiters = new Map<string, (() => void)[]>()
  #readyWaiters: { resolve(): void; reject(error: Error): void }[] = []
  #stopped = false

  constructor(options: OnnxRuntimeOptions) {
    this.#options = options
    this.#queue = new RequestQueue(options, options.queueOrder)
    this.#lanes = new WorkerLanes(options, () => this.#onReady())
  }

  /** Resolves when every worker takes requests; SYSTEM when one cannot start at all. */
  async start(): Promise<void> {
    try {
      await this.#lanes.start()
    } catch (cause) {
      await this.stop()
      const message = `A worker process of the runtime does not start: ${(cause as Error).message}`
      throw new HoldfastError('SYSTEM', message, { cause })
    }
  }

  /** Refuses what waits, lets what runs come to its end for a while, and ends the processes. */
  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    const error = shuttingDown()
    for (const job of this.#queue.dropAll()) this.#refuse(job, error)
    for (const waiter of this.#readyWaiters) waiter.reject(error)
    this.#readyWaiters = []
    await settledOrLate(this.#options.clock, [...this.#running], this.#options.stopGraceMs)
    await this.#lanes.stop(this.#options.stopGraceMs)
  }

  /** Makes a session in every worker that is up; the others will when they need it. */
  async load(digest: string): Promise<ModelSignature> {
    for (let attempt = 1; attempt <= attemptsMax; attempt++) {
      const workers = await this.#readyWorkers()
      const loads = await Promise.allSettled(workers.map((worker) => this.#loadIn(worker, digest)))
      const refused = loads.find((load) => load.status === 'rejected' && !(load.reason instanceof WorkerDied))
      if (refused?.status === 'rejected') {
        await this.unload(digest)
        throw refused.reason
      }
      const loaded = loads.find((load) => load.status === 'fulfilled')
      if (loaded !== undefined) return { ...loaded.value, privateBytes: sumOf(loads) }
    }
    throw new HoldfastError('NOT_RUNNABLE', `The runtime crashed ${attemptsMax} times while it loaded the model.`)
  }

  /** Releases the sessions; the caller sees to it that nothing waits or runs. */
  async unload(digest: string): Promise<void> {
    const unloads = await Promise.allSettled(this.#lanes.all.map((worker) => worker.unload(digest)))
    const failed = unloads.find((unload) => unload.status === 'rejected' && !(unload.reason instanceof WorkerDied))
    if (failed?.status === 'rejected') throw failed.reason
  }

  /**
   * OVERLOADED when a queue is full, DEADLINE_UNREACHABLE when it would begin after `latestMs`. A signal drops what waits; what runs may go
   * on for `overtimeMs`, or twice what the model usually takes, before its worker is ended.
   */
  run(digest: string, inputs: readonly TensorValue[], options: RunOptions = {}): Promise<TensorValue[]> {
    const {
      outputs,
      signal,
      onRun = () => {},
      tenant = 'public',
      latestMs = Number.POSITIVE_INFINITY,
      costMs = 0,
      sureMs = 0,
    } = options
    if (this.#stopped) return Promise.reject(shuttingDown())
    if (signal?.aborted) return Promise.reject(errorOfAbort(signal))
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        if (this.#queue.drop(job)) this.#notifyDrained(digest)
        reject(errorOfAbort(signal!))
      }
      const settle = (action: () => void): void => {
        signal?.removeEventListener('abort', onAbort)
        action()
      }
      const job: Job = {
        digest,
        inputs,
        outputs,
        tenant,
        arrivedMs: this.#options.clock.nowMs(),
        latestMs,
        costMs,
        sureMs,
        deaths: 0,
        onRun,
        signal,
        resolve: (value) => settle(() => resolve(value)),
        reject: (error) => settle(() => reject(error)),
      }
      if (this.#suspects.has(digest)) this.#checkSuspects()
      this.#dropLate()
      const displaced = this.#queue.push(job)
      if (displaced !== null) this.#refuse(displaced, displacedError())
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#dispatch()
    })
  }

  /** Expected wait of a request that came now; null: of one that goes last. */
  queueMs(order: RunOrder | null): number {
    const { clock, workerCount } = this.#options
    const nowMs = clock.nowMs()
    return this.#queue.aheadMs(order === null ? null : { ...order, arrivedMs: nowMs }, nowMs) / workerCount
  }

  /** The part of that wait that is certain. */
  sureQueueMs(order: RunOrder): number {
    const { clock, workerCount } = this.#options
    const nowMs = clock.nowMs()
    return this.#queue.sureWaitMs({ ...order, arrivedMs: nowMs }, nowMs, workerCount)
  }

  setAside(): SetAside[] {
    return this.#suspects.list()
  }

  /** Requests that wait or run. */
  queued(digest: string): number {
    return this.#queue.count(digest)
  }

  /** Resolves when nothing waits or runs for the model. */
  async drained(digest: string): Promise<void> {
    if (this.#queue.count(digest) === 0) return
    await new Promise<void>((resolve) => {
      this.#drainWaiters.set(digest, [...(this.#drainWaiters.get(digest) ?? []), resolve])
    })
  }

  #dispatch(): void {
    this.#dropLate()
    while (!this.#stopped && this.#queue.waiting > 0) {
      const { job, slot } = this.#next() ?? {}
      if (job === undefined || slot === undefined) return
      const running = this.#execute(slot, slot.worker!, job)
      this.#running.add(running)
      void running.finally(() => this.#running.delete(running))
    }
  }

  /** The first request whose lane is free, and where it goes. */
  #next(): { job: Job; slot: WorkerSlot } | null {
    const free = this.#lanes.free()
    const apart = this.#lanes.freeApart()
    if (this.#suspects.some && this.#queue.hasWaiting(this.#isSuspect)) this.#lanes.wantApart()
    const nowMs = this.#options.clock.nowMs()
    const job = this.#queue.take(nowMs, (job) => (this.#isSuspect(job) ? apart !== null : free.length > 0))
    if (job === null) return null
    if (this.#isSuspect(job)) return { job, slot: apart! }
    return { job, slot: free.find(({ worker }) => worker!.hasSession(job.digest)) ?? free[0]! }
  }

  /** Takes requests out of the queue that would begin too late by now. */
  #dropLate(): void {
    if (this.#queue.waiting === 0) return
    for (const job of this.#queue.expire(this.#options.clock.nowMs())) this.#refuse(job, this.#lateError(job))
  }

  #lateError({ latestMs }: Job): HoldfastError {
    this.#options.onLate()
    const lateMs = wholeMs(this.#options.clock.nowMs() - latestMs)
    const message = `The inference would have begun ${lateMs} ms too late to end in time, and was not begun; allow more time.`
    return new HoldfastError('DEADLINE_UNREACHABLE', message, { details: { lateMs } })
  }

  /** @param job not in the queue any more. */
  #refuse(job: Job, error: HoldfastError): void {
    job.reject(error)
    this.#notifyDrained(job.digest)
  }

  /** Models under suspicion have the places of one model together: the rest is for the others. */
  #checkSuspects(): void {
    const { queuedPerModelMax } = this.#options
    if (this.#queue.countWaiting(this.#isSuspect) < queuedPerModelMax) return
    const message = 'Models that held up others run one after the other, and too many of their requests wait already.'
    throw new HoldfastError('OVERLOADED', message)
  }

  readonly #isSuspect = ({ digest }: Job): boolean => this.#suspects.has(digest)

  /** Never rejects: whatever happens goes to the job. */
  async #execute(slot: WorkerSlot, worker: WorkerProcess, job: Job): Promise<void> {
    const { clock } = this.#options
    const startedMs = clock.nowMs()
    const done = () => this.#queue.done(job, clock.nowMs() - startedMs)
    slot.busy = true
    try {
      await this.#loadIn(worker, job.digest)
      // The request may have ended while its session was made, or its time to begin.
      if (job.signal?.aborted) throw errorOfAbort(job.signal)
      if (clock.nowMs() > job.latestMs) throw this.#lateError(job)
      const answer = await this.#runOn(worker, job)
      slot.markHealthy()
      done()
      job.resolve(answer)
    } catch (error) {
      if (isHoldfastError(error, 'MEMORY_EXCEEDED')) await this.#setApart(worker, job.digest)
      const isDead = error instanceof WorkerDied
      if (isDead) job.deaths++
      if (job.deaths === attemptsMax) this.#suspects.noteOffence(job.digest, 'crash')
      if (isDead && !worker.wasEnded && !this.#stopped && !job.signal?.aborted && job.deaths < attemptsMax) {
        this.#queue.requeue(job)
      } else {
        done()
        job.reject(isDead ? failureOf(error, worker.wasEnded) : error)
      }
    } finally {
      slot.busy = false
      this.#notifyDrained(job.digest)
      this.#dispatch()
    }
  }

  async #runOn(worker: WorkerProcess, { digest, inputs, outputs, signal, onRun }: Job): Promise<TensorValue[]> {
    const { clock, inferenceMsMax, overtimeMs } = this.#options
    const startedMs = clock.nowMs()
    const forget = watchRun({
      clock,
      runMsMax: inferenceMsMax,
      overtimeMs: overtimeOf(overtimeMs, this.#suspects.usualMs(digest)),
      signal,
      onLate: (reason) => {
        this.#suspects.noteOffence(digest, 'run-time')
        worker.end(
          reason === 'limit'
            ? `The inference ran longer than ${inferenceMsMax} ms (runtime.runTimeoutMs) and was ended.`
            : 'The inference went on after its request had ended, and was ended.',
        )
      },
    })
    try {
      onRun()
      const answer = await worker.request({ kind: 'infer', digest, inputs, outputs })
      this.#suspects.noteAnswer(digest, clock.nowMs() - startedMs)
      return answer
    } finally {
      forget()
    }
  }

  /** The session, made when there is none; one that is not made in time ends the worker. */
  async #loadIn(worker: WorkerProcess, digest: string): Promise<ModelSignature> {
    const { clock, deriveMsMax } = this.#options
    const forget = clock.after(deriveMsMax, () => {
      this.#suspects.noteOffence(digest, 'load-time')
      worker.end(`The model was not loaded within ${deriveMsMax} ms (runtime.conversionTimeoutMs).`)
    })
    try {
      return await worker.load(digest)
    } finally {
      forget()
    }
  }

  /** What a session keeps of a run that wanted too much goes with it. */
  async #setApart(worker: WorkerProcess, digest: string): Promise<void> {
    this.#suspects.noteOffence(digest, 'memory')
    const idle = this.#lanes.free().map((slot) => slot.worker!)
    await Promise.allSettled([worker, ...idle].map((worker) => worker.unload(digest)))
  }

  #onReady(): void {
    for (const waiter of this.#readyWaiters) waiter.resolve()
    this.#readyWaiters = []
    this.#dispatch()
  }

  async #readyWorkers(): Promise<WorkerProcess[]> {
    for (;;) {
      if (this.#stopped) throw shuttingDown()
      const workers = this.#lanes.shared
      if (workers.length > 0) return workers
      await new Promise<void>((resolve, reject) => this.#readyWaiters.push({ resolve, reject }))
    }
  }

  #notifyDrained(digest: string): void {
    if (this.#queue.count(digest) > 0) return
    for (const resolve of this.#drainWaiters.get(digest) ?? []) resolve()
    this.#drainWaiters.delete(digest)
  }
}

/** Of the workers that loaded the model; one that died has no memory. */
function sumOf(loads: readonly PromiseSettledResult<ModelSignature>[]): number {
  return loads.reduce((sum, load) => sum + (load.status === 'fulfilled' ? load.value.privateBytes : 0), 0)
}

function failureOf(error: WorkerDied, wasEnded: boolean): HoldfastError {
  const message = wasEnded
    ? error.reason
    : `The runtime crashed ${attemptsMax} times on this request (${withoutPlaces(error.message)}).`
  return new HoldfastError('INFERENCE_FAILED', message, { cause: error })
}

function displacedError(): HoldfastError {
  const message =
    'Too many requests wait, most of them of this tenant; one of another tenant has taken the place of this one.'
  return new HoldfastError('OVERLOADED', message)
}

function shuttingDown(): HoldfastError {
  return new HoldfastError('SHUTTING_DOWN', 'The runtime is stopping.')
}

async function settledOrLate(clock: Clock, work: readonly Promise<void>[], graceMs: number): Promise<void> {
  if (work.length === 0) return
  const late = Promise.withResolvers<void>()
  const forget = clock.after(graceMs, late.resolve)
  await Promise.race([Promise.allSettled(work), late.promise])
  forget()
}
