import { describe, expect, test } from 'vitest'
import { createPrng } from '../../../common/prng.ts'
import { ConnectionRings } from '../../../core/cluster/connection-rings.ts'
import { planConnections } from '../../../core/cluster/plan-connections.ts'
import { ConnectionGraph, defaultConnectionGraphOptions } from '../../../sim/network/connection-graph.ts'

const { connectionsMax } = defaultConnectionGraphOptions.plan
const zoneOf = (node: number) => `zone-${node % 4}`
const idsOf = (count: number) => Array.from({ length: count }, (_, at) => `n${at}`)
const graphOf = (count: number) => new ConnectionGraph({ ids: idsOf(count), zoneOf })

const sorted = (nodes: Iterable<number>) => [...nodes].sort((a, b) => a - b)

/** Carries plans out until none of these nodes wants anything more. */
function follow(graph: ConnectionGraph, nodes: Iterable<number>): void {
  for (const node of nodes) {
    const { connect, disconnect } = graph.plan(node)
    for (const other of connect) graph.connect(node, other)
    for (const other of disconnect) graph.disconnect(node, other)
  }
}

describe('the graph of connections', () => {
  test('is what daemons of the same members plan, one by one', () => {
    const ids = idsOf(300)
    const graph = graphOf(300)
    const rings = new ConnectionRings(ids.map((id, at) => ({ node: id, zone: zoneOf(at) })))
    for (const [node, self] of ids.entries()) {
      const plan = planConnections({ self, rings, connected: new Map(), unusable: new Map() })
      expect(sorted(graph.peers[node]!)).toEqual(sorted(plan.connect.map((id) => ids.indexOf(id))))
    }
  })

  test('leaves a node that is down alone, and joins those beside it', () => {
    const graph = graphOf(300)
    const before = graph.peers.map((peers) => sorted(peers))
    const concerned = graph.leave(7)
    expect(graph.peers[7]).toEqual([])
    expect(sorted(concerned)).toEqual(before[7])
    follow(graph, concerned)
    for (const node of concerned) expect(graph.plan(node)).toEqual({ connect: [], disconnect: [] })
    for (const [node, peers] of graph.peers.entries()) {
      if (node !== 7 && !concerned.includes(node)) expect(sorted(peers)).toEqual(before[node])
    }
    graph.join(7)
    expect(sorted(graph.plan(7).connect)).toEqual(before[7])
  })

  test('stays within its limits and whole when nodes come and go for long', () => {
    const graph = graphOf(300)
    const random = createPrng(5)
    const away = new Set<number>()
    for (let step = 0; step < 1_000; step += 1) {
      const node = random.int(300)
      if (away.delete(node)) {
        graph.join(node)
        follow(graph, [node, ...graph.plan(node).connect])
      } else if (away.size < 60) {
        away.add(node)
        follow(graph, graph.leave(node))
      }
    }
    const up = [...graph.peers.keys()].filter((node) => !away.has(node))
    const reached = new Set([up[0]!])
    for (const node of reached) for (const other of graph.peers[node]!) reached.add(other)
    expect(reached.size).toBe(up.length)
    for (const node of up) {
      expect(graph.plan(node).connect).toEqual([])
      expect(graph.peers[node]!.length).toBeLessThanOrEqual(connectionsMax)
    }
  })
})
