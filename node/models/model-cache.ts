/**
 * The models of this node, over the native store: brings a model into the tier where it is wanted (from disk, peers or the
 * origin), makes the form that the runtime runs in place, and evicts by the policy of placement/. What is here is told to the
 * cluster through `onResidency`.
 *
 *   absent --fetch--> disk --derive--> derived blob on disk --promote--> memory --load--> runnable
 *                  \--fetch--> memory (for clients that open the files)
 *
 * Work on one model is shared by everybody who waits for it, and goes on when one of them gives up.
 */

import {
  freeBytesOf,
  isHoldfastError,
  type LocalTier,
  type ModelId,
  type RequestContext,
  type Sha256,
  type Source,
} from '../../common/index.ts'
import type { CopyWorth, ResidentModel } from '../../core/index.ts'
import type { AdoptedBlob, Store } from '../../native/index.ts'
import { type Manifest, manifestSizeBytes } from '../../origin/index.ts'
import type { EvictionPolicy } from '../../placement/index.ts'
import type { ModelSignature, Runtime } from '../ports/index.ts'
import type { Clock, Log } from '../system/index.ts'
import type { BlobFetcher, FetchOutcome } from '../transfer/index.ts'
import type { DerivedForms } from './derived-forms.ts'
import { Evictor } from './evictor.ts'
import type { LeaseTracker } from './lease-tracker.ts'
import { type Loading, LoadProgress } from './load-progress.ts'
import { ModelFiles } from './model-files.ts'
import { blobsOf, type ModelRow, type ModelTable, occupiedBytes } from './model-table.ts'
import { PolicyFeed } from './policy-feed.ts'
import { type Session, Sessions } from './sessions.ts'
import { SingleFlight } from './single-flight.ts'
import { TierAllocator } from './tier-allocator.ts'
import { UseCounts } from './use-counts.ts'

export interface ModelCachePorts {
  readonly store: Store
  readonly table: ModelTable
  readonly fetcher: BlobFetcher
  readonly derivedForms: DerivedForms
  readonly leases: LeaseTracker
  readonly runtime: Runtime
  readonly memoryPolicy: EvictionPolicy
  readonly diskPolicy: EvictionPolicy
  /** What the copy in the tier is worth, here and to the other nodes; knows the cluster. */
  readonly worth: (model: ModelId, tier: LocalTier) => CopyWorth
  /** An operator wants the model in this tier: it is not evicted from there to make room. */
  readonly isPinned?: (model: ModelId, tier: LocalTier) => boolean
  readonly clock: Clock
  readonly log: Log
  readonly onResidency: (models: ResidentModel[]) => void
  readonly onEvicted: (tier: LocalTier, model: ModelId, reason: string) => void
  readonly onFetched: (outcome: FetchOutcome) => void
  /** A model that is being made openable is in memory or on its way there, and published: who waits for ranges may have it. */
  readonly onArriving?: (model: ModelId) => void
}

/** A model as it came to be usable, and from where: 'memory' when it was already. */
export interface Ready {
  readonly source: Source
}

export interface Runnable extends Ready, Session {}

export class ModelCache {
  private readonly ports: ModelCachePorts
  private readonly disk: TierAllocator
  private readonly files: ModelFiles
  private readonly sessions: Sessions
  private readonly evictor: Evictor
  private readonly freedListeners: (() => void)[] = []
  private readonly holds: UseCounts
  private readonly board: LoadProgress
  private readonly opening = new SingleFlight<Ready>()
  private readonly running = new SingleFlight<Runnable>()
  private readonly memoryItems: PolicyFeed
  private readonly diskItems: PolicyFeed
  /** What the cluster was told last; nothing before the start. */
  private announced: string | null = null

  constructor(ports: ModelCachePorts) {
    this.ports = ports
    this.board = new LoadProgress(() => ports.clock.nowMs())
    this.holds = new UseCounts(() => this.roomFreed())
    const { store, table, leases, holds } = { ...ports, holds: this.holds }
    this.memoryItems = new PolicyFeed(ports.memoryPolicy, ports.clock)
    this.diskItems = new PolicyFeed(ports.diskPolicy, ports.clock)
    this.sessions = new Sessions({ store, runtime: ports.runtime })
    this.evictor = new Evictor({
      store,
      table,
      leases,
      holds,
      sessions: this.sessions,
      memoryItems: this.memoryItems,
      diskItems: this.diskItems,
      noteTiers: (row) => this.noteTiers(row),
      announce: () => this.announce(),
    })
    const common = { clock: ports.clock, log: ports.log }
    const memory = new TierAllocator({
      ...common,
      tier: 'memory',
      policy: ports.memoryPolicy,
      refreshCosts: () => this.refreshCosts('memory'),
      freeBytes: () => freeBytesOf(store.stats().tiers.memory),
      limitBytes: () => store.stats().tiers.memory.limitBytes,
      hasHiddenRoom: false,
      mayEvict: (model) => !this.isPinned(model, 'memory') && this.mayEvict(model, 'memory'),
      evict: (model) => this.evictor.fromMemory(model),
      onEvicted: (model, reason) => ports.onEvicted('memory', model, reason),
    })
    this.disk = new TierAllocator({
      ...common,
      tier: 'disk',
      policy: ports.diskPolicy,
      refreshCosts: () => this.refreshCosts('disk'),
      freeBytes: () => freeBytesOf(store.stats().tiers.disk),
      limitBytes: () => store.stats().tiers.disk.limitBytes,
      hasHiddenRoom: true,
      mayEvict: (model) => !this.isPinned(model, 'disk') && this.mayEvict(model, 'disk'),
      // A disk not larger than the memory is full of what is in memory, and nothing new could come.
      mayEvictAtLast: (model) => !this.isPinned(model, 'disk') && this.mayEvict(model, 'memory'),
      evict: (model) => this.evictor.fromDisk(model),
      onEvicted: (model, reason) => ports.onEvicted('disk', model, reason),
    })
    this.files = new ModelFiles({
      store,
      table,
      fetcher: ports.fetcher,
      memory,
      disk: this.disk,
      onProgress: (row, progress) => this.board.note(row.model, 'fetching', progress),
      onFetched: ports.onFetched,
      onArriving: (row) => {
        if (!this.opening.has(row.model)) return
        this.publish(row)
        ports.onArriving?.(row.model)
      },
      log: ports.log,
    })
  }

