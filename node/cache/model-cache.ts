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

import type { Store } from '../../native/types.ts'
import type { Manifest, ManifestFile } from '../../origin/index.ts'
import { HoldfastError } from '../../placement/errors.ts'
import type { CacheItem, EvictionPolicy } from '../../placement/index.ts'
import type { ModelId, RequestContext, Source } from '../../placement/types.ts'
import type { ResidentModel } from '../core/events.ts'
import type { Log } from '../log.ts'
import type { ModelSignature, Runtime, StateStore } from '../ports.ts'
import type { Clock } from '../system.ts'
import type { BlobFetcher, FetchOutcome, FetchProgress } from './blob-fetcher.ts'
import type { DerivedForms } from './derived-forms.ts'
import type { LeaseWatch } from './lease-watch.ts'
import { type ModelRow, type ModelTable, pageRounded } from './model-table.ts'
import { RoomMaker } from './room-maker.ts'
import { SingleFlight } from './single-flight.ts'

export interface ModelCachePorts {
  readonly store: Store
  readonly table: ModelTable
  readonly fetcher: BlobFetcher
  readonly derivedForms: DerivedForms
  readonly leases: LeaseWatch
  readonly runtime: Runtime
  readonly memoryPolicy: EvictionPolicy
  readonly diskPolicy: EvictionPolicy
  /** Milliseconds that it would take to have the model again; knows the cluster. */
  readonly missCostMs: (model: ModelId) => number
  readonly state: StateStore
  readonly clock: Clock
  readonly log: Log
  readonly onResidency: (models: ResidentModel[]) => void
  readonly onEvicted: (tier: 'memory' | 'disk', model: ModelId, reason: string) => void
  readonly onFetched: (outcome: FetchOutcome) => void
}

/** A model as it came to be usable, and from where: 'memory' when it was already. */
export interface Ready {
  readonly source: Source
}

export interface Runnable extends Ready {
  /** Digest of the derived blob: the runtime's name of the model. */
  readonly runtimeDigest: string
  readonly signature: ModelSignature
}

export interface Loading {
  readonly model: ModelId
  readonly state: 'fetching' | 'deriving' | 'loading'
  readonly doneBytes: number
  readonly totalBytes: number
}

export class ModelCache {
  private readonly ports: ModelCachePorts
  private readonly memory: RoomMaker
  private readonly disk: RoomMaker
  private readonly opening = new SingleFlight<Ready>()
  private readonly running = new SingleFlight<Runnable>()
  private readonly fetching = new SingleFlight<Source>()
  private readonly holds = new Map<ModelId, number>()
  private readonly loadingModels = new Map<ModelId, Loading>()
  /** Sizes as the policies know them, by tier. */
  private readonly memoryItems = new Map<ModelId, number>()
  private readonly diskItems = new Map<ModelId, number>()
  private readonly runnable = new Map<ModelId, Omit<Runnable, 'source'>>()

  constructor(ports: ModelCachePorts) {
    this.ports = ports
    const common = { clock: ports.clock, log: ports.log }
    this.memory = new RoomMaker({
      ...common,
      tier: 'memory',
      policy: ports.memoryPolicy,
      freeBytes: () => ports.store.stats().memoryLimitBytes - ports.store.stats().memoryUsedBytes,
      limitBytes: () => ports.store.stats().memoryLimitBytes,
      mayEvict: (model) => this.mayEvict(model),
      evict: (model) => this.evictFromMemory(model),
      onEvicted: (model, reason) => {
        this.memoryItems.delete(model)
        ports.onEvicted('memory', model, reason)
      },
    })
    this.disk = new RoomMaker({
      ...common,
      tier: 'disk',
      policy: ports.diskPolicy,
      freeBytes: () => ports.store.stats().diskLimitBytes - ports.store.stats().diskUsedBytes,
      limitBytes: () => ports.store.stats().diskLimitBytes,
      mayEvict: (model) => this.mayEvict(model) && this.ports.table.tierOf(model) !== 'memory',
      evict: (model) => this.evictFromDisk(model),
      onEvicted: (model, reason) => {
        this.diskItems.delete(model)
        ports.onEvicted('disk', model, reason)
      },
    })
  }

  /** Takes up the models whose files a former run left on disk. */
  start(rows: Iterable<ModelRow>): void {
    for (const row of rows) this.noteTiers(row)
    this.announce()
  }

