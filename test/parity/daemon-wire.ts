/** What connects the parts of one daemon to others and to the origin: calls, gossip, chunks and records, over the simulated world. */
import { HoldfastError, type NodeId } from '../../common/index.ts'
import type { ChunkSource, Effect } from '../../core/index.ts'
import type { CoreDriver } from '../../node/cluster/index.ts'
import type { originPorts } from '../../node/models/index.ts'
import type { AbortOptions, ChunkRequest, ChunkSink } from '../../node/ports/index.ts'
import { encodeManifest, type ModelName } from '../../origin/index.ts'
import type { Cluster, SimModel } from '../../sim/index.ts'
import { ChunkCall, type Served } from '../../sim/node/chunk-mover.ts'
import { manifestOf, refOf } from './manifests.ts'

type SimNode = Cluster['nodes'][number]
type Handler = (from: string, payload: Uint8Array, options: AbortOptions) => Promise<Uint8Array>
type DriverPorts = ConstructorParameters<typeof CoreDriver>[0]
type EffectOf<K extends Effect['kind']> = Extract<Effect, { kind: K }>

type ChunkPlace = Pick<ChunkRequest, 'file' | 'offsetBytes'>

const away = (what: string) => new HoldfastError('ORIGIN_UNAVAILABLE', `the origin did not deliver ${what}`)

export class DaemonWire {
  readonly handlers = new Map<string, Handler>()
  private readonly cluster: Cluster
  private readonly node: SimNode
  private readonly wireOf: (node: number) => DaemonWire

  constructor(cluster: Cluster, node: SimNode, wireOf: (node: number) => DaemonWire) {
    this.cluster = cluster
    this.node = node
    this.wireOf = wireOf
  }

  /** What is encoded for others comes to them as it is. */
  get codec(): DriverPorts['codec'] {
    const asItIs = <T>(value: T) => value
    const codec = {
      encodeEntries: asItIs,
      decodeEntries: asItIs,
      encodeVersionSummary: asItIs,
      decodeVersionSummary: asItIs,
      encodeProgress: asItIs,
      decodeProgress: asItIs,
    }
    return codec as unknown as DriverPorts['codec']
  }

  get network(): DriverPorts['network'] {
    const { node, cluster } = this
    const network = {
      self: node.id,
      handle: (method: string, handler: Handler) => this.handlers.set(method, handler),
      peers: () => cluster.network.peersOf(node.index).map((index) => cluster.ids[index]!),
      broadcast: async (_topic: string, entries: unknown) => {
        node.messenger.publish((entries as EffectOf<'send-entries'>['entries'])[0]!)
      },
      hangUp: async (other: NodeId) => node.step({ kind: 'peer-down', node: other }),
      call: (to: NodeId, method: string, payload: Uint8Array, { signal }: AbortOptions) =>
        this.call(to, method, payload, signal ?? new AbortController().signal),
    }
    return network as unknown as DriverPorts['network']
  }

  get bulk() {
    return {
      fetch: async ({ node }: { node: NodeId }, request: ChunkRequest, into: ChunkSink, { signal }: AbortOptions) => {
        const served = await this.bring(request, { kind: 'peer', node }, signal!)
        if (served === 'missing') return false
        if (served === 'refused') throw new HoldfastError('OVERLOADED', `${node} sends enough already.`)
        if (served === 'closed') throw new HoldfastError('PEER_UNREACHABLE', `${node} does not answer.`)
        into.begin(1)[0] = served === 'right' ? 1 : 0
        await into.end()
        return true
      },
    }
  }

  get origin(): ReturnType<typeof originPorts> {
    const { cluster } = this
    return {
      readRef: async (name: ModelName) => {
        if (!(await this.record())) throw away('a tag')
        return refOf(name, cluster.revisions.ref(cluster.byId.get(name.name)!))
      },
      readManifestBytes: async (digest) => {
        if (!(await this.record())) throw away('a manifest')
        return encodeManifest(manifestOf(cluster.byId.get(digest)!))
      },
      readRange: async (place, { signal } = {}) => {
        const served = await this.bring(place, { kind: 'origin' }, signal!)
        if (served === 'right') return Uint8Array.of(1)
        throw served === 'unavailable' ? away('a chunk') : new HoldfastError('PEER_UNREACHABLE', 'the line broke.')
      },
    }
  }

  /** Ends with the life of the node that waits. */
  private record(): Promise<boolean> {
    const { cluster, node } = this
    return new Promise((resolve) => cluster.origin.getRecord(node.index, this.inThisLife(resolve)))
  }

  private bring(place: ChunkPlace, source: ChunkSource, signal: AbortSignal): Promise<Served> {
    const model = this.modelOfFile(place.file)
    const chunk = model.chunks.find(({ offsetBytes }) => offsetBytes === place.offsetBytes)!
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason))
      const call = new ChunkCall()
      signal.addEventListener('abort', () => call.drop())
      this.node.chunks.bring(model, chunk, source, call, this.inThisLife(resolve))
    })
  }

  private modelOfFile(file: string): SimModel {
    return this.cluster.byId.get(file.slice('file '.length))!
  }

  private inThisLife<T>(run: (value: T) => void): (value: T) => void {
    const { node } = this
    const { epoch } = node
    return (value) => {
      if (node.up && node.epoch === epoch) run(value)
    }
  }

  private call(to: NodeId, method: string, payload: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const { node, cluster } = this
    const { topology, network, queue, scenario } = cluster
    const other = cluster.nodes[cluster.interner.index(to)]!
    const oneWayMs = topology.oneWayMs(node.index, other.index)
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
    const gone = new AbortController()
    const broken = () => reject(new HoldfastError('PEER_UNREACHABLE', `${to} does not answer.`))
    const isLinked = () => network.linked(node.index, other.index)
    const back = (settle: () => void) => node.later(oneWayMs, isLinked() ? settle : broken)
    signal.addEventListener('abort', () => {
      reject(signal.reason)
      queue.schedule(oneWayMs, () => gone.abort(new HoldfastError('DEADLINE_EXCEEDED', 'the caller is gone')))
    })
    if (this.isGossip(to, method, payload)) {
      node.later(2 * oneWayMs, () => resolve(new Uint8Array()))
      return promise
    }
    if (!isLinked()) {
      node.later(scenario.network.callTimeoutMs, broken)
      return promise
    }
    queue.schedule(oneWayMs, () => {
      if (!other.up) {
        node.later(scenario.network.callTimeoutMs, broken)
        return
      }
      const handler = this.wireOf(other.index).handlers.get(method)!
      handler(node.id, payload, { signal: gone.signal }).then(
        (answer) => back(() => resolve(answer)),
        (error) => back(() => reject(error)),
      )
    })
    return promise
  }

  /** Summaries and entries go the way of all messages between cores, which may lose them. */
  private isGossip(to: NodeId, method: string, payload: unknown): boolean {
    const { messenger } = this.node
    if (method === 'digest')
      messenger.sendSummary({ ...(payload as EffectOf<'send-summary'>), kind: 'send-summary', to })
    else if (method === 'entries') {
      messenger.sendEntries({ kind: 'send-entries', to, entries: payload as EffectOf<'send-entries'>['entries'] })
    } else if (method === 'progress') {
      const progress = payload as unknown as EffectOf<'send-progress'>['progress']
      messenger.sendProgress({ kind: 'send-progress', to, progress })
    } else return false
    return true
  }
}
