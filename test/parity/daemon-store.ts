/** The native store, the disk and the runtime of one daemon: room is the simulated node's, and work takes the time that the scenario says. */
import { type BlobId, byTier, HoldfastError, type LocalTier } from '../../common/index.ts'
import type { FormBlob } from '../../core/index.ts'
import type { BlobSpec, Fill, Store } from '../../native/index.ts'
import type { DerivedForms } from '../../node/models/index.ts'
import type { Runtime } from '../../node/ports/index.ts'
import type { Cluster, SimModel } from '../../sim/index.ts'
import { DiskReads } from '../../sim/node/disk-reads.ts'
import { simIdOf } from './manifests.ts'

type SimNode = Cluster['nodes'][number]

const rightByte = 1

export class DaemonStore {
  private readonly cluster: Cluster
  private readonly node: SimNode
  private readonly reads: DiskReads
  private readonly queuedCounts = new Map<BlobId, number>()

  constructor(cluster: Cluster, node: SimNode) {
    this.cluster = cluster
    this.node = node
    this.reads = new DiskReads({
      readMs: (sizeBytes) => node.readMs(sizeBytes),
      later: (delayMs, run) => node.later(delayMs, run),
    })
  }

  get store(): Store {
    const { node } = this
    const { store } = node
    return {
      beginFill: (blob: BlobSpec, into: Readonly<Record<LocalTier, boolean>>) => this.beginFill(blob, into),
      promote: (id: BlobId) => this.promote(simIdOf(id)),
      dropMemory: (id: BlobId) => this.drop(simIdOf(id), 'memory'),
      dropDisk: async (id: BlobId) => this.drop(simIdOf(id), 'disk'),
      blob: (id: BlobId) => store.blob(simIdOf(id)) as ReturnType<Store['blob']>,
      stats: () => ({ tiers: store.tiers }),
      publish: () => {},
      unpublish: () => {},
    } as unknown as Store
  }

  get forms(): DerivedForms {
    const forms = {
      isCurrent: () => true,
      cannotRun: () => null,
      make: async ({ model }: { model: string }) => {
        const { deriveMs, sizeBytes } = this.cluster.byId.get(model)!
        await this.wait(deriveMs)
        return { folder: '', path: model, sizeBytes }
      },
      keep: async (model: string): Promise<FormBlob> => {
        const { form } = this.cluster.byId.get(model)!.specs
        if (!this.node.store.reserve([form], 'disk')) throw full('disk')
        this.node.store.settle([form])
        return form
      },
      discard: async () => {},
    }
    return forms as unknown as DerivedForms
  }

  get runtime(): Runtime {
    const runtime = {
      load: async (form: BlobId) => {
        await this.wait(this.modelOf(form).initMs)
        const weights = 'shared' as const
        return { platform: 'sim', inputs: [], outputs: [], omittedOutputs: [], weights, privateBytes: 0 }
      },
      unload: async () => {},
      queueMs: () => this.node.workers.waitMs(this.cluster.queue.nowMs),
      sureQueueMs: () => this.node.workers.waitMs(this.cluster.queue.nowMs),
      queued: (form: BlobId) => this.queuedCounts.get(form) ?? 0,
      infer: (form: BlobId, _inputs: unknown, { signal, latestMs }: { signal: AbortSignal; latestMs: number }) =>
        this.infer(form, signal, latestMs),
    }
    return runtime as unknown as Runtime
  }

  /** The one worker that is free first. */
  private async infer(form: BlobId, signal: AbortSignal, latestMs: number): Promise<[]> {
    const { node, cluster, queuedCounts } = this
    const { nowMs } = cluster.queue
    const model = this.modelOf(form)
    const waitMs = node.workers.waitMs(nowMs)
    const late = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(new HoldfastError('DEADLINE_EXCEEDED', 'too late')))
    })
    if (nowMs + waitMs > latestMs) return late
    node.workers.run(nowMs, model, nowMs, null)
    queuedCounts.set(form, (queuedCounts.get(form) ?? 0) + 1)
    const run = this.wait(waitMs + model.executeMs).then(() => {
      queuedCounts.set(form, queuedCounts.get(form)! - 1)
    })
    await Promise.race([run, late])
    return []
  }

  private beginFill({ id, sizeBytes }: BlobSpec, into: Readonly<Record<LocalTier, boolean>>): Fill {
    const { store, chunks } = this.node
    const blobs = [{ id: simIdOf(id), sizeBytes }]
    const model = this.modelOf(simIdOf(id))
    const tier = into.memory ? 'memory' : 'disk'
    if (!store.reserve(blobs, tier)) throw full(tier)
    if (into.memory && into.disk) store.reserve(blobs, 'disk')
    chunks.begin(model)
    return {
      id,
      recover: async () => model.chunks.flatMap(({ index }) => (chunks.isHere(model, index) ? [index] : [])),
      putFile: () => Promise.reject(new Error('the origin of this world is no folder')),
      putChunk: async (index, bytes) => {
        if (bytes[0] !== rightByte) throw new HoldfastError('DIGEST_MISMATCH', 'other bytes')
        chunks.keep(model, index)
      },
      finish: async () => store.settle(blobs),
      abort: async () => {
        store.interrupt(blobs)
        this.forgetChunks(model)
      },
    }
  }

  private promote(id: BlobId): Promise<void> {
    const { store } = this.node
    const { sizeBytes } = this.modelOf(id)
    const blobs = [{ id, sizeBytes }]
    if (!store.reserve(blobs, 'memory')) return Promise.reject(full('memory'))
    return new Promise((resolve) => {
      this.reads.read(sizeBytes, () => {
        store.settle(blobs)
        resolve()
      })
    })
  }

  private drop(id: BlobId, tier: LocalTier): boolean {
    this.node.store.drop(id, tier)
    this.forgetChunks(this.modelOf(id))
    return true
  }

  forgetChunks(model: SimModel): void {
    const { store, chunks } = this.node
    const { files } = model.specs.asIs
    if (files.some(({ id }) => store.isHeld(id))) return
    if (files.some(({ id }) => store.hasPart(id))) chunks.interrupt(model)
    else chunks.drop(model)
  }

  private wait(delayMs: number): Promise<void> {
    return delayMs === 0 ? Promise.resolve() : new Promise((resolve) => this.node.later(delayMs, resolve))
  }

  private modelOf(blob: BlobId): SimModel {
    return this.cluster.byId.get(blob.slice(blob.indexOf(' ') + 1))!
  }
}

const codes = byTier((tier) => (tier === 'disk' ? 'DISK_FULL' : 'MEMORY_FULL'))
const full = (tier: LocalTier) => new HoldfastError(codes[tier], 'there is no room')
