import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createPrng } from '../../../common/prng.ts'
import { defaultSimGossipOptions, SimGossip } from '../../../sim/network/gossip.ts'
import { gossipTree } from '../../../sim/network/gossip-tree.ts'
import { defaultNetworkOptions, Network } from '../../../sim/network/network.ts'
import { EventQueue } from '../../../sim/world/event-queue.ts'

const anyWorld = fc.record({ count: fc.integer({ min: 2, max: 40 }), seed: fc.nat(), degree: fc.constantFrom(4, 6) })

function draw({ count, seed, degree }: { count: number; seed: number; degree: number }) {
  const random = createPrng(seed)
  const graph = { mesh: drawGraph(count, degree, random.int), peers: drawGraph(count, 2 * degree, random.int) }
  const delays = Array.from({ length: count * count }, () => 1 + random.float() * 30)
  const delayMs = (from: number, to: number) => delays[Math.min(from, to) * count + Math.max(from, to)]!
  return { graph, delayMs }
}

/** A ring, so that everyone is reached, and random chords up to the degree. */
function drawGraph(count: number, degree: number, randomInt: (bound: number) => number): number[][] {
  const neighbours = Array.from({ length: count }, () => new Set<number>())
  const link = (a: number, b: number): void => {
    if (a === b) return
    neighbours[a]!.add(b)
    neighbours[b]!.add(a)
  }
  for (let node = 0; node < count; node += 1) {
    link(node, (node + 1) % count)
    for (let chord = 2; chord < degree; chord += 2) link(node, randomInt(count))
  }
  return neighbours.map((set) => [...set])
}

/** Every message as an event of its own: what the tree is a short way to. */
function flood(from: number, { graph, delayMs }: ReturnType<typeof draw>) {
  const queue = new EventQueue()
  const reached = new Map<number, { atMs: number; copies: number }>([[from, { atMs: 0, copies: 0 }]])
  const send = (via: number, targets: readonly number[], except: number): void => {
    for (const to of targets) {
      if (to === except || to === from) continue
      queue.schedule(delayMs(via, to), () => {
        const known = reached.get(to)
        if (known !== undefined) {
          known.copies += 1
          return
        }
        reached.set(to, { atMs: queue.nowMs, copies: 1 })
        send(to, graph.mesh[to]!, via)
      })
    }
  }
  send(from, graph.peers[from]!, from)
  queue.runUntil(1e6)
  return reached
}

describe('the way of a message', () => {
  test('reaches each node when a flood of single messages would, with as many copies', () => {
    fc.assert(
      fc.property(anyWorld, (drawn) => {
        const world = draw(drawn)
        const from = drawn.seed % drawn.count
        const tree = gossipTree(from, world.graph, { arrives: () => true, delayMs: world.delayMs })
        const reached = flood(from, world)
        expect(tree.nodes.length).toBe(drawn.count - 1)
        for (const [at, node] of tree.nodes.entries()) {
          expect(tree.afterMs[at]).toBeCloseTo(reached.get(node)!.atMs, 6)
          expect(tree.copies[at]).toBe(reached.get(node)!.copies)
          expect(tree.copiesOfLarge[at]).toBeGreaterThanOrEqual(1)
          expect(tree.copiesOfLarge[at]).toBeLessThanOrEqual(tree.copies[at]!)
        }
      }),
    )
  })

  test('ends where no hop arrives', () => {
    const world = draw({ count: 10, seed: 1, degree: 4 })
    expect(gossipTree(3, world.graph, { arrives: () => false, delayMs: world.delayMs }).nodes.length).toBe(0)
  })
})

const network = (count: number, over: Partial<typeof defaultNetworkOptions> = {}, seed = 3) => {
  const queue = new EventQueue()
  const ids = Array.from({ length: count }, (_, at) => `n${at}`)
  return {
    queue,
    network: new Network({ ids, queue, random: createPrng(seed) }, { ...defaultNetworkOptions, ...over }),
  }
}