  /** Takes up the models whose files a former run left on disk. */
  start(rows: Iterable<ModelRow>): void {
    for (const row of rows) this.noteTiers(row)
    this.announce()
  }

  /** Looks again at what is where, after something else than this cache has removed blobs. */
  recheck(): void {
    this.start(this.ports.table.all())
  }

  /** Keeps the model from being evicted until the hold is disposed: a request is under way. */
  hold(model: ModelId): Disposable {
    return this.holds.hold(model)
  }

  /** Tells of every sign that there may be room: a request or a fetch has ended, a client has closed a model. */
  onRoomFreed(listener: () => void): void {
    this.freedListeners.push(listener)
  }

  /** A client has closed a model. */
  noteLeaseClosed(): void {
    this.roomFreed()
  }

  /** Counts a request, hit or miss, for the eviction policies. */
  noteRequest(model: ModelId): void {
    const nowMs = this.ports.clock.nowMs()
    this.ports.memoryPolicy.onRequest(model, nowMs)
    this.ports.diskPolicy.onRequest(model, nowMs)
  }

  /** Tells the policy of the tier what its copies are worth now: before a plan is made, and before one is shown. */
  refreshCosts(tier: LocalTier): void {
    const items = tier === 'memory' ? this.memoryItems : this.diskItems
    items.refreshCosts((model) => this.ports.worth(model, tier))
  }

  loading(model: ModelId): Loading | null {
    return this.board.get(model)
  }

  isRunnable(model: ModelId): boolean {
    return this.sessions.get(model) !== null
  }

  /** The manifest of a model that is in some tier of this node, so that it can be used without a fetch; else null. */
  heldManifest(model: ModelId): Manifest | null {
    return this.ports.table.tierOf(model) === null ? null : (this.ports.table.get(model)?.manifest ?? null)
  }

  /** Models that the runtime has loaded. */
  loaded(): Iterable<readonly [ModelId, Session]> {
    return this.sessions.all()
  }

  signatureOf(model: ModelId): ModelSignature | null {
    return this.sessions.get(model)?.signature ?? null
  }

  residency(): ResidentModel[] {
    const models: ResidentModel[] = []
    for (const { model, manifest } of this.ports.table.all()) {
      const tier = this.ports.table.tierOf(model)
      if (tier !== null) models.push({ model, tier, sizeBytes: manifestSizeBytes(manifest) })
    }
    return models.sort((a, b) => (a.model < b.model ? -1 : 1))
  }

  /** The model's files are in memory, published for clients. */
  ensureOpenable(model: ModelId, manifest: Manifest, context: RequestContext): Promise<Ready> {
    return this.opening.run(model, () =>
      this.work(model, manifest, async (row) => {
        try {
          const source = await this.files.bring(row, 'memory', context)
          this.publish(row)
          return { source }
        } catch (error) {
          // It may have been published while it arrived.
          if (!this.ports.table.filesInMemory(row)) this.ports.store.unpublish(model)
          throw error
        }
      }),
    )
  }

  /** Takes over segments of the model that a client kept while this node was away: what `take` finds good is in memory, and counts. */
  adopt(
    model: ModelId,
    manifest: Manifest,
    take: (blobs: readonly Sha256[]) => Promise<AdoptedBlob[]>,
  ): Promise<AdoptedBlob[]> {
    return this.work(model, manifest, (row) => this.files.adopt(row, take))
  }

  /** The model's files are on disk, for peers and for later. */
  ensureHeld(model: ModelId, manifest: Manifest, context: RequestContext): Promise<Source> {
    return this.work(model, manifest, (row) => this.files.bring(row, 'disk', context))
  }

