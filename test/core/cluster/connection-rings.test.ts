import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createPrng } from '../../../common/prng.ts'
import { ConnectionRings, defaultConnectionRingsOptions, type Place } from '../../../core/cluster/connection-rings.ts'

const { aim, nearAim } = defaultConnectionRingsOptions
const all = () => true

/** Ids as different as those of real nodes, dealt out to zones. */
function places(count: number, zoneCount: number, seed = 1): Place[] {
  const random = createPrng(seed)
  return Array.from({ length: count }, (_, at) => ({
    node: `node-${random.uint32().toString(36)}-${at}`,
    zone: `zone-${at % zoneCount}`,
  }))
}

type Graph = ReadonlyMap<string, readonly string[]>

const graphOf = (rings: ConnectionRings): Graph =>
  new Map([...rings.nodes()].map((node) => [node, [...rings.neighbours(node, all).keys()]]))

/** Hops from a node to each that can be reached when these have left, and nobody has opened a new connection. */
function hopsFrom(start: string, graph: Graph, gone: ReadonlySet<string> = new Set()): Map<string, number> {
  const hops = new Map([[start, 0]])
  for (const [node, away] of hops) {
    for (const other of graph.get(node)!) if (!hops.has(other) && !gone.has(other)) hops.set(other, away + 1)
  }
  return hops
}

function cutOffCount(graph: Graph, gone: ReadonlySet<string>): number {
  const first = [...graph.keys()].find((node) => !gone.has(node))!
  return graph.size - gone.size - hopsFrom(first, graph, gone).size
}

/** A fifth of all, chosen in the worst ways that come to mind. */
function losses(graph: Graph, members: readonly Place[]): [string, Set<string>][] {
  const nodes = members.map(({ node }) => node)
  const count = Math.floor(nodes.length / 5)
  const random = createPrng(7)
  const draws = Array.from({ length: 3 }, (_, draw): [string, Set<string>] => {
    const left = new Set<string>()
    while (left.size < count) left.add(nodes[random.int(nodes.length)]!)
    return [`draw ${draw}`, left]
  })
  // A whole zone, and more of the next one where a zone is less than a fifth.
  const byZone = members.toSorted((a, b) => (a.zone < b.zone ? -1 : 1)).map(({ node }) => node)
  const byDegree = nodes.toSorted((a, b) => graph.get(b)!.length - graph.get(a)!.length)
  return [
    ...draws,
    ['the first zones', new Set(byZone.slice(0, count))],
    ['the last zones', new Set(byZone.slice(-count))],
    ['the first by id', new Set(nodes.toSorted().slice(0, count))],
    ['those with the most neighbours', new Set(byDegree.slice(0, count))],
    ['nodes near each other in the graph', new Set([...hopsFrom(nodes[1]!, graph).keys()].slice(-count))],
  ]
}

const least = (values: Iterable<number>) => Math.min(...values)
const most = (values: Iterable<number>) => Math.max(...values)

