/**
 * Crowds in worlds drawn from their seeds: nodes that come, crash and go, lines that slow down, an origin that is away for a while, and
 * holders that lie. SEED=... plays one of them.
 */
import { describe, expect, test } from 'vitest'
import { createPrng, type NodeId, type Prng } from '../../common/index.ts'
import type { Effect, Event } from '../../core/index.ts'
import { type Cluster, checkAll, publishedNow } from '../../sim/index.ts'
import { createWorld, replayHint } from './support/worlds.ts'

const file = 'test/sim/swarm.test.ts'
const { SEED } = process.env
const seeds = SEED === undefined ? Array.from({ length: 12 }, (_, at) => at + 1) : [Number(SEED)]
const MiB = 1024 ** 2

type GetChunk = Extract<Effect, { kind: 'get-chunk' }>
type SimNode = Cluster['nodes'][number]

/** Holds what a node asks for to the rules, from outside. */
class Watched {
  readonly broken: string[] = []
  readonly blamed = new Set<NodeId>()
  /** By chunk the sources at which it is under way. */
  private readonly open = new Map<string, Set<NodeId>>()
  private readonly done = new Set<string>()
  /** In this life of the node: what it knew of others goes with a crash. */
  private readonly avoided = new Set<NodeId>()

  constructor(node: SimNode) {
    const { chunks } = node
    const [step, get, breakOff, crash] = [
      node.step.bind(node),
      chunks.get.bind(chunks),
      chunks.breakOff.bind(chunks),
      node.crash.bind(node),
    ]
    node.step = (event) => {
      this.onEvent(event as Event)
      step(event)
    }
    chunks.get = (effect) => {
      this.onGet(effect)
      get(effect)
    }
    chunks.breakOff = (effect) => {
      this.open.get(effect.chunk.sha256)?.delete(keyOf(effect.source))
      breakOff(effect)
    }
    node.crash = () => {
      this.open.clear()
      this.done.clear()
      this.avoided.clear()
      crash()
    }
  }

  private onEvent(event: Event): void {
    if (event.kind === 'chunk-done') {
      this.open.get(event.chunk)?.delete(keyOf(event.source))
      this.done.add(event.chunk)
    } else if (event.kind === 'chunk-failed') {
      this.open.get(event.chunk)?.delete(keyOf(event.source))
      if (event.failure === 'mismatch') this.onLie(keyOf(event.source))
    } else if (event.kind === 'peer-down') this.lose(event.node)
  }

  private onGet({ chunk, source, why }: GetChunk): void {
    const at = this.open.get(chunk.sha256) ?? new Set<NodeId>()
    this.open.set(chunk.sha256, at)
    if (this.done.has(chunk.sha256)) this.broken.push(`chunk ${chunk.index} is here and was asked for (${why})`)
    if (at.size > 0 && why !== 'second') this.broken.push(`chunk ${chunk.index} was asked for twice (${why})`)
    if (this.avoided.has(keyOf(source))) this.broken.push(`chunk ${chunk.index} was asked of a liar (${why})`)
    at.add(keyOf(source))
  }

  private onLie(node: NodeId): void {
    this.lose(node)
    this.blamed.add(node)
    this.avoided.add(node)
  }

  private lose(node: NodeId): void {
    for (const at of this.open.values()) at.delete(node)
  }
}

function keyOf(source: GetChunk['source']): NodeId {
  return source.kind === 'peer' ? source.node : ''
}

function drawn(seed: number, random: Prng): { cluster: Cluster; liars: SimNode[]; honest: SimNode[] } {
  const siteCount = 1 + random.int(3)
  const sizeBytes = (1 + random.int(24)) * 8 * MiB
  const cluster = createWorld({
    seed,
    'drawnSites.count': siteCount,
    'drawnSites.nodesPerSite': 2 + random.int(4),
    'drawnSites.zoneCount': siteCount,
    'models.count': 1,
    'models.sizeBytes': [sizeBytes, sizeBytes],
    'node.upBytesPerS': 12.5e6,
    'node.downBytesPerS': 12.5e6,
    'node.diskBytes': 4e9,
    'gossip.lossPercent': random.int(10),
  })
  const holders = cluster.nodes.slice(0, random.int(3))
  const liars = cluster.nodes.slice(holders.length, holders.length + random.int(3))
  for (const liar of liars) liar.chunks.byzantine = true
  return { cluster, liars, honest: holders }
}

describe.each(seeds)('a crowd in the world of seed %i', (seed) => {
  test('gets its model: nothing twice, nothing wrong, nothing of a liar, and every fetch ends', () => {
    const random = createPrng(seed).child('swarm')
    const { cluster, liars, honest } = drawn(seed, random)
    const [model] = cluster.models
    const watched = cluster.nodes.map((node) => new Watched(node))
    cluster.start()
    for (const node of [...honest, ...liars]) node.preload([model!])
    cluster.run(5_000)
    const asking = cluster.nodes.filter((node) => !honest.includes(node) && !liars.includes(node))
    const outcomes = new Map<SimNode, string>()
    const begin = (node: SimNode): void =>
      node.makeReady(model!, (outcome) => outcomes.set(node, typeof outcome === 'string' ? 'complete' : outcome.code))
    for (const node of asking) cluster.queue.schedule(random.int(8_000), () => node.up && begin(node))
    const victims = asking.filter(() => random.chance(1, 4))
    for (const victim of victims) {
      const crashMs = random.int(20_000)
      cluster.queue.schedule(crashMs, () => cluster.crash(victim))
      cluster.queue.schedule(crashMs + 1_000 + random.int(5_000), () => {
        cluster.restart(victim)
        begin(victim)
      })
    }
    if (random.chance(1, 2)) {
      const awayMs = random.int(10_000)
      cluster.queue.schedule(awayMs, () => cluster.origin.fail())
      cluster.queue.schedule(awayMs + random.int(6_000), () => cluster.origin.recover())
    }
    for (const node of asking) if (random.chance(1, 5)) cluster.transport.slow(node.index, 8)
    cluster.run(600_000)
    const hint = replayHint(cluster, file)
    expect(watched.flatMap(({ broken }) => broken).slice(0, 5), hint).toEqual([])
    const blamed = new Set(watched.flatMap((one) => [...one.blamed]))
    expect(
      [...blamed].filter((id) => !liars.some((liar) => liar.id === id)),
      'an honest node was blamed',
    ).toEqual([])
    expect([...new Set(asking.map((node) => outcomes.get(node) ?? 'did not end'))], hint).toEqual(['complete'])
    for (const node of asking) expect(node.chunks.lackingCount(model!), node.id).toBe(0)
    cluster.calm()
    cluster.run(60_000)
    const published = publishedNow(cluster)
    cluster.run(30_000)
    expect(checkAll(cluster, published), hint).toEqual([])
  })
})

test('a crowd whose origin never answers fails with an error, and soon', () => {
  const cluster = createWorld({ seed: 3, 'drawnSites.count': 4, 'models.count': 1 })
  const [model] = cluster.models
  cluster.start()
  cluster.run(5_000)
  cluster.origin.fail()
  const codes: string[] = []
  for (const node of cluster.nodes) {
    node.makeReady(model!, (outcome) => codes.push(typeof outcome === 'string' ? outcome : outcome.code))
  }
  cluster.run(90_000)
  expect(codes, replayHint(cluster, file)).toEqual(cluster.nodes.map(() => 'NO_SOURCE'))
})
