/**
 * A cluster of real NodeCores and real decisions on a virtual clock and network: built from a scenario, driven by requests and
 * events. Everything is drawn from one seed; one scenario and one seed are one run.
 */

import { createPrng, type Prng } from '../common/index.ts'
import { type AskedByUser, defaultNodeCoreOptions, type LoadTimes, type NodeCoreOptions } from '../core/index.ts'
import { couldServe } from './check/could-serve.ts'
import type { Overload } from './check/overload.ts'
import { Metrics } from './metrics/metrics.ts'
import { OfferedBytes } from './metrics/offered-bytes.ts'
import { PeerGraph } from './network/connections.ts'
import { Forming } from './network/forming.ts'
import { KeptConnections } from './network/kept-connections.ts'
import { defaultNetworkOptions, Network } from './network/network.ts'
import { createTopology, type Topology } from './network/topology.ts'
import { Transport } from './network/transport.ts'
import type { Holder } from './node/forwarding.ts'
import type { World } from './node/node-world.ts'
import { askedOf, timesOf } from './node/requests-world.ts'
import { SimNode } from './node/sim-node.ts'
import type { Scenario } from './scenario/scenario.ts'
import { SharedLedgers } from './shared-ledger/index.ts'
import type { EventLog } from './world/event-log.ts'
import { EventQueue } from './world/event-queue.ts'
import type { ScenarioInputs } from './world/inputs.ts'
import { createModels, drawModel, type SimModel } from './world/models.ts'
import { preload } from './world/preload.ts'
import { createRequests, type PushedModel, type RequestTable } from './world/requests.ts'
import { Revisions } from './world/revisions.ts'
import { SimOrigin } from './world/sim-origin.ts'

export interface ClusterOptions {
  readonly inputs?: ScenarioInputs
  readonly core?: Partial<NodeCoreOptions>
  /** For tests and failure reports. */
  readonly log?: EventLog
}

export class Cluster implements World {
  readonly scenario: Scenario
  readonly core: NodeCoreOptions
  readonly queue = new EventQueue()
  readonly topology: Topology
  readonly network: Network
  readonly transport: Transport
  readonly origin: SimOrigin
  readonly models: SimModel[]
  readonly byId: Map<string, SimModel>
  readonly asked: readonly AskedByUser[]
  readonly times: LoadTimes
  readonly revisions: Revisions
  readonly ids: readonly string[]
  readonly nodes: SimNode[] = []
  readonly ledgers = new SharedLedgers()
  readonly interner = this.ledgers.ids
  readonly metrics: Metrics
  readonly offered: OfferedBytes
  /** Found when the run is over. */
  readonly overloads: Overload[] = []
  /** How to end the faults that last to the end of the run. */
  readonly lastingFaults: (() => void)[] = []
  readonly log: EventLog | null
  readonly forming: Forming
  readonly connections: KeptConnections
  readonly control = { delayMs: 0, isQuiet: false }
  readonly requests: RequestTable
  readonly peers: PeerGraph
  readonly random: Prng
  /** Models that appear during the run; their pushes are events. */
  readonly pushed: readonly PushedModel[]
  /** What the cluster is to keep. */
  readonly pins: { readonly model: SimModel; readonly replicas: number }[] = []
  private nextRequest = 0

