/**
 * Hashes the blobs of the node's disk tier against their ids, one after the other, so that readers hardly notice; damaged-blob.ts says
 * what becomes of a bad one. Runs once at a time; who asks meanwhile sees the run that is under way.
 *
 * An id proves the chunks, not the sha256 that a manifest states for a file. Here each file is hashed as a whole too, so a manifest that
 * states another sha256 is named. Its blob stays: it is what the manifest's chunks say.
 */
import type { BlobId, Sha256 } from '../../common/index.ts'
import type { BlobState, Store } from '../../native/index.ts'
import type { BlobFacts, StatedFile } from '../models/index.ts'
import { type DamagePorts, takeOut } from './damaged-blob.ts'

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

export interface ScrubberPorts extends DamagePorts {
  readonly store: DamagePorts['store'] & Pick<Store, 'blobs' | 'verifyDisk'>
  /** The blobs of the models here. One that no model has (a form that is being made) is neither good nor bad. */
  readonly blobFacts: () => ReadonlyMap<BlobId, BlobFacts>
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
    const { store } = this.ports
    // Evicted since the run began.
    if (store.blob(id)?.isIn.disk !== true) return
    const actual = await store.verifyDisk(id, facts.cut)
    if (actual !== null) return this.compare(facts, actual)
    this.update({ bad: [...this.view!.bad, id] })
    if (!(await takeOut(id, facts, this.ports))) this.update({ badInUse: [...this.view!.badInUse, id] })
  }

  private compare({ stated }: BlobFacts, actual: Sha256): void {
    for (const file of stated) {
      if (file.sha256 === actual) continue
      this.update({ misstated: [...this.view!.misstated, { ...file, actual }] })
      this.ports.log.warn({ ...file, actual }, 'a manifest states another sha256 than its file has')
    }
  }

  private update(change: Partial<ScrubView>): void {
    this.view = { ...this.view!, ...change }
  }
}
