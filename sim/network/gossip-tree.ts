/**
 * When a message that one node publishes reaches each other node, and by whom: shortest paths over the mesh. The publisher sends to
 * all that it is connected with, everyone else passes on to the neighbours in the mesh, as node/net/gossip.ts sets gossipsub up.
 *
 * A node hears a message from all neighbours that did not get it from this node itself. Of large messages less: a node that has one
 * tells the neighbours at once, and who is told before passing it on does not (IDONTWANT).
 */
export interface MeshGraph {
  /** Neighbours in the mesh; if a is one of b, b is one of a. */
  readonly mesh: readonly (readonly number[])[]
  /** Everyone that the node is connected with. */
  readonly peers: readonly (readonly number[])[]
}

export interface Hop {
  /** One way, with what the receiver needs to judge the message. */
  delayMs(from: number, to: number): number
  /** Whether this hop of this message arrives. Asked once per hop. */
  arrives(from: number, to: number): boolean
}

export interface GossipTree {
  /** The nodes reached, in order of arrival; the columns beside them are in the same order. */
  readonly nodes: Uint32Array
  readonly afterMs: Float64Array
  readonly via: Uint32Array
  readonly copies: Uint16Array
  readonly copiesOfLarge: Uint16Array
}

export function gossipTree(from: number, graph: MeshGraph, hop: Hop): GossipTree {
  const count = graph.mesh.length
  const reachedMs = new Float64Array(count).fill(Number.POSITIVE_INFINITY)
  const via = new Uint32Array(count)
  const settled = new Uint8Array(count)
  const queue = new NearestQueue()
  const order: number[] = []
  reachedMs[from] = 0
  queue.push(0, from)
  for (let node = queue.pop(); node >= 0; node = queue.pop()) {
    if (settled[node] === 1) continue
    settled[node] = 1
    if (node !== from) order.push(node)
    for (const to of node === from ? graph.peers[node]! : graph.mesh[node]!) {
      if (settled[to] === 1 || !hop.arrives(node, to)) continue
      const atMs = reachedMs[node]! + hop.delayMs(node, to)
      if (atMs >= reachedMs[to]!) continue
      reachedMs[to] = atMs
      via[to] = node
      queue.push(atMs, to)
    }
  }
  const copies = countCopies(from, order, graph, { reachedMs, via }, hop)
  return {
    nodes: Uint32Array.from(order),
    afterMs: Float64Array.from(order, (node) => reachedMs[node]!),
    via: Uint32Array.from(order, (node) => via[node]!),
    ...copies,
  }
}

function countCopies(
  from: number,
  order: readonly number[],
  graph: MeshGraph,
  { reachedMs, via }: { readonly reachedMs: Float64Array; readonly via: Uint32Array },
  hop: Hop,
): { copies: Uint16Array; copiesOfLarge: Uint16Array } {
  const direct = new Set(graph.peers[from])
  const [copies, copiesOfLarge] = [new Uint16Array(order.length), new Uint16Array(order.length)]
  for (const [at, node] of order.entries()) {
    // Whatever a lost hop would have brought is counted: it was sent.
    let [all, ofLarge] = direct.has(node) ? [1, 1] : [0, 0]
    for (const neighbour of graph.mesh[node]!) {
      if (neighbour === from || reachedMs[neighbour] === Number.POSITIVE_INFINITY || via[neighbour] === node) continue
      all += 1
      const toldMs = reachedMs[node]! + hop.delayMs(node, neighbour)
      if (via[node] === neighbour || toldMs > reachedMs[neighbour]!) ofLarge += 1
    }
    copies[at] = all
    copiesOfLarge[at] = ofLarge
  }
  return { copies, copiesOfLarge }
}

/** Nodes by the time at which they may be reached; ties by node. -1 when empty. */
class NearestQueue {
  private readonly times: number[] = []
  private readonly nodes: number[] = []

  push(atMs: number, node: number): void {
    const { times, nodes } = this
    let at = times.length
    times.push(atMs)
    nodes.push(node)
    while (at > 0) {
      const parent = (at - 1) >>> 1
      if (times[parent]! < atMs || (times[parent] === atMs && nodes[parent]! <= node)) break
      times[at] = times[parent]!
      nodes[at] = nodes[parent]!
      at = parent
    }
    times[at] = atMs
    nodes[at] = node
  }

  pop(): number {
    const { times, nodes } = this
    const first = nodes[0]
    if (first === undefined) return -1
    const [lastMs, last] = [times.pop()!, nodes.pop()!]
    const count = times.length
    if (count === 0) return first
    let at = 0
    for (let child = 1; child < count; child = 2 * at + 1) {
      if (child + 1 < count && this.isBefore(child + 1, times[child]!, nodes[child]!)) child += 1
      if (!this.isBefore(child, lastMs, last)) break
      times[at] = times[child]!
      nodes[at] = nodes[child]!
      at = child
    }
    times[at] = lastMs
    nodes[at] = last
    return first
  }

  private isBefore(at: number, atMs: number, node: number): boolean {
    return this.times[at]! < atMs || (this.times[at] === atMs && this.nodes[at]! < node)
  }
}
