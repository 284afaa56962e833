/**
 * Delivers gossip. A message is not an event per node but one that moves on: at each time it is handed to all nodes that it has
 * reached since, in steps of a quantum. The ways of a message over a mesh that is whole are kept by publisher until a node goes
 * down or comes back.
 *
 * It also counts what nodes receive: the copies that the mesh makes, the framing of each, and the lists of ids that nodes tell each
 * other once per heartbeat.
 */
import type { Prng } from '../../common/index.ts'
import type { EventQueue } from '../world/event-queue.ts'
import { DelayCounts } from './delay-counts.ts'
import { type GossipTree, gossipTree, type Hop, type MeshGraph } from './gossip-tree.ts'

export interface SimGossipOptions {
  /** Judging a message before it is passed on: decoding and a signature. */
  readonly judgeMs: number
  /** Nodes reached within this time are told at the end of it. */
  readonly quantumMs: number
  /** Ways kept, in nodes of all of them together: 30 bytes each. */
  readonly treeNodesMax: number
  readonly wire: GossipWire
}

/** What a message of gossipsub costs besides its data. */
export interface GossipWire {
  /** Around each message: topic and protobuf 35, yamux 12, Noise 18, TCP and IP 52. */
  readonly frameBytes: number
  /** From this size on nodes say that they have a message, and it is sent less often. */
  readonly largeBytes: number
  /** That saying, with its frame. */
  readonly idontwantBytes: number
  /** Peers that are told the ids of what was seen, heartbeats for which each id is told, and bytes of an id. */
  readonly lazyPeers: number
  readonly lazyBeats: number
  readonly idBytes: number
  readonly heartbeatMs: number
}

export const defaultSimGossipOptions: SimGossipOptions = {
  judgeMs: 3,
  quantumMs: 1,
  treeNodesMax: 2_000_000,
  wire: {
    frameBytes: 117,
    largeBytes: 1_024,
    idontwantBytes: 120,
    lazyPeers: 2,
    lazyBeats: 2,
    idBytes: 18,
    heartbeatMs: 1_000,
  },
}

export interface SimGossipPorts {
  /** Whom a node sends its own messages to, and whom it passes those of others on to. It may change at any time; then call `changed`. */
  readonly graph: MeshGraph
  readonly queue: EventQueue
  readonly random: Prng
  readonly oneWayMs: (from: number, to: number) => number
  readonly linked: (from: number, to: number) => boolean
}

export type Deliver = (to: number, via: number) => void

export interface GossipMessage {
  readonly topic: string
  /** 0: not counted. */
  readonly bytes: number
  /** When that which it tells became so: how long until others know is measured from then. */
  readonly sinceMs?: number
}

/** Messages jitter by up to this much of their time, so that they overtake each other. */
const jitterPercent = 20

interface Flight {
  at: number
  readonly startMs: number
  readonly stretch: number
  readonly sinceMs: number | null
}

export class SimGossip {
  /** By node, since the start: all copies of all messages, and what comes with them. */
  readonly receivedBytes: Float64Array
  /** From what a message tells to a node that hears it. */
  readonly knownAfter = new DelayCounts()
  messageCount = 0
  private readonly ports: SimGossipPorts
  private readonly options: SimGossipOptions
  private readonly trees = new Map<number, GossipTree>()
  private treeNodes = 0
  private readonly beats = new Map<string, number>()

  constructor(ports: SimGossipPorts, options: SimGossipOptions) {
    this.ports = ports
    this.options = options
    this.receivedBytes = new Float64Array(ports.graph.peers.length)
  }

  /** A node went down or came back, the network was cut, or connections changed: ways are other ways now. */
  changed(): void {
    this.trees.clear()
    this.treeNodes = 0
  }

  /** `deliver` is called once per node reached. */
  publish(from: number, message: GossipMessage, lossPercent: number, deliver: Deliver): void {
    const tree = lossPercent > 0 ? this.drawTree(from, lossPercent) : this.tree(from)
    this.messageCount += 1
    if (message.bytes > 0) this.count(tree, message.topic, message.bytes)
    const stretch = 1 + this.ports.random.int(jitterPercent * 10 + 1) / 1_000
    const { nowMs } = this.ports.queue
    this.move(tree, { at: 0, startMs: nowMs, stretch, sinceMs: message.sinceMs ?? null }, deliver)
  }

  /** One event per quantum in which somebody is reached. */
  private move(tree: GossipTree, flight: Flight, deliver: Deliver): void {
    const { queue, linked } = this.ports
    const { nodes, afterMs, via } = tree
    if (flight.at >= nodes.length) return
    const untilMs = afterMs[flight.at]! + this.options.quantumMs / flight.stretch
    let end = flight.at + 1
    while (end < nodes.length && afterMs[end]! <= untilMs) end += 1
    const dueMs = flight.startMs + afterMs[end - 1]! * flight.stretch
    queue.schedule(Math.max(0, dueMs - queue.nowMs), () => {
      for (let at = flight.at; at < end; at += 1) {
        // A link may have gone since.
        if (!linked(via[at]!, nodes[at]!)) continue
        if (flight.sinceMs !== null) this.knownAfter.add(queue.nowMs - flight.sinceMs)
        deliver(nodes[at]!, via[at]!)
      }
      flight.at = end
      this.move(tree, flight, deliver)
    })
  }

  private tree(from: number): GossipTree {
    const known = this.trees.get(from)
    if (known !== undefined) return known
    const { linked } = this.ports
    const tree = gossipTree(from, this.ports.graph, this.hop(linked))
    if (this.treeNodes + tree.nodes.length > this.options.treeNodesMax) this.changed()
    this.trees.set(from, tree)
    this.treeNodes += tree.nodes.length
    return tree
  }

  private drawTree(from: number, lossPercent: number): GossipTree {
    const { linked, random } = this.ports
    const hop = this.hop((a, b) => linked(a, b) && !random.chance(lossPercent, 100))
    return gossipTree(from, this.ports.graph, hop)
  }

  private hop(arrives: (from: number, to: number) => boolean): Hop {
    const { oneWayMs } = this.ports
    return { arrives, delayMs: (from, to) => oneWayMs(from, to) + this.options.judgeMs }
  }

  private count(tree: GossipTree, topic: string, bytes: number): void {
    const { frameBytes, largeBytes, idontwantBytes, lazyPeers, lazyBeats, idBytes, heartbeatMs } = this.options.wire
    const isLarge = bytes >= largeBytes
    const copies = isLarge ? tree.copiesOfLarge : tree.copies
    let eachBytes = lazyPeers * lazyBeats * idBytes
    // The frame of the lists of ids, once per heartbeat and topic in which there is anything to tell.
    const beat = Math.floor(this.ports.queue.nowMs / heartbeatMs)
    const last = this.beats.get(topic) ?? Number.NEGATIVE_INFINITY
    eachBytes += Math.min(lazyBeats, beat - last) * lazyPeers * frameBytes
    this.beats.set(topic, beat)
    const { mesh } = this.ports.graph
    for (let at = 0; at < tree.nodes.length; at += 1) {
      const node = tree.nodes[at]!
      const publishedBytes = isLarge ? mesh[node]!.length * idontwantBytes : 0
      this.receivedBytes[node]! += copies[at]! * (bytes + frameBytes) + publishedBytes + eachBytes
    }
  }
}
