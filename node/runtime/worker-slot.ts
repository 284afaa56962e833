/**
 * A place in the pool that always has a worker process, or will have one soon: a process that dies is replaced, at once the
 * first time, then after waits that double, so that a worker that cannot start does not burn the machine.
 */
import type { Clock } from '../../common/index.ts'
import type { ChildConfinement } from '../ports/index.ts'
import type { WorkerSettings } from './protocol.ts'
import { WorkerProcess } from './worker-process.ts'

export interface WorkerSlotOptions {
  readonly clock: Clock
  readonly settings: WorkerSettings
  readonly restartDelayMsMin: number
  readonly restartDelayMsMax: number
  /** Called when a worker takes requests, and with the reason when one has died. */
  readonly onReady: (confinement: ChildConfinement) => void
  readonly onDied: (reason: string, restartDelayMs: number) => void
}

export class WorkerSlot {
  /** Work runs on this slot's worker: one piece at a time, as ONNX Runtime holds the worker's thread while it computes. */
  busy = false
  readonly #options: WorkerSlotOptions
  #worker: WorkerProcess | null = null
  #isReady = false
  #deaths = 0
  #cancelRestart = () => {}
  #stopped = false

  constructor(options: WorkerSlotOptions) {
    this.#options = options
  }

  /** The worker, when it takes requests now. */
  get worker(): WorkerProcess | null {
    return this.#isReady && this.#worker?.isAlive ? this.#worker : null
  }

  /** Rejects with WorkerDied when the very first process ends before it is ready; later ones are replaced silently. */
  async start(): Promise<void> {
    await this.#spawn().ready
  }

  async stop(graceMs: number): Promise<void> {
    this.#stopped = true
    this.#cancelRestart()
    await this.#worker?.stop(this.#options.clock, graceMs)
  }

  /** A worker that has answered again is healthy: its next death is a first one. */
  markHealthy(): void {
    this.#deaths = 0
  }

  #spawn(): WorkerProcess {
    const worker = new WorkerProcess(this.#options.settings)
    this.#worker = worker
    worker.ready.then(
      (confinement) => {
        this.#isReady = true
        this.#options.onReady(confinement)
      },
      () => {}, // its end is handled below
    )
    void worker.exited.then((reason) => this.#replace(worker, reason))
    return worker
  }

  #replace(worker: WorkerProcess, reason: string): void {
    this.#worker = null
    this.#isReady = false
    if (this.#stopped) return
    const { restartDelayMsMin, restartDelayMsMax, onDied } = this.#options
    const isFirst = this.#deaths === 0 || worker.wasEnded
    const delayMs = isFirst ? 0 : Math.min(restartDelayMsMax, restartDelayMsMin * 2 ** (this.#deaths - 1))
    if (!worker.wasEnded) this.#deaths++
    onDied(reason, delayMs)
    this.#cancelRestart = this.#options.clock.after(delayMs, () => this.#spawn())
  }
}
