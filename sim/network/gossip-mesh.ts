/**
 * The mesh that gossipsub keeps over the connections, as node/net/gossip.ts sets it up: a node with fewer than `degreeMin` neighbours
 * asks others until it has `degree`, one that is asked refuses at `degreeMax` unless it opened the connection itself, and one
 * with more than that lets some go. So most have four to six. gossipsub has one mesh per topic; they are alike, and here they are one.
 */
import type { RandomInt } from '../../common/index.ts'

export interface GossipMeshOptions {
  /** D, Dlo, Dhi, Dscore and Dout of node/net/gossip.ts. */
  readonly degree: number
  readonly degreeMin: number
  readonly degreeMax: number
  readonly degreeKept: number
  readonly degreeOutbound: number
}

export const defaultGossipMeshOptions: GossipMeshOptions = {
  degree: 4,
  degreeMin: 3,
  degreeMax: 6,
  degreeKept: 2,
  degreeOutbound: 2,
}

/** Heartbeats until all have what they want, or there is nobody left to ask. */
const beatsMax = 20

export class GossipMesh {
  /** By node. If a is one of b, b is one of a. */
  readonly neighbours: readonly number[][]
  private readonly peers: readonly (readonly number[])[]
  private readonly randomInt: RandomInt
  private readonly options: GossipMeshOptions
  private readonly isIn: Uint8Array

  /** Nodes come one after another, in a random order, as a cluster grows. */
  constructor(
    ports: { readonly peers: readonly (readonly number[])[]; readonly randomInt: RandomInt },
    options: GossipMeshOptions = defaultGossipMeshOptions,
  ) {
    this.peers = ports.peers
    this.randomInt = ports.randomInt
    this.options = options
    this.neighbours = this.peers.map(() => [])
    this.isIn = new Uint8Array(this.peers.length)
    for (const node of this.shuffled([...this.peers.keys()])) {
      this.isIn[node] = 1
      this.beat([node])
    }
    this.beat(this.peers.keys())
  }

  /** The heartbeats after connections of these nodes came or went. */
  beat(nodes: Iterable<number>): void {
    const refused = new Set<string>()
    let due = [...nodes]
    for (let beat = 0; beat < beatsMax && due.length > 0; beat += 1) {
      const next = new Set<number>()
      for (const node of due) {
        this.dropLost(node, next)
        if (this.neighbours[node]!.length < this.options.degreeMin) this.ask(node, refused, next)
        if (this.neighbours[node]!.length > this.options.degreeMax) this.letGo(node, refused, next)
      }
      due = [...next]
    }
  }

  private dropLost(node: number, next: Set<number>): void {
    for (const other of [...this.neighbours[node]!]) {
      if (this.peers[node]!.includes(other)) continue
      this.part(node, other)
      next.add(other)
    }
  }

  private ask(node: number, refused: Set<string>, next: Set<number>): void {
    const { degree, degreeMax } = this.options
    const own = this.neighbours[node]!
    const candidates = this.peers[node]!.filter(
      (other) => this.isIn[other] === 1 && !own.includes(other) && !refused.has(pairOf(node, other)),
    )
    for (const other of this.shuffled(candidates).slice(0, degree - own.length)) {
      if (this.neighbours[other]!.length >= degreeMax && openerOf(node, other) !== other) {
        refused.add(pairOf(node, other))
        next.add(node)
        continue
      }
      own.push(other)
      this.neighbours[other]!.push(node)
      next.add(other)
    }
  }

  /** The first ones stay, as no score tells them apart; of the others some by chance, with enough connections that the node opened. */
  private letGo(node: number, refused: Set<string>, next: Set<number>): void {
    const { degree, degreeKept, degreeOutbound } = this.options
    const own = this.neighbours[node]!
    const isOwn = (other: number) => openerOf(node, other) === node
    const order = [...own.slice(0, degreeKept), ...this.shuffled(own.slice(degreeKept))]
    const lacking = degreeOutbound - order.slice(0, degree).filter(isOwn).length
    const brought = order.slice(degree).filter(isOwn).slice(0, Math.max(0, lacking))
    const staying = [...brought, ...order.filter((other) => !brought.includes(other))].slice(0, degree)
    for (const other of order) {
      if (staying.includes(other)) continue
      this.part(node, other)
      // gossipsub asks nobody again within a minute.
      refused.add(pairOf(node, other))
      next.add(other)
    }
  }

  private part(a: number, b: number): void {
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const) {
      const at = this.neighbours[one]!.indexOf(other)
      if (at >= 0) this.neighbours[one]!.splice(at, 1)
    }
  }

  private shuffled(nodes: number[]): number[] {
    for (let at = nodes.length - 1; at > 0; at -= 1) {
      const other = this.randomInt(at + 1)
      ;[nodes[at], nodes[other]] = [nodes[other]!, nodes[at]!]
    }
    return nodes
  }
}

/** Of two nodes that both want the connection either may have been the first to dial. */
function openerOf(a: number, b: number): number {
  return (a + b) % 2 === 0 ? Math.min(a, b) : Math.max(a, b)
}

function pairOf(a: number, b: number): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`
}
