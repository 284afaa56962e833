/**
 * The virtual network: messages with latency and loss, gossip over the connections that nodes plan (gossip.ts), bulk transfers that queue at the
 * sender's uplink, and links that break when the network is partitioned or a node is down.
 *
 * Messages may be lost and overtaken, gossip comes on several ways; bulk transfers run over reliable streams, so
 * they arrive or their link breaks.
 */
import type { NodeId, Prng } from '../../common/index.ts'
import type { EventQueue } from '../world/event-queue.ts'
import { ConnectionGraph, type ConnectionGraphOptions, defaultConnectionGraphOptions } from './connection-graph.ts'
import {
  type Deliver,
  defaultSimGossipOptions,
  type GossipMessage,
  SimGossip,
  type SimGossipOptions,
} from './gossip.ts'
import { defaultGossipMeshOptions, GossipMesh, type GossipMeshOptions } from './gossip-mesh.ts'

export interface NetworkOptions {
  /** Zones, nodes dealt out in turn. */
  readonly zoneCount: number
  /** One-way latency within a zone and between zones: the least, and the span drawn per pair. */
  readonly nearMs: readonly [number, number]
  readonly farMs: readonly [number, number]
  /** Share of gossip, version summary and entry messages that get lost, in percent. */
  readonly lossPercent: number
  readonly connections: ConnectionGraphOptions
  readonly mesh: GossipMeshOptions
  readonly gossip: SimGossipOptions
  readonly uplinkBytesPerS: number
  /** Around a call between nodes: opening its stream, the names of protocol and method, the answer, headers. */
  readonly callFrameBytes: number
}

export const defaultNetworkOptions: NetworkOptions = {
  zoneCount: 4,
  nearMs: [1, 2],
  farMs: [15, 30],
  lossPercent: 0,
  connections: defaultConnectionGraphOptions,
  mesh: defaultGossipMeshOptions,
  gossip: defaultSimGossipOptions,
  uplinkBytesPerS: 125_000_000,
  callFrameBytes: 500,
}

/** Where the nodes stand, when that is not drawn here. */
export interface Geography {
  zoneOf(node: number): string
  oneWayMs(from: number, to: number): number
}

const uncounted = { topic: '', bytes: 0 }

/** Messages jitter by up to a fifth of their latency, so that they overtake each other. */
const jitterPercent = 20

export class Network {
  readonly connections: ConnectionGraph
  readonly gossipMesh: SimGossip
  /** By node: version summaries and entries that were sent to it by calls. */
  readonly callBytes: Float64Array
  /** May change during a run: faults do it. */
  lossPercent: number
  private readonly ids: readonly NodeId[]
  private readonly queue: EventQueue
  private readonly options: NetworkOptions
  private readonly random: Prng
  private readonly geography: Geography
  private readonly mesh: GossipMesh
  private readonly uplinkFreeAtMs: Float64Array
  private readonly down = new Set<number>()
  /** Node index to its side of the partition; all on one side when whole. */
  private sides: Uint8Array

  constructor(
    ports: { ids: readonly NodeId[]; queue: EventQueue; random: Prng; geography?: Geography },
    options: NetworkOptions,
  ) {
    this.ids = ports.ids
    this.queue = ports.queue
    this.random = ports.random
    this.options = options
    const count = ports.ids.length
    this.lossPercent = options.lossPercent
    this.uplinkFreeAtMs = new Float64Array(count)
    this.sides = new Uint8Array(count)
    const draw = ports.random.child('topology')
    this.geography = ports.geography ?? drawGeography(count, draw, options)
    this.callBytes = new Float64Array(count)
    const oneWayMs = (from: number, to: number) => this.geography.oneWayMs(from, to)
    const linked = (from: number, to: number) => this.linked(from, to)
    const { queue, ids } = ports
    this.connections = new ConnectionGraph({ ids, zoneOf: (node) => this.zoneOf(node) }, options.connections)
    const { peers } = this.connections
    this.mesh = new GossipMesh({ peers, randomInt: draw.child('mesh').int }, options.mesh)
    const graph = { peers, mesh: this.mesh.neighbours }
    this.gossipMesh = new SimGossip({ graph, queue, random: draw, oneWayMs, linked }, options.gossip)
  }

  zoneOf(node: number): string {
    return this.geography.zoneOf(node)
  }

