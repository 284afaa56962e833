import { describe, expect, test } from 'vitest'
import { createPrng } from '../../../common/prng.ts'
import { ConnectionGraph } from '../../../sim/network/connection-graph.ts'
import { defaultGossipMeshOptions, GossipMesh } from '../../../sim/network/gossip-mesh.ts'

const { degreeMin, degreeMax } = defaultGossipMeshOptions

function fixture(count: number) {
  const ids = Array.from({ length: count }, (_, at) => `n${at}`)
  const graph = new ConnectionGraph({ ids, zoneOf: (node) => `zone-${node % 4}` })
  return { graph, mesh: new GossipMesh({ peers: graph.peers, randomInt: createPrng(1).int }) }
}

function expectSound({ graph, mesh }: ReturnType<typeof fixture>): void {
  for (const [node, neighbours] of mesh.neighbours.entries()) {
    expect(new Set(neighbours).size).toBe(neighbours.length)
    expect(neighbours.filter((other) => !graph.peers[node]!.includes(other))).toEqual([])
    expect(neighbours.filter((other) => !mesh.neighbours[other]!.includes(node))).toEqual([])
  }
}

const degrees = ({ mesh }: ReturnType<typeof fixture>) => mesh.neighbours.map(({ length }) => length)

describe('the mesh', () => {
  test('lies on connections, with as many neighbours as gossipsub allows', () => {
    for (const count of [8, 100, 1_000]) {
      const world = fixture(count)
      expectSound(world)
      expect(Math.min(...degrees(world))).toBeGreaterThanOrEqual(degreeMin)
      expect(Math.max(...degrees(world))).toBeLessThanOrEqual(degreeMax)
    }
  })

  test('of a few nodes is all of their connections', () => {
    expect(degrees(fixture(4))).toEqual([3, 3, 3, 3])
    expect(degrees(fixture(2))).toEqual([1, 1])
    expect(degrees(fixture(1))).toEqual([0])
  })

  test('heals when a fifth of the nodes is lost', () => {
    const world = fixture(200)
    const concerned = new Set<number>()
    for (let node = 0; node < 40; node += 1) for (const other of world.graph.leave(node)) concerned.add(other)
    world.mesh.beat([...concerned, ...Array.from({ length: 40 }, (_, node) => node)])
    expectSound(world)
    expect(degrees(world).slice(0, 40)).toEqual(Array.from({ length: 40 }, () => 0))
    expect(Math.min(...degrees(world).slice(40))).toBeGreaterThanOrEqual(degreeMin)
    expect(Math.max(...degrees(world))).toBeLessThanOrEqual(degreeMax)
  })
})
