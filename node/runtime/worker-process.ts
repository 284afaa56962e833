/**
 * One worker process from the outside: requests by number, and a definite end. When the process dies, everything that waits
 * for it fails with WorkerDied, and `exited` says why.
 */
import type { ChildProcess } from 'node:child_process'
import { type Clock, HoldfastError } from '../../common/index.ts'
import type { ChildConfinement, ModelSignature } from '../ports/index.ts'
import { forkSibling, onceGone } from './fork-sibling.ts'
import type { Envelope, WorkerAnswers, WorkerMessage, WorkerRequest, WorkerSettings } from './protocol.ts'
import { sendAhead, type TensorPart, TensorParts } from './tensor-parts.ts'

/** The process ended while something waited for it. Not the caller's error: the work can be done elsewhere. */
export class WorkerDied extends Error {
  readonly reason: string

  constructor(reason: string) {
    super(`the worker process died: ${reason}`)
    this.reason = reason
    this.name = 'WorkerDied'
  }
}

interface Pending {
  resolve(value: WorkerAnswers[keyof WorkerAnswers]): void
  reject(error: Error): void
}

export class WorkerProcess {
  /** Resolves when it takes requests, with what it has given up; rejects with WorkerDied when it ended before. */
  readonly ready: Promise<ChildConfinement>
  /** Resolves with the reason when the process is gone. */
  readonly exited: Promise<string>
  readonly #child: ChildProcess
  readonly #pending = new Map<number, Pending>()
  readonly #sessions = new Map<string, Promise<ModelSignature>>()
  readonly #parts = new TensorParts()
  #nextId = 1
  #deathReason: string | null = null
  #endReason: string | null = null

  constructor(settings: WorkerSettings) {
    const { storeToken, ...told } = settings
    this.#child = forkSibling('worker', {
      args: [JSON.stringify(told)],
      environment: { HOLDFAST_STORE_TOKEN: storeToken },
      launch: { isConfined: settings.isConfined, isBatch: settings.isBatch },
    })
    let failReady: (error: Error) => void
    this.ready = new Promise((resolve, reject) => {
      failReady = reject
      this.#child.on('message', (message: WorkerMessage) => {
        if (message.kind === 'ready') resolve(message.confinement)
        else if (message.kind === 'part') this.#parts.take(message)
        else this.#settle(message)
      })
    })
    this.ready.catch(() => {}) // a caller that needs the worker awaits it, and there may be none
    this.exited = new Promise((resolve) => {
      onceGone(this.#child, (how) => {
        const reason = this.#endReason ?? how
        this.#deathReason = reason
        const error = new WorkerDied(reason)
        failReady(error)
        for (const pending of this.#pending.values()) pending.reject(error)
        this.#pending.clear()
        resolve(reason)
      })
    })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  get isAlive(): boolean {
    return this.#deathReason === null
  }

  hasSession(digest: string): boolean {
    return this.#sessions.has(digest)
  }

  /** Concurrent calls share one session. */
  load(digest: string): Promise<ModelSignature> {
    let loading = this.#sessions.get(digest)
    if (loading === undefined) {
      loading = this.request({ kind: 'load', digest })
      this.#sessions.set(digest, loading)
      loading.catch(() => this.#sessions.delete(digest))
    }
    return loading
  }

  async unload(digest: string): Promise<void> {
    if (!this.#sessions.delete(digest)) return
    await this.request({ kind: 'unload', digest })
  }

  request<Request extends WorkerRequest>(request: Request): Promise<WorkerAnswers[Request['kind']]> {
    if (this.#deathReason !== null) return Promise.reject(new WorkerDied(this.#deathReason))
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as Pending['resolve'], reject })
      void this.#sendRequest(id, request)
    })
  }

  /** Lets the process end by itself, and kills it when it has not after `graceMs`. */
  async stop(clock: Clock, graceMs: number): Promise<void> {
    if (this.#child.connected) this.#child.disconnect()
    const forget = clock.after(graceMs, () => this.kill())
    await this.exited
    forget()
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  /** Kills it for what it does, not for what it is: the next one in its place need not wait. */
  end(reason: string): void {
    this.#endReason ??= reason
    this.kill()
  }

  /** end() was called. */
  get wasEnded(): boolean {
    return this.#endReason !== null
  }

  async #sendRequest(id: number, request: WorkerRequest): Promise<void> {
    if (request.kind !== 'infer') return this.#send({ kind: 'request', id, request })
    const inputs = await sendAhead(id, request.inputs, (part) => this.#send(part))
    await this.#send({ kind: 'request', id, request: { ...request, inputs } })
  }

  /** Resolves when it is written. A send that fails means that the process is ending; its exit rejects the request. */
  #send(message: Envelope | TensorPart): Promise<void> {
    return new Promise((resolve) => this.#child.send(message, () => resolve()))
  }

  #settle(message: Exclude<WorkerMessage, { kind: 'ready' | 'part' }>): void {
    const pending = this.#pending.get(message.id)
    this.#pending.delete(message.id)
    if (message.kind === 'answer') pending?.resolve(message.value)
    else if (message.kind === 'tensors') pending?.resolve(this.#parts.join(message.id, message.tensors))
    else pending?.reject(new HoldfastError(message.error.code, message.error.message))
  }
}
