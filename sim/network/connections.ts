/**
 * Which nodes have a connection: all, or in large clusters as many as the daemon aims at, drawn once. Both ends hear when one
 * comes or breaks, after the time that it takes to notice.
 */

import type { World } from '../node/node-world.ts'
import type { SimNode } from '../node/sim-node.ts'

export class PeerGraph {
  private readonly world: World

  constructor(world: World) {
    this.world = world
  }

  connectAll(): void {
    this.eachPair((a, b) => this.connect(a, b))
  }

  lost(node: SimNode): void {
    for (const other of this.of(node)) this.disconnect(node, other)
  }

  back(node: SimNode): void {
    for (const other of this.of(node)) this.connect(node, other)
  }

  parted(isApart: (node: number) => boolean): void {
    this.eachPair((a, b) => {
      if (isApart(a.index) !== isApart(b.index)) this.disconnect(a, b)
    })
  }

  healed(heal: () => void): void {
    const { network } = this.world
    const apart: [SimNode, SimNode][] = []
    this.eachPair((a, b) => {
      if (a.up && b.up && !network.linked(a.index, b.index)) apart.push([a, b])
    })
    heal()
    for (const [a, b] of apart) this.connect(a, b)
  }

  /** After a round trip, if the link still stands. */
  private connect(a: SimNode, b: SimNode): void {
    const { queue, network, topology } = this.world
    if (!a.up || !b.up) return
    const rttMs = 2 * topology.oneWayMs(a.index, b.index)
    const lives = [a.epoch, b.epoch]
    queue.schedule(rttMs, () => {
      if (!network.linked(a.index, b.index) || a.epoch !== lives[0] || b.epoch !== lives[1]) return
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
    const { queue, network, scenario } = this.world
    queue.schedule(scenario.network.detectMs, () => {
      if (network.linked(a.index, b.index)) return
      a.step({ kind: 'peer-down', node: b.id })
      b.step({ kind: 'peer-down', node: a.id })
    })
  }

  private of(node: SimNode): SimNode[] {
    const { network, nodes } = this.world
    return network.peersOf(node.index).map((index) => nodes[index]!)
  }

  private eachPair(run: (a: SimNode, b: SimNode) => void): void {
    for (const a of this.world.nodes) for (const b of this.of(a)) if (a.index < b.index) run(a, b)
  }
}
