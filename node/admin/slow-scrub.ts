/**
 * Goes through the disk tier in the background, round after round, and hashes it chunk by chunk within a budget of bytes per second, so
 * that damage is found before somebody wants the bytes. Damage that no read has met by then goes as damaged-blob.ts says.
 */
import { randomBytes } from 'node:crypto'
import type { BlobId } from '../../common/index.ts'
import type { Store } from '../../native/index.ts'
import { blobIdOf, type Chunk } from '../../origin/index.ts'
import type { BlobFacts } from '../models/index.ts'
import type { Clock } from '../system/index.ts'
import { type DamagePorts, takeOut } from './damaged-blob.ts'

export interface SlowScrubPorts extends DamagePorts {
  readonly store: DamagePorts['store'] & Pick<Store, 'blobs' | 'hashOnDisk' | 'giveUpOnDisk'>
  readonly blobFacts: () => ReadonlyMap<BlobId, BlobFacts>
  readonly clock: Clock
}

export interface SlowScrubOptions {
  /** 0: never. */
  readonly bytesPerS: number
  /** Where the first round begins. A node that is restarted often would hash the same blobs again and again otherwise. */
  readonly startAt?: BlobId
}

/** Between rounds, which may be of nothing. */
const restMs = 60_000

export class SlowScrub {
  private readonly ports: SlowScrubPorts
  private readonly options: SlowScrubOptions
  private readonly stopped = Promise.withResolvers<void>()
  private isStopped = true
  private running: Promise<void> = Promise.resolve()

  constructor(ports: SlowScrubPorts, options: SlowScrubOptions) {
    this.ports = ports
    this.options = options
  }

  start(): void {
    if (this.options.bytesPerS === 0) return
    this.isStopped = false
    this.running = this.run()
  }

  async stop(): Promise<void> {
    this.isStopped = true
    this.stopped.resolve()
    await this.running
  }

  private async run(): Promise<void> {
    let after = this.options.startAt ?? randomBytes(32).toString('hex')
    while (!this.isStopped) {
      try {
        await this.round(after)
      } catch (error) {
        this.ports.log.error({ error: (error as Error).stack }, 'a round of the background scrub failed')
      }
      after = ''
      await this.wait(restMs)
    }
  }

  private async round(after: string): Promise<void> {
    const { store, blobFacts } = this.ports
    const facts = blobFacts()
    const ids = store.blobs().filter(({ isIn }) => isIn.disk)
    for (const { id } of ids.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
      const known = facts.get(id)
      if (this.isStopped) return
      if (known !== undefined && id >= after) await this.check(id, known)
    }
  }

  private async check(id: BlobId, facts: BlobFacts): Promise<void> {
    const { store, clock } = this.ports
    const chunks: Chunk[] = []
    let atBytes = 0
    for (const sizeBytes of facts.cut) {
      const fromMs = clock.nowMs()
      // Evicted meanwhile, or found to be bad by somebody else.
      if (this.isStopped || store.blob(id)?.isIn.disk !== true) return
      const sha256 = await store.hashOnDisk(id, atBytes, sizeBytes)
      if (sha256 === null) break
      chunks.push({ sha256, sizeBytes })
      atBytes += sizeBytes
      await this.wait((sizeBytes / this.options.bytesPerS) * 1000 - (clock.nowMs() - fromMs))
    }
    if (chunks.length === facts.cut.length) {
      if (blobIdOf({ chunks }) === id) return
      await store.giveUpOnDisk(id)
    }
    await takeOut(id, facts, this.ports)
  }

  private async wait(ms: number): Promise<void> {
    if (ms <= 0 || this.isStopped) return
    const waited = Promise.withResolvers<void>()
    const cancel = this.ports.clock.after(ms, waited.resolve)
    await Promise.race([waited.promise, this.stopped.promise])
    cancel()
  }
}