  /** The model is loaded by the runtime. NOT_RUNNABLE when it has no file that the runtime takes. */
  ensureRunnable(model: ModelId, manifest: Manifest, context: RequestContext): Promise<Runnable> {
    const session = this.sessions.get(model)
    if (session !== null) return Promise.resolve({ ...session, source: 'memory' })
    return this.running.run(model, () => this.work(model, manifest, (row) => this.makeRunnable(row, context)))
  }

  /** True when nobody uses the model in this tier: no lease, no hold, no queued request. */
  mayEvict(model: ModelId, tier: LocalTier): boolean {
    return tier === 'memory' ? this.evictor.mayLeaveMemory(model) : this.evictor.mayLeaveDisk(model)
  }

  /** Frees the model's memory, or its disk, now if nobody uses it. What is in memory keeps its files. */
  async release(model: ModelId, tier: LocalTier = 'memory'): Promise<boolean> {
    if (!this.mayEvict(model, tier)) return false
    const isGone = tier === 'memory' ? this.evictor.fromMemory(model, 'dropped') : this.evictor.fromDisk(model)
    if (!(await isGone)) return false
    this.ports.onEvicted(tier, model, 'released')
    return true
  }

  /** Takes all models that have the blob, as a file or as their derived form, out of memory. False when one of them is in use. */
  async dropFromMemory(blob: Sha256): Promise<boolean> {
    const rows = [...this.ports.table.all()].filter((row) => blobsOf(row).some(({ sha256 }) => sha256 === blob))
    // One after the other: what they share goes with the last.
    for (const { model } of rows) if (this.mayEvict(model, 'memory')) await this.release(model)
    return this.ports.store.blob(blob)?.isIn.memory !== true
  }

  /** Waits for work that is under way. */
  async settled(): Promise<void> {
    await Promise.all([this.opening.settled(), this.running.settled(), this.files.settled()])
  }

  /** Holds the model while it changes tiers. Whatever comes of it, the policies and the cluster hear what is here now. */
  private work<T>(model: ModelId, manifest: Manifest, action: (row: ModelRow) => Promise<T>): Promise<T> {
    return this.board.during(model, async () => {
      const hold = this.hold(model)
      const row = this.ports.table.add(model, manifest)
      try {
        await this.evictor.settled(row)
        return await action(row)
      } finally {
        hold[Symbol.dispose]()
        this.noteTiers(row)
        this.evictor.forgetIfGone(row)
        this.announce()
      }
    })
  }

  private roomFreed(): void {
    for (const listener of this.freedListeners) listener()
  }

  private publish({ model, manifest }: ModelRow): void {
    this.ports.store.publish({ digest: model, files: manifest.files }, [])
  }

  private isPinned(model: ModelId, tier: LocalTier): boolean {
    return this.ports.isPinned?.(model, tier) ?? false
  }

  /** Once more when a file on disk turned out to be missing or cut short: the store has dropped it, and it can be had again. */
  private async makeRunnable(row: ModelRow, context: RequestContext): Promise<Runnable> {
    try {
      return await this.makeRunnableOnce(row, context)
    } catch (error) {
      const { store, table, log } = this.ports
      const isDerivedLost = row.derived !== null && store.blob(row.derived.sha256) === null
      if (!isHoldfastError(error, 'DISK_FAILED') || !(isDerivedLost || !table.filesOnDisk(row))) throw error
      log.warn({ model: row.model, error: error.message }, 'a blob on disk cannot be read; it is brought again')
      return this.makeRunnableOnce(row, context)
    }
  }

  private async makeRunnableOnce(row: ModelRow, context: RequestContext): Promise<Runnable> {
    const { derivedForms, table } = this.ports
    let source: Source = table.derivedInMemory(row) ? 'memory' : 'disk'
    derivedForms.checkRunnable(row)
    if (!derivedForms.isCurrent(row)) {
      source = await this.files.bring(row, 'disk', context)
      this.board.note(row.model, 'deriving')
      await this.derive(row)
    }
    this.board.note(row.model, 'loading')
    await this.files.promote([row.derived!])
    return { ...(await this.sessions.load(row.model, row.derived!)), source }
  }

  /** Conversion makes a file about as large as the model: without room for that there is no point in beginning. */
  private async derive(row: ModelRow): Promise<void> {
    // Peers may have the files while they are converted.
    this.noteTiers(row)
    this.announce()
    await this.disk.tryMakeRoom(occupiedBytes(row.manifest.files))
    await this.ports.derivedForms.derive(row, (sizeBytes, keep) => this.disk.withRoom(sizeBytes, keep))
  }

  /** Tells the policies in which tiers the model is now, and with how many bytes. */
  private noteTiers(row: ModelRow): void {
    const { table } = this.ports
    const { model } = row
    this.memoryItems.note({ model, sizeBytes: table.bytesIn(row, 'memory'), ...this.ports.worth(model, 'memory') })
    this.diskItems.note({ model, sizeBytes: table.bytesIn(row, 'disk'), ...this.ports.worth(model, 'disk') })
  }

  private announce(): void {
    const models = this.residency()
    const text = JSON.stringify(models)
    if (text === this.announced) return
    this.announced = text
    this.ports.onResidency(models)
  }
}
