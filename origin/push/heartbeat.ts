/**
 * An object that says "I am at work" for as long as it is written anew. A process that finds it silent for too long deletes it, and
 * so shuts its owner out: a beat never brings a deleted one back, and `check` tells the owner.
 */
import { randomUUID } from 'node:crypto'
import type { HoldfastError } from '../../common/index.ts'
import type { ObjectStore, PutOptions, StoreAbortOptions } from '../stores/object-store.ts'

export interface HeartbeatOptions {
  /** Between two beats: a dozen may be lost before `silentMs` is over. */
  readonly periodMs: number
  /** An owner that is silent for so long is dead, by the clock of the store. */
  readonly silentMs: number
}

export const defaultHeartbeatOptions: HeartbeatOptions = { periodMs: 60_000, silentMs: 15 * 60_000 }

/** It is a line of text; more is not one. */
const beatBytesMax = 1024

export class Heartbeat {
  private readonly store: ObjectStore
  private readonly key: string
  private readonly lostError: () => HoldfastError
  private readonly stopTimer: () => void
  private running: Promise<void> = Promise.resolve()
  private count = 0
  private isLost = false

  private constructor(store: ObjectStore, key: string, periodMs: number, lostError: () => HoldfastError) {
    this.store = store
    this.key = key
    this.lostError = lostError
    this.stopTimer = store.clock.every(periodMs, () => {
      this.running = this.running.then(() => this.beat())
    })
  }

  /** Null when the condition does not hold, if there is one. */
  static async start(
    store: ObjectStore,
    key: string,
    { periodMs, lostError, ...put }: PutOptions & { periodMs: number; lostError: () => HoldfastError },
  ): Promise<Heartbeat | null> {
    if (!(await store.put(key, [lineOf(0)], put))) return null
    return new Heartbeat(store, key, periodMs, lostError)
  }

  /** Throws when somebody took the owner for dead. */
  async check(options: StoreAbortOptions = {}): Promise<void> {
    if (!this.isLost && (await this.store.head(this.key, options))) return
    this.isLost = true
    throw this.lostError()
  }

  /** No beat comes after this; the object is left to the caller. */
  async stop(): Promise<void> {
    this.stopTimer()
    await this.running
  }

  private async beat(): Promise<void> {
    try {
      const current = await this.store.get(this.key, { sizeBytesMax: beatBytesMax })
      const isKept = current && (await this.store.put(this.key, [lineOf(++this.count)], { ifMatch: current.version }))
      if (!isKept) this.isLost = true
    } catch {
      // The store is away. The work itself meets the same and tells it; the next beat may get through.
    }
  }
}

/** No two are alike, so that no two have one version. */
const lineOf = (count: number): Uint8Array =>
  Buffer.from(`${JSON.stringify({ beat: count, pid: process.pid, id: randomUUID() })}\n`)