  /** Keeps the model from being evicted until the hold is disposed: a request is under way. */
  hold(model: ModelId): Disposable {
    this.holds.set(model, (this.holds.get(model) ?? 0) + 1)
    return {
      [Symbol.dispose]: () => {
        const left = this.holds.get(model)! - 1
        if (left === 0) this.holds.delete(model)
        else this.holds.set(model, left)
      },
    }
  }

  /** Counts a request, hit or miss, for the eviction policies. */
  noteRequest(model: ModelId): void {
    const nowMs = this.ports.clock.nowMs()
    this.ports.memoryPolicy.onRequest(model, nowMs)
    this.ports.diskPolicy.onRequest(model, nowMs)
  }

  loading(model: ModelId): Loading | null {
    return this.loadingModels.get(model) ?? null
  }

  isRunnable(model: ModelId): boolean {
    return this.runnable.has(model)
  }

  /** The manifest of a model that is in some tier of this node, so that it can be used without a fetch; else null. */
  heldManifest(model: ModelId): Manifest | null {
    return this.ports.table.tierOf(model) === null ? null : (this.ports.table.get(model)?.manifest ?? null)
  }

  /** Models that the runtime has loaded. */
  loaded(): Iterable<readonly [ModelId, { readonly runtimeDigest: string }]> {
    return this.runnable
  }

  signatureOf(model: ModelId): ModelSignature | null {
    return this.runnable.get(model)?.signature ?? null
  }

  residency(): ResidentModel[] {
    const models: ResidentModel[] = []
    for (const { model, manifest } of this.ports.table.all()) {
      const tier = this.ports.table.tierOf(model)
      const sizeBytes = manifest.files.reduce((sum, file) => sum + file.sizeBytes, 0)
      if (tier !== null) models.push({ model, tier, sizeBytes })
    }
    return models.sort((a, b) => (a.model < b.model ? -1 : 1))
  }

  /** The model's files are in memory, published for clients. */
  ensureOpenable(model: ModelId, manifest: Manifest, context: RequestContext): Promise<Ready> {
    return this.opening.run(model, async () => {
      using _hold = this.hold(model)
      const row = this.ports.table.add(model, manifest)
      const source = await this.bringFiles(row, 'memory', context)
      this.ports.store.publish({ digest: model, files: manifest.files }, [])
      return { source }
    })
  }

  /** The model's files are held in some tier, so that peers and later requests find them here. */
  ensureHeld(model: ModelId, manifest: Manifest, context: RequestContext): Promise<Source> {
    return this.bringFiles(this.ports.table.add(model, manifest), 'disk', context)
  }

  /** The model is loaded by the runtime. NOT_RUNNABLE when it has no file that the runtime takes. */
  ensureRunnable(model: ModelId, manifest: Manifest, context: RequestContext): Promise<Runnable> {
    const loaded = this.runnable.get(model)
    if (loaded !== undefined) return Promise.resolve({ ...loaded, source: 'memory' })
    return this.running.run(model, async () => {
      using _hold = this.hold(model)
      try {
        return await this.makeRunnable(this.ports.table.add(model, manifest), context)
      } finally {
        this.loadingModels.delete(model)
      }
    })
  }

  /** Frees the model's memory now if nobody uses it. */
  async release(model: ModelId): Promise<boolean> {
    if (!this.mayEvict(model) || !(await this.evictFromMemory(model))) return false
    this.ports.memoryPolicy.onRemove(model, this.ports.clock.nowMs(), 'dropped')
    this.memoryItems.delete(model)
    this.ports.onEvicted('memory', model, 'released')
    return true
  }

  /** Waits for work that is under way. */
  async settled(): Promise<void> {
    await Promise.all([this.opening.settled(), this.running.settled(), this.fetching.settled()])
  }

  private async makeRunnable(row: ModelRow, context: RequestContext): Promise<Runnable> {
    const { model } = row
    let source: Source = this.ports.table.derivedInMemory(row) ? 'memory' : 'disk'
    this.ports.derivedForms.checkRunnable(row)
    if (!this.ports.derivedForms.isCurrent(row)) {
      source = await this.bringFiles(row, 'disk', context)
      this.note(row, 'deriving')
      await this.deriveOnDisk(row)
    }
    const { sha256, sizeBytes } = row.derived!
    this.note(row, 'loading')
    await this.promote([{ sha256, sizeBytes }])
    this.ports.store.publish({ digest: sha256, files: [{ path: 'model.ort', sha256, sizeBytes }] }, [])
    const signature = await this.ports.runtime.load(sha256)
    const loaded = { runtimeDigest: sha256, signature }
    this.runnable.set(model, loaded)
    this.noteTiers(row)
    this.announce()
    return { ...loaded, source }
  }

