/**
 * The virtual network: messages with latency and loss, gossip as a flood over a random graph, bulk transfers that queue at the
 * sender's uplink, and links that break when the network is partitioned or a node is down.
 *
 * Messages may be lost, overtaken and (by the flood) reach a node on several ways; bulk transfers run over reliable streams, so
 * they arrive or their link breaks.
 */
import type { Prng } from '../placement/prng.ts'
import type { NodeId } from '../placement/types.ts'
import type { EventQueue } from './event-queue.ts'

export interface NetworkOptions {
  /** Zones, nodes dealt out in turn. */
  readonly zoneCount: number
  /** One-way latency within a zone and between zones: the least, and the span drawn per pair. */
  readonly nearMs: readonly [number, number]
  readonly farMs: readonly [number, number]
  /** Share of gossip, digest and entry messages that get lost, in percent. */
  readonly lossPercent: number
  /** Neighbours to which a node passes gossip on. */
  readonly gossipDegree: number
  readonly uplinkBytesPerS: number
}

export const defaultNetworkOptions: NetworkOptions = {
  zoneCount: 4,
  nearMs: [1, 2],
  farMs: [15, 30],
  lossPercent: 0,
  gossipDegree: 6,
  uplinkBytesPerS: 125_000_000,
}

/** Where the nodes stand, when that is not drawn here. */
export interface Geography {
  zoneOf(node: number): string
  oneWayMs(from: number, to: number): number
}

/** Messages jitter by up to a fifth of their latency, so that they overtake each other. */
const jitterPercent = 20

export class Network {
  messageCount = 0
  /** May change during a run: faults do it. */
  lossPercent: number
  private readonly ids: readonly NodeId[]
  private readonly queue: EventQueue
  private readonly options: NetworkOptions
  private readonly random: Prng
  private readonly geography: Geography
  private readonly neighbours: readonly (readonly number[])[]
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
    this.neighbours = drawGraph(count, options.gossipDegree, draw)
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
  }

  /** Nodes of which the function is true can reach only each other; so can the others. */
  partition(isApart: (node: number) => boolean): void {
    this.sides = this.sides.map((_, node) => (isApart(node) ? 1 : 0))
  }

  heal(): void {
    this.sides = new Uint8Array(this.ids.length)
  }

  /** A message that may be lost. */
  send(from: number, to: number, deliver: () => void): void {
    this.messageCount += 1
    if (!this.linked(from, to) || this.random.chance(this.lossPercent, 100)) return
    this.queue.schedule(this.delayMs(from, to), () => {
      if (this.linked(from, to)) deliver()
    })
  }

  /** Floods: every node passes a message on when it sees it first. `deliver` is called once per node reached. */
  gossip(from: number, deliver: (to: number, via: number) => void): void {
    const seen = new Set<number>([from])
    const pass = (via: number): void => {
      for (const to of this.neighbours[via]!) {
        this.send(via, to, () => {
          if (seen.has(to)) return
          seen.add(to)
          deliver(to, via)
          pass(to)
        })
      }
    }
    pass(from)
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

/** A ring, so that everyone is reached, and random chords up to the degree. */
function drawGraph(count: number, degree: number, random: Prng): number[][] {
  const neighbours = Array.from({ length: count }, () => new Set<number>())
  const link = (a: number, b: number): void => {
    if (a === b) return
    neighbours[a]!.add(b)
    neighbours[b]!.add(a)
  }
  for (let node = 0; node < count; node += 1) {
    link(node, (node + 1) % count)
    for (let chord = 2; chord < degree; chord += 2) link(node, random.int(count))
  }
  return neighbours.map((set) => [...set].sort((a, b) => a - b))
}
