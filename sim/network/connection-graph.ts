/** The connections of all nodes of a cluster, each by the plan that the daemon follows. */
import type { NodeId, Zone } from '../../common/index.ts'
import {
  type ConnectionPlanOptions,
  ConnectionRings,
  type ConnectionRingsOptions,
  defaultConnectionPlanOptions,
  defaultConnectionRingsOptions,
  planConnections,
  type Unusable,
} from '../../core/index.ts'

export interface ConnectionGraphOptions {
  readonly rings: ConnectionRingsOptions
  readonly plan: ConnectionPlanOptions
}

export const defaultConnectionGraphOptions: ConnectionGraphOptions = {
  rings: defaultConnectionRingsOptions,
  plan: defaultConnectionPlanOptions,
}

export interface PlannedLinks {
  readonly connect: readonly number[]
  readonly disconnect: readonly number[]
}

const allUsable: ReadonlyMap<NodeId, Unusable> = new Map()

export class ConnectionGraph {
  /** By node. If a is one of b, b is one of a. */
  readonly peers: readonly number[][]
  private readonly ids: readonly NodeId[]
  private readonly indices: ReadonlyMap<NodeId, number>
  private readonly zoneOf: (node: number) => Zone
  private readonly options: ConnectionGraphOptions
  /** All nodes believe in the same members here: who was found to be down is none. */
  private readonly rings: ConnectionRings

  /** All are members, and connected. */
  constructor(
    ports: { readonly ids: readonly NodeId[]; readonly zoneOf: (node: number) => Zone },
    options: ConnectionGraphOptions = defaultConnectionGraphOptions,
  ) {
    this.ids = ports.ids
    this.zoneOf = ports.zoneOf
    this.options = options
    this.indices = new Map(this.ids.map((id, node) => [id, node]))
    this.peers = this.ids.map(() => [])
    this.rings = new ConnectionRings(
      this.ids.map((id, node) => ({ node: id, zone: this.zoneOf(node) })),
      options.rings,
    )
    for (const node of this.peers.keys()) for (const other of this.plan(node).connect) this.connect(node, other)
  }

  join(node: number): void {
    this.rings.put([{ node: this.ids[node]!, zone: this.zoneOf(node) }])
  }

  /** @returns the nodes whose plan is another one now: all that were beside it or connected with it. */
  leave(node: number): number[] {
    const beside = this.rings.neighbours(this.ids[node]!, () => true)
    this.rings.remove(this.ids[node]!)
    const concerned = new Set([...this.peers[node]!, ...[...beside.keys()].map((id) => this.indices.get(id)!)])
    for (const peer of [...this.peers[node]!]) this.disconnect(node, peer)
    return [...concerned]
  }

  /** What the node would do now. Calls need no connection here, so every connection is idle. */
  plan(node: number, unusable: ReadonlyMap<NodeId, Unusable> = allUsable): PlannedLinks {
    const connected = new Map(this.peers[node]!.map((peer) => [this.ids[peer]!, Number.POSITIVE_INFINITY]))
    const view = { self: this.ids[node]!, rings: this.rings, connected, unusable }
    const { connect, disconnect } = planConnections(view, this.options.plan)
    const indexOf = (id: NodeId) => this.indices.get(id)!
    return { connect: connect.map(indexOf), disconnect: disconnect.map(indexOf) }
  }

  areConnected(a: number, b: number): boolean {
    return this.peers[a]!.includes(b)
  }

  /** False when they are already. */
  connect(a: number, b: number): boolean {
    if (this.areConnected(a, b)) return false
    this.peers[a]!.push(b)
    this.peers[b]!.push(a)
    return true
  }

  disconnect(a: number, b: number): void {
    cut(this.peers[a]!, b)
    cut(this.peers[b]!, a)
  }
}

function cut(list: number[], item: number): void {
  const at = list.indexOf(item)
  if (at >= 0) list.splice(at, 1)
}
