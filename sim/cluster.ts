/**
 * A cluster of real NodeCores on a virtual clock and network. Everything is drawn from one seed: the topology, the models, the
 * requests, the losses; one seed is one run, to the byte of its event log.
 */
import { Interner } from '../node/core/index.ts'
import { createPrng, type Prng } from '../placement/prng.ts'
import { type RouteDecision, route } from '../placement/route.ts'
import type { ModelId, NodeId } from '../placement/types.ts'
import { type CatalogOptions, createCatalog, createZipf, defaultCatalogOptions, type SimModel } from './catalog.ts'
import { EventLog } from './event-log.ts'
import { EventQueue } from './event-queue.ts'
import { defaultNetworkOptions, Network, type NetworkOptions } from './network.ts'
import { defaultSimNodeOptions, SimNode, type SimNodeOptions, type SimWorld } from './sim-node.ts'
import { defaultSimOriginOptions, SimOrigin, type SimOriginOptions } from './sim-origin.ts'

export interface ClusterOptions {
  readonly seed: number
  readonly nodeCount: number
  /** Time after which both ends notice that a connection is gone. */
  readonly detectMs: number
  readonly network: NetworkOptions
  readonly catalog: CatalogOptions
  readonly node: SimNodeOptions
  readonly origin: SimOriginOptions
}

export const defaultClusterOptions: Omit<ClusterOptions, 'seed'> = {
  nodeCount: 50,
  detectMs: 200,
  network: defaultNetworkOptions,
  catalog: defaultCatalogOptions,
  node: defaultSimNodeOptions,
  origin: defaultSimOriginOptions,
}

export interface RequestRecord {
  readonly atMs: number
  readonly node: NodeId
  readonly model: ModelId
  readonly elapsedMs: number
  /** 'no-room': all memory is taken by fetches under way. */
  readonly outcome: 'local' | 'forwarded' | 'fetched' | 'failed' | 'no-room'
  /** For a failed one: somebody had it and could be reached, or the origin was there. */
  readonly couldServe: boolean
}

export class Cluster {
  readonly options: ClusterOptions
  readonly queue = new EventQueue()
  readonly log = new EventLog()
  readonly network: Network
  readonly origin: SimOrigin
  readonly models: readonly SimModel[]
  readonly nodes: SimNode[] = []
  readonly requests: RequestRecord[] = []
  requestsOpen = 0
  private readonly random: Prng

  constructor(options: Partial<ClusterOptions> & { readonly seed: number }) {
    this.options = { ...defaultClusterOptions, ...options }
    this.random = createPrng(this.options.seed)
    const { queue, log, nodes } = this
    const width = String(this.options.nodeCount - 1).length
    const ids = Array.from({ length: this.options.nodeCount }, (_, index) => `n${String(index).padStart(width, '0')}`)
    const interner = new Interner()
    for (const id of ids) interner.index(id)
    this.network = new Network({ ids, queue, random: this.random.child('network') }, this.options.network)
    this.origin = new SimOrigin(queue, this.options.origin)
    this.models = createCatalog(this.random.child('catalog'), this.options.catalog)
    const catalog = new Map(this.models.map((model) => [model.id, model]))
    const world: SimWorld = { ids, nodes, queue, network: this.network, origin: this.origin, catalog, interner, log }
    for (const [index, id] of ids.entries()) {
      nodes.push(new SimNode(world, index, this.random.child(id), this.options.node))
    }
  }

  start(): void {
    for (const node of this.nodes) node.start()
    this.eachPair((a, b) => this.connect(a, b))
  }

  run(durationMs: number): void {
    this.queue.runUntil(this.queue.nowMs + durationMs)
  }

  at(delayMs: number, run: () => void): void {
    this.queue.schedule(delayMs, run)
  }

  crash(node: SimNode): void {
    node.crash()
    this.network.setDown(node.index, true)
    this.log.add(this.queue.nowMs, `${node.id} crashes`)
    for (const other of this.nodes) if (other !== node) this.disconnect(node, other)
  }

  restart(node: SimNode): void {
    this.network.setDown(node.index, false)
    this.log.add(this.queue.nowMs, `${node.id} restarts`)
    node.restart()
    for (const other of this.nodes) if (other !== node) this.connect(node, other)
  }

  partition(isApart: (node: number) => boolean): void {
    this.network.partition(isApart)
    this.eachPair((a, b) => {
      if (isApart(a.index) !== isApart(b.index)) this.disconnect(a, b)
    })
  }

  heal(): void {
    const apart: [SimNode, SimNode][] = []
    this.eachPair((a, b) => {
      if (!this.network.linked(a.index, b.index)) apart.push([a, b])
    })
    this.network.heal()
    for (const [a, b] of apart) this.connect(a, b)
  }