describe('delivery', () => {
  test('tells every other node once, never before the message can be there, and in steps of the quantum', () => {
    const gossip = { ...defaultSimGossipOptions, quantumMs: 10 }
    const { queue, network: net } = network(200, { gossip })
    const told: { to: number; atMs: number }[] = []
    net.gossip(7, (to) => told.push({ to, atMs: queue.nowMs }))
    queue.runUntil(10_000)
    expect(told.map(({ to }) => to).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 200 }, (_, at) => at).filter((at) => at !== 7),
    )
    for (const { to, atMs } of told) expect(atMs).toBeGreaterThanOrEqual(net.rttMs(7, to) / 2 > 10 ? 10 : 1)
    expect(new Set(told.map(({ atMs }) => atMs)).size).toBeLessThan(30)
    expect(queue.ranCount).toBeLessThan(30)
  })

  test('stops at a partition, at nodes that are down, and at what broke on the way', () => {
    const { queue, network: net } = network(30)
    const told = new Set<number>()
    const publish = () => net.gossip(0, (to) => told.add(to))
    net.partition((node) => node >= 20)
    net.setDown(5, true)
    publish()
    queue.runUntil(1_000)
    expect([...told].toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 20 }, (_, at) => at).filter((at) => at !== 0 && at !== 5),
    )
    net.heal()
    net.setDown(5, false)
    told.clear()
    publish()
    net.setDown(9, true)
    queue.runUntil(2_000)
    expect(told.size, 'all but the publisher and the one that went down').toBe(28)
    expect(told.has(9)).toBe(false)
  })

  test('with loss on every hop the mesh still reaches nearly all, and the same seed is the same run', () => {
    const run = () => {
      const { queue, network: net } = network(300, {
        lossPercent: 20,
        connections: {
          rings: { aim: 8, nearAim: 4, stepsMax: 4 },
          plan: { connectionsMax: 12, idleMs: 0 },
        },
      })
      const told: string[] = []
      for (let from = 0; from < 20; from += 1) net.gossip(from, (to, via) => told.push(`${queue.nowMs} ${via} ${to}`))
      queue.runUntil(10_000)
      return told
    }
    const told = run()
    expect(told.length).toBeGreaterThan(0.9 * 20 * 299)
    expect(told.length).toBeLessThan(20 * 299)
    expect(run()).toEqual(told)
  })
})

describe('what is counted', () => {
  const gossip = (options = defaultSimGossipOptions) => {
    const queue = new EventQueue()
    const random = createPrng(1)
    const graph = { mesh: drawGraph(100, 4, random.int), peers: drawGraph(100, 8, random.int) }
    const ports = { graph, queue, random, oneWayMs: () => 10, linked: () => true }
    return { queue, gossip: new SimGossip(ports, options) }
  }
  const totalOf = (sim: SimGossip) => sim.receivedBytes.reduce((sum, bytes) => sum + bytes, 0)

  test('is every copy with its frame, and the ids that are told', () => {
    const { gossip: sim } = gossip()
    sim.publish(0, { topic: 'state', bytes: 400 }, 0, () => {})
    const { frameBytes, idBytes, lazyBeats, lazyPeers } = defaultSimGossipOptions.wire
    const idsBytes = 99 * lazyPeers * lazyBeats * (idBytes + frameBytes)
    const copies = (totalOf(sim) - idsBytes) / (400 + frameBytes) / 99
    expect(copies).toBeGreaterThan(2)
    expect(copies).toBeLessThan(4)
  })

  test('of messages without a size is nothing', () => {
    const { gossip: sim } = gossip()
    sim.publish(0, { topic: '', bytes: 0 }, 0, () => {})
    expect(totalOf(sim)).toBe(0)
  })

  test('how long it takes until others know, from when it became so', () => {
    const { queue, gossip: sim } = gossip()
    queue.schedule(500, () => sim.publish(0, { topic: 'residency', bytes: 0, sinceMs: 100 }, 0, () => {}))
    queue.runUntil(10_000)
    expect(sim.knownAfter.count).toBe(99)
    expect(sim.knownAfter.percentileMs(1)).toBeGreaterThanOrEqual(410)
    expect(sim.knownAfter.percentileMs(99)).toBeLessThan(600)
  })
})
