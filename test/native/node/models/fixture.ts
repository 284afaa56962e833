/**
 * A node's cache over the real store in a temporary folder and the real protocol core; network, bulk transport, origin and
 * runtime are in the test's hands. `restart` closes the store and opens the same folder again.
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HoldfastError } from '../../../../common/errors.ts'
import type { ModelId, NodeId, Sha256 } from '../../../../common/types.ts'
import type { ResidentModel } from '../../../../core/events.ts'
import { createStore } from '../../../../native/index.ts'
import type { OpenMiss, Store } from '../../../../native/types.ts'
import { DerivedForms } from '../../../../node/models/derived-forms.ts'
import { LeaseTracker } from '../../../../node/models/lease-tracker.ts'
import { ModelCache } from '../../../../node/models/model-cache.ts'
import { type ModelRow, ModelTable } from '../../../../node/models/model-table.ts'
import { OwnBytes } from '../../../../node/models/own-bytes.ts'
import type { BulkPeer, ChunkRequest } from '../../../../node/ports/index.ts'
import { silentLog } from '../../../../node/system/log.ts'
import { BlobFetcher, type ChunkOrigin } from '../../../../node/transfer/blob-fetcher.ts'
import { blobIdOf } from '../../../../origin/index.ts'
import { LruPolicy } from '../../../../placement/eviction/lru.ts'
import type { EvictionPolicy } from '../../../../placement/index.ts'
import { DriverFixture } from '../../../node/cluster/driver-fixture.ts'
import { FakeRuntime } from '../../../support/fake-runtime.ts'
import { MemoryBulk } from '../../../support/memory-bulk.ts'
import { MemoryState } from '../../../support/memory-state.ts'
import type { TestModel } from '../../../support/models.ts'

export const anyone = { tenant: 'public', deadlineMs: Number.POSITIVE_INFINITY }

/** Files by sha256, and a hand on every read. */
export class FakeOrigin implements ChunkOrigin {
  readonly blobs = new Map<Sha256, Buffer>()
  readonly reads: { file: Sha256; offsetBytes: number; sizeBytes: number }[] = []
  onRead: (bytes: Buffer, place: { file: Sha256; offsetBytes: number }, signal?: AbortSignal) => Promise<Uint8Array> =
    async (bytes) => bytes

  add(...models: TestModel[]): void {
    for (const { blobs } of models) for (const [sha256, bytes] of blobs) this.blobs.set(sha256, bytes)
  }

  async readRange(
    place: { model: ModelId; file: Sha256; offsetBytes: number; sizeBytes: number },
    options: { signal?: AbortSignal } = {},
  ): Promise<Uint8Array> {
    const { file, offsetBytes, sizeBytes } = place
    this.reads.push({ file, offsetBytes, sizeBytes })
    const bytes = this.blobs.get(file)
    if (bytes === undefined) throw new HoldfastError('ORIGIN_NOT_FOUND', 'not there')
    return this.onRead(bytes.subarray(offsetBytes, offsetBytes + sizeBytes), place, options.signal)
  }
}

/** All peers are in the test's hand. */
export class ScriptedBulk extends MemoryBulk {
  readonly requests: { node: NodeId; request: ChunkRequest }[] = []
  onGet: (node: NodeId, request: ChunkRequest, signal: AbortSignal) => Promise<Uint8Array | null> = async () => null

  protected override answer(
    { node }: BulkPeer,
    request: ChunkRequest,
    signal: AbortSignal,
  ): Promise<Uint8Array | null> {
    this.requests.push({ node, request })
    return this.onGet(node, request, signal)
  }
}

/** Counts what a policy is told. */
export class WatchedPolicy extends LruPolicy {
  readonly told: string[] = []

  override onInsert(item: Parameters<EvictionPolicy['onInsert']>[0], nowMs: number): void {
    this.told.push(`insert ${item.sizeBytes}`)
    super.onInsert(item, nowMs)
  }

  override onRemove(model: ModelId): void {
    this.told.push('remove')
    super.onRemove(model)
  }
}

export interface CacheFixtureOptions {
  readonly memoryLimitBytes: number
  readonly diskLimitBytes: number
  readonly hasOrigin: boolean
  readonly verifiesReads: boolean
  readonly isRestricted: boolean
}

export class CacheFixture {
  readonly folder = mkdtempSync(join(tmpdir(), 'holdfast-'))
  readonly options: CacheFixtureOptions
  readonly origin = new FakeOrigin()
  readonly bulk = new ScriptedBulk('self')
  readonly state = new MemoryState()
  readonly runtime = new FakeRuntime()
  readonly residencies: (readonly ResidentModel[])[] = []
  readonly evicted: string[] = []
  readonly misses: OpenMiss[] = []
  onMiss: (miss: OpenMiss) => void = (miss) => this.misses.push(miss)
  onOpened: (digest: string) => void = () => {}
  onArriving: (model: string) => void = () => {}
  driving!: DriverFixture
  store!: Store
  table!: ModelTable
  leases!: LeaseTracker
  fetcher!: BlobFetcher
  cache!: ModelCache
  memoryPolicy!: WatchedPolicy
  private derivedForms!: DerivedForms
  private diskPath = join(this.folder, 'disk')
  private restarts = 0
  diskPolicy!: WatchedPolicy

