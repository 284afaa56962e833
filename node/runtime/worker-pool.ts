/**
 * Runs requests on worker processes, one at a time on each. A request whose worker dies is run once more on another one, as
 * inference has no effect but its answer; sessions that died with their worker come back when the next request needs them.
 */
import { type Clock, HoldfastError } from '../../common/index.ts'
import type { ModelSignature, TensorValue } from '../ports/index.ts'
import { errorOfAbort } from './abort.ts'
import { type OnnxRuntimeOptions, threadBudgetOf } from './options.ts'
import { RequestQueue } from './request-queue.ts'
import { withoutPlaces } from './runtime-errors.ts'
import { WorkerDied, type WorkerProcess } from './worker-process.ts'
import { WorkerSlot } from './worker-slot.ts'

interface Job {
  readonly digest: string
  readonly inputs: readonly TensorValue[]
  readonly outputs: readonly string[] | undefined
  /** Workers that died of it, or at least with it. */
  deaths: number
  resolve(outputs: TensorValue[]): void
  reject(error: unknown): void
  readonly onRun: () => void
}

export interface RunOptions {
  readonly outputs?: readonly string[] | undefined
  readonly signal?: AbortSignal | undefined
  /** The request does not wait any more. */
  readonly onRun?: (() => void) | undefined
}

/** A request, or a load, is tried on this many workers. */
const attemptsMax = 2

export class WorkerPool {
  readonly #options: OnnxRuntimeOptions
  readonly #queue: RequestQueue<Job>
  readonly #slots: WorkerSlot[]
  readonly #running = new Set<Promise<void>>()
  readonly #drainWaiters = new Map<string, (() => void)[]>()
  #readyWaiters: { resolve(): void; reject(error: Error): void }[] = []
  #stopped = false

  constructor(options: OnnxRuntimeOptions) {
    this.#options = options
    this.#queue = new RequestQueue(options)
    const { clock, weightsModule, socketPath, storeToken, restartDelayMsMin, restartDelayMsMax, onWorkerDied } = options
    const { answerBytesMax } = options
    const told = { weightsModule, weightsSource: socketPath, storeToken, answerBytesMax }
    const settings = { ...told, ...threadBudgetOf(options) }
    this.#slots = Array.from(
      { length: options.workerCount },
      () =>
        new WorkerSlot({
          clock,
          settings,
          restartDelayMsMin,
          restartDelayMsMax,
          onReady: () => this.#onReady(),
          onDied: onWorkerDied,
        }),
    )
  }

  /** Resolves when every worker takes requests; SYSTEM when one cannot start at all. */
  async start(): Promise<void> {
    const starts = await Promise.allSettled(this.#slots.map((slot) => slot.start()))
    const failed = starts.find((start) => start.status === 'rejected')
    if (failed === undefined) return
    await this.stop()
    const message = `a worker process of the runtime does not start: ${(failed.reason as Error).message}`
    throw new HoldfastError('SYSTEM', message, { cause: failed.reason })
  }

  /** Refuses what waits, lets what runs come to its end for a while, and ends the processes. */
  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    const error = shuttingDown()
    for (let job = this.#queue.take(); job !== null; job = this.#queue.take()) {
      this.#queue.done(job)
      job.reject(error)
      this.#notifyDrained(job.digest)
    }
    for (const waiter of this.#readyWaiters) waiter.reject(error)
    this.#readyWaiters = []
    await settledOrLate(this.#options.clock, [...this.#running], this.#options.stopGraceMs)
    await Promise.all(this.#slots.map((slot) => slot.stop(this.#options.stopGraceMs)))
  }

  /** Makes a session in every worker that is up; the others will when they need it. */
  async load(digest: string): Promise<ModelSignature> {
    for (let attempt = 1; attempt <= attemptsMax; attempt++) {
      const workers = await this.#readyWorkers()
      const loads = await Promise.allSettled(workers.map((worker) => worker.load(digest)))
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
    const workers = this.#slots.flatMap(({ worker }) => (worker === null ? [] : [worker]))
    const unloads = await Promise.allSettled(workers.map((worker) => worker.unload(digest)))
    const failed = unloads.find((unload) => unload.status === 'rejected' && !(unload.reason instanceof WorkerDied))
    if (failed?.status === 'rejected') throw failed.reason
  }

  /** OVERLOADED when a queue is full. A signal drops what waits; what runs is computed to its end and its answer dropped. */
  run(digest: string, inputs: readonly TensorValue[], options: RunOptions = {}): Promise<TensorValue[]> {
    const { outputs, signal, onRun = () => {} } = options
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
        deaths: 0,
        onRun,
        resolve: (value) => settle(() => resolve(value)),
        reject: (error) => settle(() => reject(error)),
      }
      this.#queue.push(job)
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#dispatch()
    })
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
    while (!this.#stopped && this.#queue.waiting > 0) {
      const free = this.#slots.filter((slot) => !slot.busy && slot.worker !== null)
      if (free.length === 0) return
      const job = this.#queue.take()!
      const slot = free.find(({ worker }) => worker!.hasSession(job.digest)) ?? free[0]!
      const running = this.#execute(slot, slot.worker!, job)
      this.#running.add(running)
      void running.finally(() => this.#running.delete(running))
    }
  }

  /** Never rejects: whatever happens goes to the job. */
  async #execute(slot: WorkerSlot, worker: WorkerProcess, job: Job): Promise<void> {
    const { clock, inferenceMsMax } = this.#options
    let isLate = false
    let forget = () => {}
    slot.busy = true
    try {
      await worker.load(job.digest)
      forget = clock.after(inferenceMsMax, () => {
        isLate = true
        worker.kill()
      })
      const { digest, inputs, outputs } = job
      job.onRun()
      const answer = await worker.request({ kind: 'infer', digest, inputs, outputs })
      slot.markHealthy()
      this.#queue.done(job)
      job.resolve(answer)
    } catch (error) {
      const isDead = error instanceof WorkerDied
      if (isDead) job.deaths++
      if (isDead && !isLate && !this.#stopped && job.deaths < attemptsMax) {
        this.#queue.requeue(job)
      } else {
        this.#queue.done(job)
        job.reject(isDead ? failureOf(error, isLate ? inferenceMsMax : null) : error)
      }
    } finally {
      forget()
      slot.busy = false
      this.#notifyDrained(job.digest)
      this.#dispatch()
    }
  }

  #onReady(): void {
    for (const waiter of this.#readyWaiters) waiter.resolve()
    this.#readyWaiters = []
    this.#dispatch()
  }

  async #readyWorkers(): Promise<WorkerProcess[]> {
    for (;;) {
      if (this.#stopped) throw shuttingDown()
      const workers = this.#slots.flatMap(({ worker }) => (worker === null ? [] : [worker]))
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

function failureOf(error: WorkerDied, lateAfterMs: number | null): HoldfastError {
  const message =
    lateAfterMs === null
      ? `The runtime crashed ${attemptsMax} times on this request (${withoutPlaces(error.message)}).`
      : `The inference ran longer than ${lateAfterMs} ms (limit inferenceMsMax) and was ended.`
  return new HoldfastError('INFERENCE_FAILED', message, { cause: error })
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