  constructor(scenario: Scenario, { inputs = {}, core = {}, log }: ClusterOptions = {}) {
    this.scenario = scenario
    this.core = { ...nodeCore(scenario), ...instantCore(scenario), ...core }
    this.log = log ?? null
    this.random = createPrng(scenario.seed)
    const { queue, random, nodes } = this
    this.forming = new Forming({ queue, nodes, ledgers: this.ledgers, log: this.log }, scenario.gossip.formed)
    this.connections = new KeptConnections(scenario.network)
    this.topology = createTopology(scenario, inputs, random.child('topology'))
    const { topology } = this
    this.ids = topology.ids
    for (const id of this.ids) this.interner.index(id)
    this.network = new Network(
      { ids: this.ids, queue, random: random.child('network'), geography: topology },
      { ...defaultNetworkOptions, lossPercent: scenario.gossip.lossPercent },
    )
    const modelRandom = random.child('models')
    this.models = createModels(scenario.models, inputs.trace?.models ?? inputs.models ?? null, modelRandom)
    this.pushed = drawPushed(scenario, this.models.length, modelRandom.child('pushed'))
    for (const { model } of this.pushed) this.models.push(model)
    const catalog = [...this.models]
    this.revisions = new Revisions(scenario, catalog, catalog.length, modelRandom.child('moved'))
    this.models.push(...this.revisions.models)
    this.byId = new Map(this.models.map((model) => [model.id, model]))
    this.asked = this.models.map((model) => askedOf(model, scenario.requests.deadlineMs))
    this.times = timesOf(this.byId)
    this.metrics = createMetrics(scenario, topology, this.models.length)
    this.offered = new OfferedBytes(nodes, this.ids.length)
    const { bytesPerS: originBytesPerS, perNodeBytesPerS: originPerNodeBytesPerS } = scenario.origin
    this.transport = new Transport({
      queue,
      topology,
      network: this.network,
      isOriginReachable: (node) => this.origin.reachable(node),
      originBytesPerS,
      originPerNodeBytesPerS,
      initialWindowBytes: scenario.network.initialWindowBytes,
    })
    const { transport, metrics } = this
    this.origin = new SimOrigin({ queue, topology, transport, metrics }, scenario.origin)
    this.control.delayMs = scenario.gossip.extraDelayMs
    for (const [index, id] of this.ids.entries()) this.nodes.push(new SimNode(this, index, random.child(id)))
    this.peers = new PeerGraph(this)
    this.requests = createRequests({
      scenario,
      inputs,
      topology,
      models: catalog,
      pushed: this.pushed,
      random: random.child('load'),
    })
  }

  /** @param isAway nodes that join later. */
  start(isAway: (node: SimNode) => boolean = () => false): void {
    preload(this, isAway)
    for (const node of this.nodes) {
      if (isAway(node)) this.network.setDown(node.index, true)
      else node.start()
    }
    this.peers.connectAll()
  }

  /** Requests and everything else, up to this time. */
  runUntil(endMs: number): void {
    const { timesMs, models, nodes } = this.requests
    for (; this.nextRequest < timesMs.length && timesMs[this.nextRequest]! <= endMs; this.nextRequest += 1) {
      const atMs = timesMs[this.nextRequest]!
      this.queue.runUntil(atMs)
      this.request(this.nodes[nodes[this.nextRequest]!]!, this.models[models[this.nextRequest]!]!)
    }
    this.queue.runUntil(endMs)
  }

  /** Requests so far. */
  get arrivedCount(): number {
    return this.nextRequest
  }

  run(durationMs: number): void {
    this.runUntil(this.queue.nowMs + durationMs)
  }

  /** A request that means a node which does not serve comes to the next one, as balancers do it: of its zone, if there is one. */
  request(node: SimNode, model: SimModel): void {
    const { nowMs } = this.queue
    const entry = this.entryFor(node)
    if (entry === null) this.metrics.failed(nowMs, 'node-down', false)
    else entry.requests.arrive(entry.directory === null ? this.revisions.current(model) : model, nowMs)
  }

  holderAt(node: number): Holder | null {
    const holder = this.nodes[node]!
    return holder.up ? holder.requests : null
  }

  couldServe(node: number, model: SimModel): boolean {
    return couldServe(this, this.nodes[node]!, model)
  }

  stop(node: number): void {
    this.crash(this.nodes[node]!)
  }

  crash(node: SimNode): void {
    if (!node.up) return
    node.note('crashes')
    node.crash()
    this.network.setDown(node.index, true)
    this.transport.cutBroken()
    this.peers.lost(node)
  }