  /** Conversion needs room on disk for a file about as large as the model; optimisation can grow it a little. */
  private async deriveOnDisk(row: ModelRow): Promise<void> {
    const expectedBytes = row.manifest.files.reduce((sum, file) => sum + file.sizeBytes, 0)
    await this.disk.withRoom(Math.min(expectedBytes, this.ports.store.stats().diskLimitBytes), () => undefined)
    await this.ports.derivedForms.derive(row)
    this.noteTiers(row)
  }

  /** Brings all files into the tier; waits for a fetch that others began. 'memory' and 'disk' say where the bytes were. */
  private async bringFiles(row: ModelRow, tier: 'memory' | 'disk', context: RequestContext): Promise<Source> {
    const { table } = this.ports
    if (table.filesInMemory(row) && (tier === 'memory' || table.filesOnDisk(row))) return 'memory'
    if (tier === 'disk' && table.filesOnDisk(row)) return 'disk'
    let source: Source = 'disk'
    if (!table.filesHeld(row) || (tier === 'disk' && !table.filesOnDisk(row))) {
      source = await this.fetching.run(row.model, () => this.fetchFiles(row, tier, context))
    }
    if (tier === 'memory' && !table.filesInMemory(row)) await this.promote(row.manifest.files)
    this.noteTiers(row)
    this.announce()
    return source
  }

