import { createHash } from 'node:crypto'
import { createPrng } from '../../common/prng.ts'
import { byTier } from '../../common/tiers.ts'
import type { ModelId } from '../../common/types.ts'
import { toBlobId } from '../../common/types.ts'
import type { ChunkFailure, FetchChunk } from '../../core/events.ts'
import { NodeCore, type ResidentModel } from '../../core/index.ts'
import { ConnectionManager } from '../../node/cluster/connection-manager.ts'
import { CoreDriver } from '../../node/cluster/core-driver.ts'
import {
  ClusterKey,
  createEntrySigner,
  createLibp2pNetwork,
  decodeEntries,
  decodeProgress,
  decodeVersionSummary,
  encodeEntries,
  encodeProgress,
  encodeVersionSummary,
  Identity,
} from '../../node/net/index.ts'
import type { BulkTransport } from '../../node/ports/index.ts'
import { systemClock } from '../../node/system/clock.ts'
import { silentLog } from '../../node/system/log.ts'
import { createNativeBulkTransport } from '../../node/transfer/bulk/index.ts'
import { fetchBytes } from '../support/chunk-buffer.ts'
import { until } from '../support/until.ts'
import { type CarriedCluster, testCarriedCluster } from './carried-cluster.suite.ts'

const codec = {
  encodeEntries,
  decodeEntries,
  encodeVersionSummary,
  decodeVersionSummary,
  encodeProgress,
  decodeProgress,
}
const context = { tenant: 'public', deadlineMs: Number.POSITIVE_INFINITY }
const chunkBytes = 100_000
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** One file of four chunks, known by its own digest. */
class Content {
  readonly bytes: Buffer
  readonly id: ModelId
  readonly chunks: readonly FetchChunk[]

  constructor(seed: string) {
    this.bytes = Buffer.concat([0, 1, 2, 3].map((part) => Buffer.alloc(chunkBytes, `${seed} ${part} `)))
    this.id = sha256(this.bytes)
    this.chunks = [0, 1, 2, 3].map((index) => {
      const offsetBytes = index * chunkBytes
      const own = sha256(this.bytes.subarray(offsetBytes, offsetBytes + chunkBytes))
      return { blob: toBlobId(this.id), file: this.id, index, sha256: own, offsetBytes, sizeBytes: chunkBytes }
    })
  }

  range(offsetBytes: number, sizeBytes: number): Buffer {
    return this.bytes.subarray(offsetBytes, offsetBytes + sizeBytes)
  }
}

const contents = [new Content('one'), new Content('two')] as const
const contentOf = (model: ModelId): Content => contents.find(({ id }) => id === model)!

/** The parts of the daemon that carry the protocol, without a store: what it holds is a set. */
class CarriedByLibp2p {
  readonly id: string
  core!: NodeCore
  isLying = false
  address: string | null = null
  /** The other nodes of the cluster. */
  others: readonly CarriedByLibp2p[] = []
  private readonly identity: Identity
  private readonly clusterKey: ClusterKey
  private readonly held = new Set<ModelId>()
  private epoch = 0
  private driver!: CoreDriver
  private bulk!: BulkTransport
  private stops: (() => Promise<void> | void)[] = []

  constructor(identity: Identity, clusterKey: ClusterKey) {
    this.identity = identity
    this.clusterKey = clusterKey
    this.id = identity.node
  }

  async start(neighbour: string | null): Promise<void> {
    const { identity, clusterKey } = this
    this.epoch += 1
    this.held.clear()
    const network = await createLibp2pNetwork({ identity, clusterKey, clock: systemClock })
    const random = createPrng(this.epoch).child(this.id)
    const sign = createEntrySigner(network)
    this.core = new NodeCore({ self: this.id, epoch: this.epoch, sign, random })
    const { core } = this
    const [clock, log] = [systemClock, silentLog]
    const mesh = new ConnectionManager({ core, network, clock, log })
    this.driver = new CoreDriver({ core, network, codec, mesh, clock, log })
    this.bulk = createNativeBulkTransport({ identity, clusterKey, clock: systemClock })
    await this.bulk.start(async (_from, { file, offsetBytes, sizeBytes }) => {
      if (!this.held.has(file)) return null
      return this.isLying ? Buffer.alloc(sizeBytes) : contentOf(file).range(offsetBytes, sizeBytes)
    })
    this.driver.start()
    await network.start(this.driver.networkEvents(() => undefined))
    mesh.start()
    this.stops = [
      () => mesh.stop(),
      () => network.stop(),
      () => this.bulk.stop(),
      // Last, so that nobody hears that it ends.
      () => this.driver.stop(),
    ]
    this.address = network.addresses()[0]!
    this.tellState(network.addresses())
    this.tellResidency()
    if (neighbour !== null) await network.dial(neighbour)
  }