  constructor(options: Partial<CacheFixtureOptions> = {}) {
    this.options = {
      memoryLimitBytes: 4 << 18,
      diskLimitBytes: 16 << 18,
      hasOrigin: true,
      verifiesReads: true,
      isRestricted: false,
      ...options,
    }
    this.compose()
  }

  get socketPath(): string {
    return join(this.folder, 'store.sock')
  }

  /** As a daemon that starts again: what is in memory is gone. `change` sees the folder of the disk tier before the next store does. */
  async restart(change: (diskPath: string) => void = () => {}): Promise<ModelRow[]> {
    const known = [...this.table.all()]
    await this.store.close()
    // The old store locks its folder until it is collected; processes, which these stand for, are gone when they are gone.
    const diskPath = join(this.folder, `disk-${++this.restarts}`)
    for (const part of ['blobs', 'partial'])
      cpSync(join(this.diskPath, part), join(diskPath, part), { recursive: true })
    this.diskPath = diskPath
    change(diskPath)
    this.compose()
    await this.prepare()
    return known
  }

  async prepare(): Promise<this> {
    await this.derivedForms.start()
    return this
  }

  private compose(): void {
    this.driving = new DriverFixture()
    const { driver, core, clock } = this.driving
    this.store = createStore(
      {
        socketPath: this.socketPath,
        memoryLimitBytes: this.options.memoryLimitBytes,
        diskPath: this.diskPath,
        diskLimitBytes: this.options.diskLimitBytes,
        connectionsMax: 8,
        leasesPerConnectionMax: 16,
      },
      {
        onOpenMiss: (miss) => this.onMiss(miss),
        onLease: ({ kind, digest }) => (kind === 'closed' ? this.leases.onLeaseClosed() : this.onOpened(digest)),
      },
    )
    this.leases = new LeaseTracker(this.store, clock)
    this.table = new ModelTable(this.store)
    const { store, table, leases, runtime, state } = this
    this.derivedForms = new DerivedForms(
      {
        store,
        runtime,
        state,
        runnableFile: ({ manifest }) => manifest.files.find(({ path }) => path === 'model.onnx') ?? null,
      },
      { scratchPath: join(this.folder, 'scratch'), verifiesReads: this.options.verifiesReads },
    )
    this.fetcher = new BlobFetcher({
      store,
      driver,
      bulk: this.bulk,
      bulkAddressOf: (node) => core.bulkAddressOf(node),
      origin: this.options.hasOrigin ? this.origin : null,
      findLocalChunk: (chunk) => table.findLocalChunk(chunk),
      clock,
      log: silentLog,
    })
    this.memoryPolicy = new WatchedPolicy()
    this.diskPolicy = new WatchedPolicy()
    const ownBytes = new OwnBytes({ table, origin: this.options.hasOrigin ? this.origin : null, state })
    this.cache = new ModelCache({
      store,
      table,
      leases,
      runtime,
      fetcher: this.fetcher,
      derivedForms: this.derivedForms,
      memoryPolicy: this.memoryPolicy,
      diskPolicy: this.diskPolicy,
      worth: () => ({ missCostMs: 1, othersLossMsPerS: 0 }),
      sessionLimits: { sessionsMax: 512, privateBytesMax: 2 ** 31 },
      clock,
      log: silentLog,
      onResidency: (models) => this.residencies.push(models),
      onArriving: (model) => this.onArriving(model),
      onEvicted: (tier, model, reason) => this.evicted.push(`${tier} ${model} ${reason}`),
      onFetched: () => {},
      ownBytes: () => (this.options.isRestricted ? ownBytes : null),
      verifiesReads: this.options.verifiesReads,
    })
  }

  open(model: TestModel) {
    this.cache.noteRequest(model.id)
    return this.cache.ensureOpenable(model.id, model.manifest, anyone)
  }

  run(model: TestModel) {
    this.cache.noteRequest(model.id)
    return this.cache.ensureRunnable(model.id, model.manifest, anyone)
  }

  inMemory(model: TestModel): boolean {
    return model.manifest.files.every((file) => this.store.blob(blobIdOf(file))?.isIn.memory === true)
  }

  onDisk(model: TestModel): boolean {
    return model.manifest.files.every((file) => this.store.blob(blobIdOf(file))?.isIn.disk === true)
  }

  /** Which models are where, as the cluster was told last. */
  announced(): Record<ModelId, string> {
    return Object.fromEntries((this.residencies.at(-1) ?? []).map(({ model, tier }) => [model, tier]))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cache.settled()
    this.store.checkInvariants()
    this.memoryPolicy.checkInvariants()
    this.diskPolicy.checkInvariants()
    this.driving.core.checkInvariants()
    await this.store.close()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