  restart(node: SimNode): void {
    if (node.up) return
    this.network.setDown(node.index, false)
    node.note('starts')
    node.restart()
    this.peers.back(node)
  }

  /** As an operator does it, at any node. */
  pin(model: SimModel, replicas: number): void {
    const node = this.nodes.find(({ up }) => up)
    if (node === undefined) return
    this.pins.push({ model, replicas })
    const { nowMs } = this.queue
    const tier = node.disk === null ? 'memory' : 'disk'
    const record = { name: model.id, replicaCount: replicas, tier, changedMs: nowMs, by: node.id } as const
    node.step({ kind: 'pins', records: [record], wallMs: nowMs })
  }

  partition(isApart: (node: number) => boolean): void {
    this.network.partition(isApart)
    this.linksChanged()
    this.transport.cutBroken()
    this.peers.parted(isApart)
  }

  heal(): void {
    this.peers.healed(() => this.network.heal())
    this.linksChanged()
  }

  /** Nothing more will be wrong from outside: faults end, nodes that crashed come back. */
  calm(): void {
    for (const end of this.lastingFaults.splice(0)) end()
    while (!this.origin.isAvailable) this.origin.recover()
    this.origin.cutOff.clear()
    this.network.lossPercent = 0
    this.control.delayMs = 0
    this.heal()
    for (const node of this.nodes) {
      node.chunks.byzantine = false
      node.diskSlowness = 1
      this.transport.slow(node.index, 1)
    }
  }

  private linksChanged(): void {
    for (const node of this.nodes) node.steadySinceMs = this.queue.nowMs
  }

  private entryFor(node: SimNode): SimNode | null {
    if (node.up && !node.draining) return node
    const { nodes, topology } = this
    const zone = topology.zoneOf(node.index)
    let other: SimNode | null = null
    for (let step = 1; step < nodes.length; step += 1) {
      const candidate = nodes[(node.index + step) % nodes.length]!
      if (!candidate.up || candidate.draining) continue
      if (topology.zoneOf(candidate.index) === zone) return candidate
      other ??= candidate
    }
    return other
  }
}

function nodeCore({ network }: Scenario): NodeCoreOptions {
  const site = { ...defaultNodeCoreOptions.site, siteInBytesPerS: network.siteInBytesPerS ?? 0 }
  return { ...defaultNodeCoreOptions, sharesPartialModels: true, site }
}

/** Nothing waits to be said: entries come in the instant in which they are true. */
function instantCore({ gossip }: Scenario): Partial<NodeCoreOptions> {
  if (!gossip.instant) return {}
  const none = { state: 0, residency: 0, demand: 0, suspicion: 0 }
  const publisher = { ...defaultNodeCoreOptions.publisher, intervalMs: none, urgentIntervalMs: 0, coalesceMs: none }
  return { publisher }
}

function drawPushed(scenario: Scenario, count: number, random: Prng): PushedModel[] {
  return scenario.events
    .filter((event) => event.kind === 'push')
    .map(({ atS, sizeBytes, ratePerS }, at) => {
      const model = drawModel(scenario.models, count + at, sizeBytes, random.child(String(at)))
      return { model, atMs: atS * 1_000, ratePerS }
    })
}

function createMetrics(scenario: Scenario, topology: Topology, modelCount: number): Metrics {
  const zones = zonesOf(topology)
  const durationMs = scenario.durationS * 1_000
  return new Metrics({
    nodeCount: topology.ids.length,
    modelCount,
    zoneOf: topology.ids.map((_, node) => zones.indexOf(topology.zoneOf(node))),
    zoneCount: zones.length,
    durationMs,
    warmupMs: scenario.warmupS * 1_000,
    bucketMs: scenario.bucketS === null ? durationMs / 100 : scenario.bucketS * 1_000,
  })
}

/** In the order of their first node. */
export function zonesOf(topology: Topology): string[] {
  return [...new Set(topology.ids.map((_, node) => topology.zoneOf(node)))]
}
