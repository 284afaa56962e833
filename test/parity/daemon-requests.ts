/**
 * The daemon's own InferenceService, calls between nodes in CBOR included, in the place of the requests of a simulated node. Around it only
 * the world is simulated: when a call arrives, how long a load or a run takes.
 */
import type { Prng } from '../../common/index.ts'
import { HoldfastError, isHoldfastError } from '../../common/index.ts'
import { errorOf } from '../../core/index.ts'
import type { AbortOptions } from '../../node/ports/index.ts'
import { InferenceService } from '../../node/requests/inference-service.ts'
import { silentLog } from '../../node/system/index.ts'
import type { Cluster, SimModel } from '../../sim/index.ts'

type SimNode = Cluster['nodes'][number]
type Ports = ConstructorParameters<typeof InferenceService>[0]
type Handler = (from: string, payload: Uint8Array, options: AbortOptions) => Promise<Uint8Array>

const manifests = new WeakMap<SimModel, object>()
const askAgainMs = 1_000
const codesToAskAgain = ['MEMORY_FULL', 'DISK_FULL', 'OVERLOADED']

export class DaemonRequests {
  readonly directory = null
  readonly handlers = new Map<string, Handler>()
  private readonly cluster: Cluster
  private readonly node: SimNode
  private readonly service: InferenceService
  private roomFreedListener = () => {}
  private isFirst = false

  constructor(cluster: Cluster, node: SimNode, random: Prng, all: readonly DaemonRequests[]) {
    this.cluster = cluster
    this.node = node
    this.service = new InferenceService(this.ports(random, all))
    this.service.start()
  }

  get isWaiting(): boolean {
    return this.service['machine'].waitingCount > 0
  }

  get openCount(): number {
    return this.service['open'].size
  }

  arrive(model: SimModel): void {
    const { context, mayForward } = this.cluster.asked[model.index]!
    const resolved = { digest: model.id, manifest: manifestOf(model), ref: null, ageMs: 0 }
    const asked = { name: model.id, resolved, inputs: [], outputs: null, context, mayForward }
    this.service.infer(asked as Parameters<InferenceService['infer']>[0]).catch((error) => {
      if (!isHoldfastError(error)) throw error
      if (codesToAskAgain.includes(error.code)) this.node.later(askAgainMs, () => this.arrive(model))
    })
  }

  roomFreed(): void {
    this.roomFreedListener()
  }

  close(): void {
    this.service.close()
  }

  checkInvariants(): void {
    this.service['machine'].checkInvariants()
  }

  private ports(random: Prng, all: readonly DaemonRequests[]): Ports {
    const { cluster, node } = this
    const { queue } = cluster
    const modelOf = (id: string): SimModel => cluster.byId.get(id)!
    const after = (delayMs: number, action: () => void) => {
      let isOn = true
      queue.schedule(delayMs, () => isOn && action())
      return () => {
        isOn = false
      }
    }
    const ports = {
      network: { self: node.id, handle: (method: string, handler: Handler) => this.handlers.set(method, handler) },
      core: node.core,
      driver: {
        dispatch: () => {
          this.isFirst = true
        },
        call: (to: string, method: string, payload: Uint8Array, options: AbortOptions) =>
          this.call(all[cluster.interner.index(to)]!, to, method, payload, options.signal!),
      },
      cache: this.cache(modelOf),
      runtime: { infer: (id: string, _: unknown, { signal }: AbortOptions) => this.run(modelOf(id), signal!) },
      times: cluster.times,
      queueMs: () => node.workers.waitMs(queue.nowMs),
      runBytesOf: ({ digest }: { digest: string }) => modelOf(digest).sizeBytes,
      memoryLimitBytes: () => node.memory.limitBytes,
      diskBytesPerS: cluster.topology.nodeSpec(node.index).diskReadBytesPerS,
      hasOrigin: true,
      onServed: () => {},
      isDraining: () => node.draining,
      randomInt: random.int,
      clock: { nowMs: () => queue.nowMs, wallMs: () => queue.nowMs, after, every: after },
      log: silentLog,
    }
    return ports as unknown as Ports
  }

  private cache(modelOf: (id: string) => SimModel) {
    const { cluster, node } = this
    return {
      hold: (id: string) => {
        node.hold(modelOf(id))
        return { [Symbol.dispose]: () => node.unhold(modelOf(id)) }
      },
      ensureRunnable: (id: string) =>
        new Promise((resolve, reject) => {
          node.makeReady(modelOf(id), (outcome) => {
            if (typeof outcome === 'string') resolve({ source: outcome, runtimeDigest: id })
            else reject(errorOf(outcome))
          })
        }),
      isRunnable: (id: string) => node.isReady(modelOf(id)),
      heldManifest: (id: string) => (node.holds(modelOf(id)) ? manifestOf(modelOf(id)) : null),
      loading: (id: string) => {
        const missingBytes = node.missingBytes(modelOf(id))
        return missingBytes === null ? null : { state: 'fetching', totalBytes: missingBytes, doneBytes: 0 }
      },
      noteRequest: (id: string) => {
        node.asked.note(modelOf(id), cluster.queue.nowMs, !this.isFirst)
        this.isFirst = false
      },
      onRoomFreed: (listener: () => void) => {
        this.roomFreedListener = listener
      },
    }
  }

  /** The one worker that is free first. */
  private run(model: SimModel, signal: AbortSignal): Promise<[]> {
    const { node, cluster } = this
    const { nowMs } = cluster.queue
    const waitMs = node.workers.waitMs(nowMs)
    node.workers.run(nowMs, model, nowMs, null)
    node.busy(model, nowMs + waitMs + model.executeMs)
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(new HoldfastError('DEADLINE_EXCEEDED', 'too late')))
      node.later(waitMs + model.executeMs, () => resolve([]))
    })
  }

  private call(
    other: DaemonRequests,
    to: string,
    method: string,
    payload: Uint8Array,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const { node, cluster } = this
    const { topology, network, queue, scenario } = cluster
    const oneWayMs = topology.oneWayMs(node.index, other.node.index)
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
    const gone = new AbortController()
    const broken = () => {
      node.callFailed(to)
      reject(new HoldfastError('PEER_UNREACHABLE', 'gone'))
    }
    const back = (settle: () => void) =>
      node.later(oneWayMs, network.linked(node.index, other.node.index) ? settle : broken)
    signal.addEventListener('abort', () => {
      reject(new HoldfastError('DEADLINE_EXCEEDED', 'late'))
      queue.schedule(oneWayMs, () => gone.abort(new HoldfastError('DEADLINE_EXCEEDED', 'the caller is gone')))
    })
    if (!network.linked(node.index, other.node.index)) {
      node.later(scenario.network.callTimeoutMs, broken)
      return promise
    }
    queue.schedule(oneWayMs, () => {
      other.handlers.get(method)!(node.id, payload, { signal: gone.signal }).then(
        (answer) => back(() => resolve(answer)),
        (error) => back(() => reject(error)),
      )
    })
    return promise
  }
}

function manifestOf(model: SimModel): object {
  const made = manifests.get(model) ?? { files: [{ path: 'model.onnx', sizeBytes: model.sizeBytes }] }
  manifests.set(model, made)
  return made
}
