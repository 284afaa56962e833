/**
 * The workers of the pool: those of everybody, which are always there, and one apart for models under suspicion, which is started when it
 * is needed and ends when it was idle for a while.
 */
import type { ChildConfinement } from '../ports/index.ts'
import { type OnnxRuntimeOptions, threadBudgetOf } from './options.ts'
import type { WorkerProcess } from './worker-process.ts'
import { WorkerSlot } from './worker-slot.ts'

export class WorkerLanes {
  readonly #options: OnnxRuntimeOptions
  readonly #onReady: () => void
  readonly #shared: readonly WorkerSlot[]
  #apart: WorkerSlot | null = null
  #cancelIdle = () => {}
  /** Ends of workers apart that are under way. */
  #stops: Promise<void>[] = []

  constructor(options: OnnxRuntimeOptions, onReady: () => void) {
    this.#options = options
    this.#onReady = onReady
    this.#shared = Array.from({ length: options.workerCount }, () => this.#newSlot(false))
  }

  async start(): Promise<void> {
    const starts = await Promise.allSettled(this.#shared.map((slot) => slot.start()))
    const failed = starts.find((start) => start.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  async stop(graceMs: number): Promise<void> {
    this.#cancelIdle()
    this.#stopApart()
    await Promise.all([...this.#shared.map((slot) => slot.stop(graceMs)), ...this.#stops])
  }

  /** Workers of everybody that are up. */
  get shared(): WorkerProcess[] {
    return this.#shared.flatMap(({ worker }) => (worker === null ? [] : [worker]))
  }

  get all(): WorkerProcess[] {
    const apart = this.#apart?.worker ?? null
    return apart === null ? this.shared : [...this.shared, apart]
  }

  /** Slots of everybody that take a request now. */
  free(): WorkerSlot[] {
    return this.#shared.filter(isFree)
  }

  /** The slot apart when it takes a request now. */
  freeApart(): WorkerSlot | null {
    return this.#apart !== null && isFree(this.#apart) ? this.#apart : null
  }

  /** A model under suspicion waits: the worker apart is started, or stays. */
  wantApart(): void {
    this.#cancelIdle()
    this.#cancelIdle = this.#options.clock.after(this.#options.apartIdleMs, () => this.#onIdle())
    if (this.#apart !== null) return
    this.#apart = this.#newSlot(true)
    this.#apart.start().catch(() => {}) // the slot starts another, and tells of it
  }

  #onIdle(): void {
    if (this.#apart?.busy) this.wantApart()
    else this.#stopApart()
  }

  #stopApart(): void {
    if (this.#apart === null) return
    const stop = this.#apart.stop(this.#options.stopGraceMs)
    this.#apart = null
    this.#stops.push(stop)
    void stop.finally(() => {
      this.#stops = this.#stops.filter((other) => other !== stop)
    })
  }

  #newSlot(isBatch: boolean): WorkerSlot {
    const { clock, weightsModule, socketPath, storeToken, restartDelayMsMin, restartDelayMsMax } = this.#options
    const { answerBytesMax, runBytesMax, isConfined, onWorkerDied, onConfined } = this.#options
    const told = {
      weightsModule,
      weightsSource: socketPath,
      storeToken,
      answerBytesMax,
      runBytesMax,
      isConfined,
      isBatch,
    }
    const settings = { ...told, ...threadBudgetOf(this.#options) }
    const delays = { restartDelayMsMin, restartDelayMsMax }
    const onReady = (confinement: ChildConfinement): void => {
      onConfined('worker', confinement)
      this.#onReady()
    }
    return new WorkerSlot({ clock, settings, ...delays, onReady, onDied: onWorkerDied })
  }
}

function isFree(slot: WorkerSlot): boolean {
  return !slot.busy && slot.worker !== null
}
