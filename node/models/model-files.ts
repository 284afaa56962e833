/**
 * Brings the files of models into a tier of this node: from disk, from what an interrupted fetch left, from peers or the origin.
 * One fetch serves all who wait for a model; a blob that two models share is fetched for one of them, and the other waits.
 */

import {
  HoldfastError,
  isFaster,
  isHoldfastError,
  type LocalTier,
  localTiers,
  type RequestContext,
  type Sha256,
  type Source,
} from '../../common/index.ts'
import type { AdoptedBlob, Store } from '../../native/index.ts'
import type { ManifestFile } from '../../origin/index.ts'
import type { Log } from '../system/index.ts'
import type { BlobFetcher, FetchOutcome, FetchProgress } from '../transfer/index.ts'
import { distinctBlobs, type ModelRow, type ModelTable, occupiedBytes } from './model-table.ts'
import { SingleFlight } from './single-flight.ts'
import type { TierAllocator } from './tier-allocator.ts'

export interface ModelFilesPorts {
  readonly store: Store
  readonly table: ModelTable
  readonly fetcher: BlobFetcher
  readonly memory: TierAllocator
  readonly disk: TierAllocator
  readonly onProgress: (row: ModelRow, progress: FetchProgress) => void
  readonly onFetched: (outcome: FetchOutcome) => void
  /** Every file of the model that is wanted in memory is there or on its way: clients that wait for ranges may have it. */
  readonly onArriving: (row: ModelRow) => void
  readonly log: Log
}

export class ModelFiles {
  private readonly ports: ModelFilesPorts
  private readonly fetching = new SingleFlight<Source>()
  /** Blobs that a fetch has taken upon itself. */
  private readonly claims = new Map<Sha256, Promise<void>>()

  constructor(ports: ModelFilesPorts) {
    this.ports = ports
  }

  /** As `bringOnce`, and once more when a file on disk turned out to be missing or cut short: its bytes come from elsewhere then. */
  async bring(row: ModelRow, tier: LocalTier, context: RequestContext): Promise<Source> {
    try {
      return await this.bringOnce(row, tier, context)
    } catch (error) {
      if (!isHoldfastError(error, 'DISK_FAILED') || this.missing(row, tier).length === 0) throw error
      this.ports.log.warn(
        { model: row.model, error: error.message },
        'a blob on disk cannot be read; it is fetched again',
      )
      return this.bringOnce(row, tier, context)
    }
  }

  /** The caller holds the model. Says where the bytes were: 'memory', 'disk', or where most of them came from. */
  private async bringOnce(row: ModelRow, tier: LocalTier, context: RequestContext): Promise<Source> {
    const { table } = this.ports
    if (tier === 'memory') this.ports.memory.checkFits(occupiedBytes(row.manifest.files))
    if (table.filesInMemory(row) && (tier === 'memory' || table.filesOnDisk(row))) return 'memory'
    let source: Source = 'disk'
    // A fetch that others began may have been for the other tier.
    for (let isOwn = false; !isOwn && this.missing(row, tier).length > 0; ) {
      isOwn = !this.fetching.has(row.model)
      source = await this.fetching.run(row.model, () => this.fetch(row, tier, context))
    }
    if (tier === 'memory') await this.promote(row.manifest.files, () => this.ports.onArriving(row))
    return source
  }

  /**
   * Takes over what a client kept while this node was away. Room is made for all that is missing or nothing is taken; `take` reserves it
   * before it returns. Says what is in memory now of what was offered.
   */
  async adopt(row: ModelRow, take: (blobs: readonly Sha256[]) => Promise<AdoptedBlob[]>): Promise<AdoptedBlob[]> {
    const { store, memory } = this.ports
    const files = distinctBlobs(row.manifest.files)
    const absent = files.filter(({ sha256 }) => store.blob(sha256)?.isIn.memory !== true)
    const { done } = await memory.withRoom(occupiedBytes(absent), () => ({
      done: take(files.map(({ sha256 }) => sha256)),
    }))
    return done
  }