  rttMs(a: number, b: number): number {
    return 2 * this.geography.oneWayMs(a, b)
  }

  linked(a: number, b: number): boolean {
    return !this.down.has(a) && !this.down.has(b) && this.sides[a] === this.sides[b]
  }

  setDown(node: number, down: boolean): void {
    if (down) this.down.add(node)
    else this.down.delete(node)
    this.gossipMesh.changed()
  }

  /** Nodes of which the function is true can reach only each other; so can the others. */
  partition(isApart: (node: number) => boolean): void {
    this.sides = this.sides.map((_, node) => (isApart(node) ? 1 : 0))
    this.gossipMesh.changed()
  }

  heal(): void {
    this.sides = new Uint8Array(this.ids.length)
    this.gossipMesh.changed()
  }

  /** Nodes that this one is connected with: all of a small cluster, some of a large one. */
  peersOf(node: number): readonly number[] {
    return this.connections.peers[node]!
  }

  /** Connections of these nodes came or went: the mesh follows at the next heartbeat, which is taken to be now. */
  connectionsChanged(nodes: Iterable<number>): void {
    this.mesh.beat(nodes)
    this.gossipMesh.changed()
  }

  get isCut(): boolean {
    return this.sides.some((side) => side !== this.sides[0])
  }

  sideOf(node: number): number {
    return this.sides[node]!
  }

  /** A message that may be lost, of `bytes` where they are to be counted. */
  send(from: number, to: number, deliver: () => void, bytes = 0): void {
    if (!this.linked(from, to) || this.random.chance(this.lossPercent, 100)) return
    if (bytes > 0) this.callBytes[to]! += bytes + this.options.callFrameBytes
    this.queue.schedule(this.delayMs(from, to), () => {
      if (this.linked(from, to)) deliver()
    })
  }

  /** A message of a call: over a stream that exists, so that it is neither lost nor overtaken while both ends are linked. */
  tell(from: number, to: number, deliver: () => void, bytes: number): void {
    if (!this.linked(from, to)) return
    this.callBytes[to]! += bytes + this.options.callFrameBytes
    this.queue.schedule(this.geography.oneWayMs(from, to), () => {
      if (this.linked(from, to)) deliver()
    })
  }

  /** `deliver` is called once per node that the message reaches. Its bytes are counted where they are given. */
  gossip(from: number, deliver: Deliver, message: GossipMessage = uncounted): void {
    this.gossipMesh.publish(from, message, this.lossPercent, deliver)
  }

  /** What a node has received since the start: gossip with all its copies, version summaries and entries. */
  receivedBytes(node: number): number {
    return this.gossipMesh.receivedBytes[node]! + this.callBytes[node]!
  }

  /** A request and a reliable answer of `sizeBytes`: first come, first served at the sender's uplink. False when the link breaks. */
  transfer(from: number, to: number, sizeBytes: number, end: (arrived: boolean) => void): void {
    const freeAtMs = Math.max(this.queue.nowMs, this.uplinkFreeAtMs[from]!)
    const sentAtMs = freeAtMs + (sizeBytes * 1_000) / this.options.uplinkBytesPerS
    this.uplinkFreeAtMs[from] = sentAtMs
    this.queue.schedule(sentAtMs - this.queue.nowMs + this.delayMs(from, to), () => end(this.linked(from, to)))
  }

  private delayMs(from: number, to: number): number {
    const latencyMs = this.geography.oneWayMs(from, to)
    return latencyMs * (1 + this.random.int(jitterPercent * 10 + 1) / 1_000)
  }
}

function drawGeography(count: number, draw: Prng, options: NetworkOptions): Geography {
  const zoneOf = (node: number) => `zone-${node % options.zoneCount}`
  const latencyMs = new Float64Array(count * count)
  for (let a = 0; a < count; a += 1) {
    for (let b = a + 1; b < count; b += 1) {
      const [leastMs, spanMs] = zoneOf(a) === zoneOf(b) ? options.nearMs : options.farMs
      const oneWayMs = leastMs + (draw.int(1_000) / 1_000) * spanMs
      latencyMs[a * count + b] = oneWayMs
      latencyMs[b * count + a] = oneWayMs
    }
  }
  return { zoneOf, oneWayMs: (from, to) => latencyMs[from * count + to]! }
}