  async stop(): Promise<void> {
    this.address = null
    for (const stop of this.stops.splice(0)) await stop()
  }

  hold(model: ModelId): void {
    this.held.add(model)
    this.tellResidency()
  }

  drop(model: ModelId): void {
    this.held.delete(model)
    this.tellResidency()
  }

  ask(model: ModelId): void {
    this.driver.dispatch({ kind: 'demand', model })
  }

  async fetch(model: ModelId): Promise<'peer' | 'origin' | null> {
    try {
      const { peer, origin } = await this.driver.fetch(model, contentOf(model).chunks, {
        context,
        originAllowed: true,
        getChunk: (effect) => void this.getChunk(effect),
        dropChunk: () => {},
      })
      this.hold(model)
      return peer >= origin ? 'peer' : 'origin'
    } catch {
      return null
    }
  }

  private async getChunk({ model, chunk, source }: Parameters<Parameters<CoreDriver['fetch']>[2]['getChunk']>[0]) {
    const startedMs = systemClock.nowMs()
    const bytes = await this.bytesOf(model, chunk, source).catch(() => null)
    const failure: ChunkFailure | null = bytes === null ? 'closed' : sha256(bytes) === chunk.sha256 ? null : 'mismatch'
    if (failure !== null) {
      this.driver.dispatch({ kind: 'chunk-failed', model, chunk: chunk.sha256, source, failure })
      return
    }
    const elapsedMs = systemClock.nowMs() - startedMs
    const { sizeBytes } = chunk
    this.driver.dispatch({ kind: 'chunk-done', model, chunk: chunk.sha256, source, sizeBytes, elapsedMs })
  }

  private async bytesOf(
    model: ModelId,
    { blob, file, sha256: chunk, offsetBytes, sizeBytes }: FetchChunk,
    source: { readonly kind: 'origin' } | { readonly kind: 'peer'; readonly node: string },
  ): Promise<Uint8Array | null> {
    if (source.kind === 'origin') {
      // It is slower than any peer: on a busy machine a holder may take so long that the origin is asked as well.
      if (this.others.some((node) => node.held.has(model) && !node.isLying)) return new Promise(() => {})
      return contentOf(model).range(offsetBytes, sizeBytes)
    }
    const address = this.core.bulkAddressOf(source.node)!
    return fetchBytes(this.bulk, { node: source.node, address }, { blob, file, chunk, offsetBytes, sizeBytes, context })
  }

  private tellResidency(): void {
    const models = [...this.held]
      .sort()
      .map((model): ResidentModel => ({ model, tier: 'memory', sizeBytes: contentOf(model).bytes.byteLength }))
    this.driver.dispatch({ kind: 'local-residency', models })
  }

  private tellState(addresses: readonly string[]): void {
    const room = { tiers: byTier(() => ({ freeBytes: 1e9, limitBytes: 1e9 })) }
    const body = { zone: 'here', protocolVersion: 1, addresses, bulkAddress: this.bulk.address(), httpUrl: '' }
    this.driver.dispatch({ kind: 'local-state', body: { ...body, ...room, queueMs: 0, draining: false } })
  }
}

testCarriedCluster('libp2p, the bulk transport and the driver', async () => {
  const key = ClusterKey.generate()
  const identities = await Promise.all([0, 1, 2, 3].map(() => Identity.generate()))
  const own = identities.map((identity) => new CarriedByLibp2p(identity, key))
  for (const node of own) node.others = own.filter((other) => other !== node)
  const real = (node: { readonly id: string }): CarriedByLibp2p => own.find(({ id }) => id === node.id)!
  return {
    nodes: own as unknown as CarriedCluster['nodes'],
    models: [contents[0].id, contents[1].id],
    start: (node) => real(node).start(own.find(({ address }) => address !== null)?.address ?? null),
    crash: (node) => real(node).stop(),
    hold: (node, model) => real(node).hold(model),
    drop: (node, model) => real(node).drop(model),
    lie(node) {
      real(node).isLying = true
    },
    ask: (node, model) => real(node).ask(model),
    fetch: (node, model) => real(node).fetch(model),
    nowMs: () => systemClock.nowMs(),
    until: async (what, look) => {
      await until(what, look)
    },
    async stop() {
      await Promise.all(own.map((node) => node.stop()))
    },
  }
})