  private async fetchFiles(row: ModelRow, tier: 'memory' | 'disk', context: RequestContext): Promise<Source> {
    const { table, store, fetcher } = this.ports
    const files = distinct(row.manifest.files).filter(({ sha256 }) => {
      const blob = store.blob(sha256)
      return tier === 'disk' ? blob?.onDisk !== true : blob?.inMemory !== true && blob?.onDisk !== true
    })
    const diskBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0)
    const memoryBytes = files.reduce((sum, file) => sum + pageRounded(file.sizeBytes), 0)
    const disk = diskBytes <= store.stats().diskLimitBytes && (await this.diskRoom(diskBytes, tier))
    if (tier === 'disk' && !disk) throw this.needsDisk(diskBytes)
    const into = { memory: tier === 'memory', disk }
    const start = () =>
      fetcher.fetch({
        model: row.model,
        manifest: row.manifest,
        files,
        into,
        context,
        onProgress: (progress) => this.note(row, 'fetching', progress),
      })
    this.note(row, 'fetching', { doneBytes: 0, totalBytes: diskBytes })
    try {
      const room = into.memory ? this.memory.withRoom(memoryBytes, start) : this.disk.withRoom(diskBytes, start)
      const outcome = await (await room).value
      await this.ports.state.put(`model/${row.model}`, { derived: row.derived })
      this.ports.log.info({ model: row.model, ...outcome }, 'fetched')
      this.ports.onFetched(outcome)
      return mainSource(outcome)
    } finally {
      if (!table.filesHeld(row)) this.loadingModels.delete(row.model)
    }
  }

  /** True when the disk tier has room now; a memory-bound fetch goes on without it. */
  private async diskRoom(neededBytes: number, tier: 'memory' | 'disk'): Promise<boolean> {
    try {
      await this.disk.withRoom(neededBytes, () => undefined)
      return true
    } catch (error) {
      if (tier === 'disk' || !(error instanceof HoldfastError)) throw error
      this.ports.log.warn({ error: error.message }, 'the disk tier has no room; the model is kept in memory only')
      return false
    }
  }

  private needsDisk(neededBytes: number): HoldfastError {
    const { diskLimitBytes } = this.ports.store.stats()
    return new HoldfastError(
      'TOO_LARGE',
      `running a model needs its ${neededBytes} bytes on disk; raise disk.limitBytes.`,
      {
        details: { tier: 'disk', neededBytes, limitBytes: diskLimitBytes },
      },
    )
  }

  private async promote(files: readonly Pick<ManifestFile, 'sha256' | 'sizeBytes'>[]): Promise<void> {
    const { store } = this.ports
    for (const { sha256, sizeBytes } of distinct(files)) {
      if (store.blob(sha256)?.inMemory === true) continue
      const { value } = await this.memory.withRoom(pageRounded(sizeBytes), () => ({ done: store.promote(sha256) }))
      await value.done
    }
  }

  private mayEvict(model: ModelId): boolean {
    if (this.holds.has(model)) return false
    const runtimeDigest = this.runnable.get(model)?.runtimeDigest
    if (runtimeDigest !== undefined && this.ports.runtime.queued(runtimeDigest) > 0) return false
    const row = this.ports.table.get(model)
    return row?.manifest.files.every(({ sha256 }) => (this.ports.store.blob(sha256)?.leases ?? 0) === 0) ?? false
  }

  private async evictFromMemory(model: ModelId): Promise<boolean> {
    const { store, table } = this.ports
    const row = table.get(model)
    if (row === null) return false
    await this.unload(row)
    store.unpublish(model)
    let isFree = true
    for (const { sha256 } of distinct(row.manifest.files)) {
      const isShared = table.othersWithBlob(sha256, model).some((other) => this.isPublishedInMemory(other))
      if (store.blob(sha256)?.inMemory === true && !isShared) isFree = store.dropMemory(sha256) && isFree
    }
    if (row.derived !== null && store.blob(row.derived.sha256)?.inMemory === true) {
      await this.ports.leases.untilFree(row.derived.sha256)
      isFree = store.dropMemory(row.derived.sha256) && isFree
    }
    this.announce()
    return isFree
  }

  private isPublishedInMemory(model: ModelId): boolean {
    const row = this.ports.table.get(model)
    return row !== null && this.ports.table.filesInMemory(row)
  }

  private async unload(row: ModelRow): Promise<void> {
    const loaded = this.runnable.get(row.model)
    if (loaded === undefined) return
    this.runnable.delete(row.model)
    this.ports.store.unpublish(loaded.runtimeDigest)
    await this.ports.runtime.unload(loaded.runtimeDigest)
  }

  private async evictFromDisk(model: ModelId): Promise<boolean> {
    const { store, table } = this.ports
    const row = table.get(model)
    if (row === null) return false
    for (const { sha256 } of distinct(row.manifest.files)) {
      const isShared = table.othersWithBlob(sha256, model).some((other) => table.tierOf(other) !== null)
      if (!isShared) await store.dropDisk(sha256)
    }
    if (row.derived !== null) await store.dropDisk(row.derived.sha256)
    this.announce()
    return true
  }

  /** Tells the policies in which tiers the model is now, and with how many bytes. */
  private noteTiers(row: ModelRow): void {
    const missCostMs = this.ports.missCostMs(row.model)
    const { table, memoryPolicy, diskPolicy } = this.ports
    this.noteTier(memoryPolicy, this.memoryItems, { model: row.model, sizeBytes: table.memoryBytesOf(row), missCostMs })
    this.noteTier(diskPolicy, this.diskItems, { model: row.model, sizeBytes: table.diskBytesOf(row), missCostMs })
  }

  private noteTier(policy: EvictionPolicy, known: Map<ModelId, number>, item: CacheItem): void {
    const nowMs = this.ports.clock.nowMs()
    const knownBytes = known.get(item.model) ?? 0
    if (knownBytes === item.sizeBytes) {
      policy.updateCost(item.model, item.missCostMs)
      return
    }
    if (knownBytes > 0) policy.onRemove(item.model, nowMs, 'dropped')
    known.delete(item.model)
    if (item.sizeBytes === 0) return
    known.set(item.model, item.sizeBytes)
    policy.onInsert(item, nowMs)
  }

  private note(row: ModelRow, state: Loading['state'], progress?: FetchProgress): void {
    const known = this.loadingModels.get(row.model)
    const bytes = progress ?? { doneBytes: known?.doneBytes ?? 0, totalBytes: known?.totalBytes ?? 0 }
    this.loadingModels.set(row.model, { model: row.model, state, ...bytes })
  }

  private announce(): void {
    this.ports.onResidency(this.residency())
  }
}

function mainSource(outcome: FetchOutcome): Source {
  if (outcome.peer === 0 && outcome.origin === 0) return 'disk'
  return outcome.peer >= outcome.origin ? 'peer' : 'origin'
}

function distinct<T extends { readonly sha256: string }>(files: readonly T[]): T[] {
  return [...new Map(files.map((file) => [file.sha256, file])).values()]
}