describe.each([
  { count: 100, zoneCount: 5, diameterMax: 3 },
  { count: 1_000, zoneCount: 5, diameterMax: 3 },
  { count: 10_000, zoneCount: 20, diameterMax: 4 },
])('$count nodes in $zoneCount zones', ({ count, zoneCount, diameterMax }) => {
  const members = places(count, zoneCount)
  const graph = graphOf(new ConnectionRings(members))

  test('want connections that both ends want, as many as aimed at and never more', () => {
    const looked = members.slice(0, 1_000)
    const oneSided = looked.filter(({ node }) => graph.get(node)!.some((other) => !graph.get(other)!.includes(node)))
    expect(oneSided).toEqual([])
    const degrees = [...graph.values()].map(({ length }) => length)
    expect(most(degrees)).toBeLessThanOrEqual(aim)
    expect(least(degrees)).toBeGreaterThanOrEqual(aim / 2)
  })

  test('have near neighbours, about half of all', () => {
    const zoneOf = new Map(members.map(({ node, zone }) => [node, zone]))
    const nearCounts = [...graph].map(
      ([node, neighbours]) => neighbours.filter((other) => zoneOf.get(other) === zoneOf.get(node)).length,
    )
    const aimed = Math.min(nearAim, count / zoneCount - 1)
    expect(least(nearCounts)).toBeGreaterThanOrEqual(0.7 * aimed)
    expect(most(nearCounts)).toBeLessThanOrEqual(1.5 * aimed)
  })

  test(`are at most ${diameterMax} hops from each other`, () => {
    const from = members.slice(0, 50_000 / count)
    const farthest = most(from.map(({ node }) => most(hopsFrom(node, graph).values())))
    expect(farthest).toBeLessThanOrEqual(diameterMax)
  })

  test('hold together at once when any fifth leaves', () => {
    for (const [name, gone] of losses(graph, members)) expect([name, cutOffCount(graph, gone)]).toEqual([name, 0])
  })

  test('find new neighbours when all of one node leave, and theirs, up to a fifth', () => {
    const victim = members[3]!.node
    const gone = new Set([...hopsFrom(victim, graph).keys()].slice(1, 1 + Math.floor(count / 5)))
    const rings = new ConnectionRings(members.filter(({ node }) => !gone.has(node)))
    expect(rings.neighbours(victim, all).size).toBeGreaterThanOrEqual(aim / 2)
    // From there all can be reached in a few hops, so it is enough to follow each node's plan once.
    const reached = new Set([victim])
    for (const node of reached) {
      for (const other of rings.neighbours(node, all).keys()) reached.add(other)
      if (reached.size === count - gone.size) break
    }
    expect(reached.size).toBe(count - gone.size)
  })

  test('change only beside a node that leaves, and back when it returns', () => {
    const rings = new ConnectionRings(members)
    const { node, zone } = members[5]!
    const beside = new Set(graph.get(node))
    const others = members.slice(100, 200).filter((other) => !beside.has(other.node) && other.node !== node)
    const planned = (of: readonly Place[]) => of.map((one) => [...rings.neighbours(one.node, all).keys()])
    rings.remove(node)
    expect(planned(others)).toEqual(others.map((one) => graph.get(one.node)))
    for (const other of beside) expect(rings.neighbours(other, all).has(node)).toBe(false)
    rings.put([{ node, zone }])
    expect(planned(members.slice(0, 100))).toEqual(members.slice(0, 100).map((one) => graph.get(one.node)))
  })
})

const anyPlace = fc.record({ node: fc.integer({ min: 0, max: 60 }), zone: fc.integer({ min: 0, max: 3 }) })

describe('rings', () => {
  test('are the same whatever the order of comings, goings and moves', () => {
    const options = { aim: 8, nearAim: 4, stepsMax: 4 }
    fc.assert(
      fc.property(fc.array(fc.tuple(anyPlace, fc.boolean()), { maxLength: 120 }), (steps) => {
        const stepwise = new ConnectionRings([], options)
        const now = new Map<string, Place>()
        for (const [{ node, zone }, isLeaving] of steps) {
          const place = { node: `n${node}`, zone: `z${zone}` }
          if (isLeaving) {
            stepwise.remove(place.node)
            now.delete(place.node)
          } else {
            stepwise.put([place])
            now.set(place.node, place)
          }
        }
        const atOnce = new ConnectionRings(now.values(), options)
        for (const node of now.keys()) {
          expect([...stepwise.neighbours(node, all)]).toEqual([...atOnce.neighbours(node, all)])
        }
      }),
    )
  })

  test('of a small cluster connect everyone', () => {
    const members = places(aim + 1, 3)
    const rings = new ConnectionRings(members)
    for (const { node } of members) expect(rings.neighbours(node, all).size).toBe(aim)
  })

  test('pass over what cannot be used, a few steps far', () => {
    const members = places(500, 1)
    const rings = new ConnectionRings(members)
    const self = members[0]!.node
    const first = rings.neighbours(self, all)
    const second = rings.neighbours(self, (node) => !first.has(node))
    expect(second.size).toBeGreaterThan(0.9 * first.size)
    expect([...second.keys()].filter((node) => first.has(node))).toEqual([])
    expect(rings.neighbours(self, () => false).size).toBe(0)
  })

  test('know nothing against a node that they do not know', () => {
    const rings = new ConnectionRings(places(200, 1))
    const [a] = rings.nodes()
    expect(rings.areNeighbours(a!, 'stranger')).toBe(true)
    expect(rings.neighbours('stranger', all).size).toBe(0)
  })
})