  /** Requests at random nodes for models by Zipf's law, at random times. */
  load(options: { requestCount: number; durationMs: number; zipfExponent: number }): void {
    const random = this.random.child('load')
    const rank = createZipf(this.models.length, options.zipfExponent, random)
    for (let count = 0; count < options.requestCount; count += 1) {
      const node = this.nodes[random.int(this.nodes.length)]!
      const model = this.models[rank()]!
      this.at(random.float() * options.durationMs, () => this.request(node, model))
    }
  }

  /** One user's request at one node, as the daemon serves it: here, at a holder, or after a fetch. */
  request(node: SimNode, model: SimModel): void {
    if (!node.up) return
    this.requestsOpen += 1
    node.noteRequest(model.id)
    node.step({ kind: 'demand', model: model.id })
    this.serve({ node, model, startedMs: this.queue.nowMs, excluded: [] })
  }

  private serve(request: OpenRequest): void {
    const { node, model } = request
    const decision = this.decide(request)
    switch (decision.kind) {
      case 'local':
        this.end(request, 'local')
        break
      case 'forward':
        this.forward(request, decision.node!)
        break
      case 'fetch':
        node.fetch(model, (outcome) => this.end(request, outcome === 'complete' ? 'fetched' : outcome))
        break
      case 'unservable':
        this.end(request, 'failed')
        break
    }
  }

  private decide({ node, model, excluded }: OpenRequest): RouteDecision {
    const self = {
      tier: node.resident.has(model.id) ? ('memory' as const) : null,
      queueMs: 0,
      diskBandwidthBytesPerS: 1_000_000_000,
      runnable: true,
    }
    const context = { tenant: 'public', deadlineMs: Number.POSITIVE_INFINITY }
    const request = { model, self, context, excluded, mayForward: true, originAllowed: true }
    const view = node.core.routeView(request, this.queue.nowMs)
    return route(view, (bound) => this.random.int(bound))
  }

  private forward(request: OpenRequest, to: NodeId): void {
    const { node, model } = request
    const holder = this.nodes.find((candidate) => candidate.id === to)!
    const retry = (): void => this.serve({ ...request, excluded: [...request.excluded, to] })
    const rttMs = this.network.rttMs(node.index, holder.index)
    this.at(rttMs / 2, () => {
      const reached = this.network.linked(node.index, holder.index)
      const accepted = reached && holder.resident.has(model.id)
      if (accepted) holder.noteRequest(model.id)
      this.at(reached ? rttMs / 2 : this.options.node.callTimeoutMs, () => {
        if (!reached) node.step({ kind: 'call-failed', node: to })
        if (accepted || !node.up) this.end(request, node.up ? 'forwarded' : 'failed')
        else retry()
      })
    })
  }

  private end({ node, model, startedMs }: OpenRequest, outcome: RequestRecord['outcome']): void {
    this.requestsOpen -= 1
    const elapsedMs = this.queue.nowMs - startedMs
    const couldServe =
      node.up && (this.origin.available || this.nodes.some((other) => this.canServe(node, other, model)))
    this.requests.push({ atMs: startedMs, node: node.id, model: model.id, elapsedMs, outcome, couldServe })
    this.log.add(this.queue.nowMs, `${node.id} request ${model.id.slice(0, 8)} ${outcome}`)
  }

  private canServe(node: SimNode, other: SimNode, model: SimModel): boolean {
    return other.resident.has(model.id) && (other === node || this.network.linked(node.index, other.index))
  }

  private connect(a: SimNode, b: SimNode): void {
    const rttMs = this.network.rttMs(a.index, b.index)
    this.at(rttMs, () => {
      if (!this.network.linked(a.index, b.index)) return
      for (const [here, there] of [
        [a, b],
        [b, a],
      ] as const) {
        here.step({ kind: 'peer-up', node: there.id })
        here.step({ kind: 'rtt-measured', node: there.id, rttMs })
      }
    })
  }

  private disconnect(a: SimNode, b: SimNode): void {
    this.at(this.options.detectMs, () => {
      if (this.network.linked(a.index, b.index)) return
      a.step({ kind: 'peer-down', node: b.id })
      b.step({ kind: 'peer-down', node: a.id })
    })
  }

  private eachPair(run: (a: SimNode, b: SimNode) => void): void {
    for (const [at, a] of this.nodes.entries()) for (const b of this.nodes.slice(at + 1)) run(a, b)
  }
}

interface OpenRequest {
  readonly node: SimNode
  readonly model: SimModel
  readonly startedMs: number
  readonly excluded: readonly NodeId[]
}
