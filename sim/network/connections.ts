/**
 * When nodes hear that a connection comes or breaks, and open others in its place: what the connection manager does in a daemon. Both
 * ends hear at the same time, after what it takes to notice.
 */
import type { NodeId } from '../../common/index.ts'
import type { Event, Timeless, Unusable } from '../../core/index.ts'
import type { Scenario } from '../scenario/scenario.ts'
import type { EventQueue } from '../world/event-queue.ts'
import type { Network } from './network.ts'
import type { Topology } from './topology.ts'

/** An end of a connection. */
interface ConnectedNode {
  readonly index: number
  readonly id: NodeId
  readonly up: boolean
  /** Rises with each of its lives. */
  readonly epoch: number
  step(event: Timeless<Event>): void
}

interface ConnectionsWorld {
  readonly scenario: Scenario
  readonly queue: EventQueue
  readonly topology: Topology
  readonly network: Network
  readonly nodes: readonly ConnectedNode[]
}

/** Until a daemon looks at its connections the next time: half of its period. */
const lookMs = 500

export class PeerGraph {
  private readonly world: ConnectionsWorld

  constructor(world: ConnectionsWorld) {
    this.world = world
  }

  /** Those that are not up yet join later. */
  connectAll(): void {
    const { nodes, network } = this.world
    const beside = new Set<number>()
    for (const { index, up } of nodes) if (!up) for (const other of network.connections.leave(index)) beside.add(other)
    for (const index of beside) {
      if (!nodes[index]!.up) continue
      for (const other of network.connections.plan(index).connect) network.connections.connect(index, other)
    }
    network.connectionsChanged(beside)
    for (const a of nodes) for (const b of this.of(a)) if (a.index < b.index) this.tellUp(a, b)
  }

  lost(node: ConnectedNode): void {
    const { queue, network, scenario } = this.world
    queue.schedule(scenario.network.detectMs, () => {
      if (node.up) return
      const peers = this.of(node)
      const concerned = network.connections.leave(node.index).map((index) => this.world.nodes[index]!)
      for (const peer of peers) peer.step({ kind: 'peer-down', node: node.id })
      this.replanSoon(concerned)
    })
  }

  back(node: ConnectedNode): void {
    this.world.network.connections.join(node.index)
    for (const other of this.of(node)) this.tellUp(node, other)
    this.replan([node])
  }

  parted(isApart: (node: number) => boolean): void {
    const { queue, network, nodes, scenario } = this.world
    const across: [ConnectedNode, ConnectedNode][] = []
    for (const a of nodes) {
      for (const b of this.of(a)) if (a.index < b.index && isApart(a.index) !== isApart(b.index)) across.push([a, b])
    }
    queue.schedule(scenario.network.detectMs, () => {
      const concerned = new Set<ConnectedNode>()
      for (const [a, b] of across) {
        if (network.linked(a.index, b.index) || !network.connections.areConnected(a.index, b.index)) continue
        network.connections.disconnect(a.index, b.index)
        a.step({ kind: 'peer-down', node: b.id })
        b.step({ kind: 'peer-down', node: a.id })
        concerned.add(a).add(b)
      }
      this.replanSoon([...concerned])
    })
  }

  healed(heal: () => void): void {
    heal()
    this.replan(this.world.nodes)
  }

  private replanSoon(concerned: readonly ConnectedNode[]): void {
    const { queue, network } = this.world
    network.connectionsChanged(concerned.map(({ index }) => index))
    queue.schedule(lookMs, () => this.replan(concerned))
  }

  private replan(concerned: readonly ConnectedNode[]): void {
    const { network, nodes } = this.world
    const beyond = new Map<number, ReadonlyMap<NodeId, Unusable>>()
    for (const node of concerned) {
      if (!node.up) continue
      const side = network.sideOf(node.index)
      const unusable = beyond.get(side) ?? this.beyond(side)
      beyond.set(side, unusable)
      const { connect, disconnect } = network.connections.plan(node.index, unusable)
      for (const other of connect) this.open(node, nodes[other]!)
      for (const other of disconnect) this.hangUp(node, nodes[other]!)
    }
  }

  /** Nodes that cannot be reached from this side while the network is cut. */
  private beyond(side: number): Map<NodeId, Unusable> {
    const { network, nodes } = this.world
    const others = network.isCut ? nodes.filter(({ index }) => network.sideOf(index) !== side) : []
    return new Map(others.map(({ id }) => [id, 'backing-off']))
  }

  private open(a: ConnectedNode, b: ConnectedNode): void {
    const { network } = this.world
    this.afterRoundTrip(a, b, (rttMs) => {
      if (!network.connections.connect(a.index, b.index)) return
      network.connectionsChanged([a.index, b.index])
      stepUp(a, b, rttMs)
    })
  }

  private tellUp(a: ConnectedNode, b: ConnectedNode): void {
    this.afterRoundTrip(a, b, (rttMs) => stepUp(a, b, rttMs))
  }

  /** If the link still stands then. */
  private afterRoundTrip(a: ConnectedNode, b: ConnectedNode, run: (rttMs: number) => void): void {
    const { queue, network, topology } = this.world
    if (!a.up || !b.up) return
    const rttMs = 2 * topology.oneWayMs(a.index, b.index)
    const lives = [a.epoch, b.epoch]
    queue.schedule(rttMs, () => {
      if (network.linked(a.index, b.index) && a.epoch === lives[0] && b.epoch === lives[1]) run(rttMs)
    })
  }

  private hangUp(a: ConnectedNode, b: ConnectedNode): void {
    const { network } = this.world
    network.connections.disconnect(a.index, b.index)
    network.connectionsChanged([a.index, b.index])
    a.step({ kind: 'peer-down', node: b.id, isSpare: true })
    b.step({ kind: 'peer-down', node: a.id, isSpare: true })
  }

  private of(node: ConnectedNode): ConnectedNode[] {
    const { network, nodes } = this.world
    return network.peersOf(node.index).map((index) => nodes[index]!)
  }
}

function stepUp(a: ConnectedNode, b: ConnectedNode, rttMs: number): void {
  for (const [here, there] of [
    [a, b],
    [b, a],
  ] as const) {
    here.step({ kind: 'peer-up', node: there.id })
    here.step({ kind: 'rtt-measured', node: there.id, rttMs })
  }
}