  /** Reads blobs from disk into memory: all of them, or room is made for none. */
  async promote(
    blobs: readonly Pick<ManifestFile, 'sha256' | 'sizeBytes'>[],
    onBegun: () => void = () => {},
  ): Promise<void> {
    const { store, memory } = this.ports
    const absent = () => distinctBlobs(blobs).filter(({ sha256 }) => store.blob(sha256)?.isIn.memory !== true)
    if (absent().length === 0) return
    // The store takes the room when a promotion begins.
    const { done } = await memory.withRoom(occupiedBytes(absent()), () => ({
      done: Promise.allSettled(absent().map(({ sha256 }) => store.promote(sha256))),
    }))
    onBegun()
    for (const result of await done) if (result.status === 'rejected') throw result.reason
  }

  settled(): Promise<void> {
    return this.fetching.settled()
  }

  /** Files whose blobs have to be brought to the node first. */
  private missing(row: ModelRow, tier: LocalTier): ManifestFile[] {
    return distinctBlobs(row.manifest.files).filter(({ sha256 }) => {
      const blob = this.ports.store.blob(sha256)
      // From a slower tier it is read, not fetched.
      return !localTiers.some((one) => !isFaster(one, tier) && blob?.isIn[one] === true)
    })
  }

  private async fetch(row: ModelRow, tier: LocalTier, context: RequestContext): Promise<Source> {
    for (;;) {
      const files = this.missing(row, tier)
      const claimed = files.flatMap(({ sha256 }) => this.claims.get(sha256) ?? [])
      if (claimed.length === 0) return this.fetchClaimed(row, files, tier, context)
      // Claims are made all at once, and who waits here has none: nobody waits for anybody in a circle.
      await Promise.all(claimed)
    }
  }

  private async fetchClaimed(
    row: ModelRow,
    files: readonly ManifestFile[],
    tier: LocalTier,
    context: RequestContext,
  ): Promise<Source> {
    if (files.length === 0) return 'disk'
    const { promise, resolve } = Promise.withResolvers<void>()
    for (const { sha256 } of files) this.claims.set(sha256, promise)
    try {
      const outcome = await this.fetchFiles(row, files, tier, context)
      this.ports.log.info({ model: row.model, ...outcome }, 'fetched')
      this.ports.onFetched(outcome)
      return mainSource(outcome)
    } finally {
      for (const { sha256 } of files) this.claims.delete(sha256)
      resolve()
    }
  }

  private async fetchFiles(
    row: ModelRow,
    files: readonly ManifestFile[],
    tier: LocalTier,
    context: RequestContext,
  ): Promise<FetchOutcome> {
    const { fetcher, memory, disk } = this.ports
    const neededBytes = occupiedBytes(files)
    if (tier === 'disk') this.checkDisk(neededBytes)
    const request = {
      model: row.model,
      manifest: row.manifest,
      files,
      into: { memory: tier === 'memory', disk: true },
      // The fetch goes on for the others when this caller's deadline has passed.
      context: { ...context, deadlineMs: Number.POSITIVE_INFINITY },
      onProgress: (progress: FetchProgress) => this.ports.onProgress(row, progress),
    }
    const open = () => fetcher.open(request)
    const job =
      tier === 'disk'
        ? await disk.withRoom(neededBytes, open)
        : await memory.withRoom(neededBytes, async () => {
            await this.tryMakeDiskRoom(row, neededBytes)
            return open()
          })
    if (tier === 'memory') this.ports.onArriving(row)
    return fetcher.run(job)
  }

  /** Only now, when memory has room: what went from memory may go from the disk too. */
  private async tryMakeDiskRoom(row: ModelRow, neededBytes: number): Promise<void> {
    if (await this.ports.disk.tryMakeRoom(neededBytes)) return
    if (this.ports.store.stats().tiers.disk.limitBytes === 0) return
    this.ports.log.warn({ model: row.model }, 'the disk tier has no room; the model is kept in memory only')
  }

  private checkDisk(neededBytes: number): void {
    const { limitBytes } = this.ports.store.stats().tiers.disk
    if (neededBytes <= limitBytes) return
    throw new HoldfastError(
      'TOO_LARGE',
      `running a model needs its ${neededBytes} bytes on disk; raise disk.limitBytes.`,
      {
        details: { tier: 'disk', neededBytes, limitBytes },
      },
    )
  }
}

function mainSource({ peer, origin }: FetchOutcome): Source {
  if (peer === 0 && origin === 0) return 'disk'
  return peer >= origin ? 'peer' : 'origin'
}
