/**
 * Hashes the blobs of the node's disk tier against their ids, one after the other, so that readers hardly notice. A bad one is
 * removed: the next request fetches it again. Memory may have been filled from it, since nothing is hashed on that way; so
 * what is bad on disk is hashed in memory too, and leaves it when it is bad there. Runs once at a time; who asks meanwhile sees the run
 * that is under way.
 *
 * An id proves the chunks, not the sha256 that a manifest states for a file. Here each file is hashed as a whole too, so a manifest that
 * states another sha256 is named. Its blob stays: it is what the manifest's chunks say.
 */
import { createHash } from 'node:crypto'
import type { BlobId, Sha256 } from '../../common/index.ts'
import type { BlobState, Store } from '../../native/index.ts'
import { blobIdOf, type Chunk } from '../../origin/index.ts'
import type { BlobFacts, StatedFile } from '../models/index.ts'
import type { Log } from '../system/index.ts'

export interface ScrubView {
  readonly state: 'running' | 'done' | 'failed'
  readonly blobs: number
  readonly totalBytes: number
  readonly doneBytes: number
  /** Blobs that were not what their id says. They are removed. */
  readonly bad: readonly BlobId[]
  /** Those of `bad` that are wrong in memory too, and could not leave it: programs have them open, or requests run. */
  readonly badInUse: readonly BlobId[]
  /** Files of which the manifest states another sha256 than they have. */
  readonly misstated: readonly MisstatedFile[]
  /** Why it failed. */
  readonly error: string | null
}

export interface MisstatedFile extends StatedFile {
  readonly actual: Sha256
}

export interface ScrubberPorts {
  readonly store: Pick<Store, 'blobs' | 'blob' | 'verifyDisk' | 'read'>
  /** Takes all models with the blob out of memory; false when one of them is in use. */
  readonly dropFromMemory: (blob: BlobId) => Promise<boolean>
  /** The blobs of the models here. One that no model has (a form that is being made) is neither good nor bad. */
  readonly blobFacts: () => ReadonlyMap<BlobId, BlobFacts>
  /** Blobs are gone: what the node holds is not what it said. */
  readonly onRemoved: () => void
  readonly onDamaged: () => void
  readonly log: Log
}

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
    const found = { bad: [], badInUse: [], misstated: [], error: null }
    this.view = { state: 'running', blobs: blobs.length, totalBytes, doneBytes: 0, ...found }
    void this.run(blobs)
    return this.view
  }

  private async run(blobs: readonly BlobState[]): Promise<void> {
    try {
      const facts = this.ports.blobFacts()
      for (const { id, sizeBytes } of blobs) {
        const known = facts.get(id)
        if (known !== undefined) await this.check(id, known)
        this.update({ doneBytes: this.view!.doneBytes + sizeBytes })
      }
      this.update({ state: 'done' })
    } catch (error) {
      this.ports.log.error({ error: (error as Error).stack }, 'a scrub of the disk tier failed')
      this.update({ state: 'failed', error: (error as Error).message })
    }
  }

  private async check(id: BlobId, facts: BlobFacts): Promise<void> {
    const { store, log } = this.ports
    // Evicted since the run began.
    if (store.blob(id)?.isIn.disk !== true) return
    const actual = await store.verifyDisk(id, facts.cut)
    if (actual !== null) return this.compare(facts, actual)
    this.update({ bad: [...this.view!.bad, id] })
    this.ports.onDamaged()
    log.warn({ blob: id }, 'a damaged blob was removed from disk')
    if (!(await this.isGoodInMemory(id, facts)) && !(await this.ports.dropFromMemory(id))) {
      this.update({ badInUse: [...this.view!.badInUse, id] })
      log.error({ blob: id }, 'a damaged blob is in memory and in use; evict its models when they are free')
    }
    this.ports.onRemoved()
  }

  private compare({ stated }: BlobFacts, actual: Sha256): void {
    for (const file of stated) {
      if (file.sha256 === actual) continue
      this.update({ misstated: [...this.view!.misstated, { ...file, actual }] })
      this.ports.log.warn({ ...file, actual }, 'a manifest states another sha256 than its file has')
    }
  }

  /** True also when it is not there. From the disk it is gone already, so what is read is memory. */
  private async isGoodInMemory(id: BlobId, { cut }: BlobFacts): Promise<boolean> {
    const { store } = this.ports
    const chunks: Chunk[] = []
    let atBytes = 0
    for (const sizeBytes of cut) {
      if (store.blob(id)?.isIn.memory !== true) return true
      const bytes = await store.read(id, atBytes, sizeBytes)
      if (bytes === null) return true
      chunks.push({ sha256: createHash('sha256').update(bytes).digest('hex'), sizeBytes })
      atBytes += sizeBytes
    }
    return blobIdOf({ chunks }) === id
  }

  private update(change: Partial<ScrubView>): void {
    this.view = { ...this.view!, ...change }
  }
}
