/**
 * Hashes the blobs of the node's disk tier against their names, one after the other, so that readers hardly notice. A bad one is
 * removed: the next request fetches it again. Memory may have been filled from it, since nothing is hashed on that way; so
 * what is bad on disk is hashed in memory too, and leaves it when it is bad there. Runs once at a time; who asks meanwhile sees the run
 * that is under way.
 */
import { createHash } from 'node:crypto'
import type { Sha256 } from '../../common/index.ts'
import type { BlobState, Store } from '../../native/index.ts'
import type { Log } from '../system/index.ts'

export interface ScrubView {
  readonly state: 'running' | 'done' | 'failed'
  readonly blobs: number
  readonly totalBytes: number
  readonly doneBytes: number
  /** Blobs that were not what their name says. They are removed. */
  readonly bad: readonly Sha256[]
  /** Those of `bad` that are wrong in memory too, and could not leave it: programs have them open, or requests run. */
  readonly badInUse: readonly Sha256[]
  /** Why it failed. */
  readonly error: string | null
}

export interface ScrubberPorts {
  readonly store: Pick<Store, 'blobs' | 'blob' | 'verifyDisk' | 'read'>
  /** Takes all models with the blob out of memory; false when one of them is in use. */
  readonly dropFromMemory: (blob: Sha256) => Promise<boolean>
  /** Blobs are gone: what the node holds is not what it said. */
  readonly onRemoved: () => void
  readonly onDamaged: () => void
  readonly log: Log
}

/** Hashed at once on the event loop: some milliseconds. */
const pieceBytes = 4 * 2 ** 20

export class Scrubber {
  private readonly ports: ScrubberPorts
  private view: ScrubView | null = null

  constructor(ports: ScrubberPorts) {
    this.ports = ports
  }

  /** The last run or the one under way; null before the first. */
  last(): ScrubView | null {
    return this.view
  }

  begin(): ScrubView {
    if (this.view?.state === 'running') return this.view
    const blobs = this.ports.store.blobs().filter(({ isIn }) => isIn.disk)
    const totalBytes = blobs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    this.view = { state: 'running', blobs: blobs.length, totalBytes, doneBytes: 0, bad: [], badInUse: [], error: null }
    void this.run(blobs)
    return this.view
  }

  private async run(blobs: readonly BlobState[]): Promise<void> {
    try {
      for (const { sha256, sizeBytes } of blobs) await this.check(sha256, sizeBytes)
      this.update({ state: 'done' })
    } catch (error) {
      this.ports.log.error({ error: (error as Error).stack }, 'a scrub of the disk tier failed')
      this.update({ state: 'failed', error: (error as Error).message })
    }
  }

  private async check(sha256: Sha256, sizeBytes: number): Promise<void> {
    // Evicted since the run began: neither good nor bad.
    const isGood = this.ports.store.blob(sha256)?.isIn.disk !== true || (await this.ports.store.verifyDisk(sha256))
    this.update({ doneBytes: this.view!.doneBytes + sizeBytes })
    if (isGood) return
    this.update({ bad: [...this.view!.bad, sha256] })
    this.ports.onDamaged()
    this.ports.log.warn({ blob: sha256 }, 'a damaged blob was removed from disk')
    if (!(await this.isGoodInMemory(sha256, sizeBytes)) && !(await this.ports.dropFromMemory(sha256))) {
      this.update({ badInUse: [...this.view!.badInUse, sha256] })
      this.ports.log.error(
        { blob: sha256 },
        'a damaged blob is in memory and in use; evict its models when they are free',
      )
    }
    this.ports.onRemoved()
  }

  /** True also when it is not there. From the disk it is gone already, so what is read is memory. */
  private async isGoodInMemory(sha256: Sha256, sizeBytes: number): Promise<boolean> {
    const { store } = this.ports
    const hash = createHash('sha256')
    for (let atBytes = 0; atBytes < sizeBytes; atBytes += pieceBytes) {
      if (store.blob(sha256)?.isIn.memory !== true) return true
      const bytes = await store.read(sha256, atBytes, Math.min(pieceBytes, sizeBytes - atBytes))
      if (bytes === null) return true
      hash.update(bytes)
    }
    return hash.digest('hex') === sha256
  }

  private update(change: Partial<ScrubView>): void {
    this.view = { ...this.view!, ...change }
  }
}
