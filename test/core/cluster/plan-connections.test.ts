import { describe, expect, test } from 'vitest'
import { ConnectionRings } from '../../../core/cluster/connection-rings.ts'
import { type ConnectionsView, planConnections } from '../../../core/cluster/plan-connections.ts'

const named = (count: number) => Array.from({ length: count }, (_, at) => ({ node: `n${at}`, zone: `z${at % 2}` }))
const small = new ConnectionRings(named(4))
const large = new ConnectionRings(named(400), { aim: 8, nearAim: 4, stepsMax: 4 })
const neighbours = [...large.neighbours('n0', () => true).keys()]
const strangers = [...large.nodes()].filter((node) => node !== 'n0' && !neighbours.includes(node))
const options = { connectionsMax: 12, idleMs: 1_000 }

const idle = (nodes: readonly string[], idleMs = 5_000) => new Map(nodes.map((node) => [node, idleMs]))
const view = (over: Partial<ConnectionsView>): ConnectionsView => ({
  self: 'n0',
  rings: small,
  connected: new Map(),
  unusable: new Map(),
  ...over,
})

interface Case {
  readonly id: string
  readonly view: Partial<ConnectionsView>
  readonly connect: readonly string[]
  readonly disconnect?: readonly string[]
  readonly reasons: Readonly<Record<string, string>>
}

const cases: Case[] = [
  {
    id: 'a node alone wants nobody',
    view: { rings: new ConnectionRings(named(1)) },
    connect: [],
    reasons: {},
  },
  {
    id: 'a node that knows not even itself wants nobody, and keeps whom it bootstrapped from',
    view: { rings: new ConnectionRings(), connected: idle(['seed']) },
    connect: [],
    reasons: { seed: 'spare' },
  },
  {
    id: 'a small cluster is connected in full',
    view: { connected: idle(['n2']) },
    connect: ['n1', 'n3'],
    reasons: { n1: 'everyone', n2: 'everyone', n3: 'everyone' },
  },
  {
    id: 'members that cannot be used are passed over, each with why; only doubtful ones are tried all the same',
    view: {
      rings: new ConnectionRings(named(6)),
      unusable: new Map([
        ['n1', 'suspected'],
        ['n2', 'unreached'],
        ['n3', 'no-address'],
        ['n4', 'backing-off'],
        ['n5', 'distrusted'],
      ]),
    },
    connect: ['n1', 'n2'],
    reasons: { n1: 'suspected', n2: 'unreached', n3: 'no-address', n4: 'backing-off', n5: 'distrusted' },
  },
  {
    id: 'one that dialled us counts, though we could not dial it',
    view: { connected: idle(['n1']), unusable: new Map([['n1', 'no-address']]) },
    connect: ['n2', 'n3'],
    reasons: { n1: 'everyone', n2: 'everyone', n3: 'everyone' },
  },
  {
    id: 'spare connections stay while there is room',
    view: { rings: large, connected: idle([...neighbours, ...strangers.slice(0, 2)]) },
    connect: [],
    reasons: { [strangers[0]!]: 'spare', [strangers[1]!]: 'spare' },
  },
  {
    id: 'beyond the most the idlest spare ones go',
    view: {
      rings: large,
      connected: new Map([
        ...idle(neighbours, 9_000),
        ...strangers.slice(0, 6).map((node, at) => [node, 2_000 + at] as const),
      ]),
    },
    connect: [],
    disconnect: strangers.slice(neighbours.length === 8 ? 4 : 5, 6).toReversed(),
    reasons: { [strangers[5]!]: 'excess', [strangers[0]!]: 'spare' },
  },
  {
    id: 'what carries calls stays, however many there are',
    view: { rings: large, connected: idle(strangers.slice(0, 20), 999) },
    connect: neighbours,
    reasons: { [strangers[0]!]: 'spare', [strangers[19]!]: 'spare' },
  },
  {
    id: 'one that has only just come is not hung up on before it is known',
    view: { rings: large, connected: idle([...neighbours, 'a', 'b', 'c', 'd', 'e', 'f']) },
    connect: [],
    reasons: { a: 'spare', f: 'spare' },
  },
]

describe('a plan of connections', () => {
  test.each(cases)('$id', ({ view: over, connect, disconnect = [], reasons }) => {
    const plan = planConnections(view(over), options)
    expect([...plan.connect].sort()).toEqual([...connect].sort())
    expect(plan.disconnect).toEqual(disconnect)
    expect(Object.fromEntries(plan.reasons)).toMatchObject(reasons)
  })

  test('makes room for the neighbours that it is about to dial', () => {
    const plan = planConnections(view({ rings: large, connected: idle(strangers.slice(0, 12)) }), options)
    expect(plan.connect).toEqual(neighbours)
    expect(plan.disconnect.length).toBe(neighbours.length)
  })

  test('replaces a lost neighbour by another, which is spare again when the first is back', () => {
    const [lost, ...others] = neighbours
    const unusable = new Map([[lost!, 'suspected' as const]])
    const first = planConnections(view({ rings: large, connected: idle(others), unusable }), options)
    const instead = first.connect.slice(0, -1)
    expect(instead.length).toBeGreaterThan(0)
    expect(first.connect.at(-1)).toBe(lost)
    expect(first.reasons.get(lost!)).toBe('suspected')
    const connected = idle([...others, ...instead])
    const second = planConnections(view({ rings: large, connected }), options)
    expect(second.connect).toEqual([lost])
    for (const node of instead) {
      expect(second.reasons.get(node)).toBe('spare')
      expect(large.areNeighbours('n0', node)).toBe(false)
      expect(large.areNeighbours(node, 'n0')).toBe(false)
    }
  })

  test('reaches a stable end among nodes that follow it, with all members in one piece', () => {
    const ids = [...large.nodes()]
    const unusable = new Map(ids.filter((_, at) => at % 3 === 1).map((node) => [node, 'backing-off' as const]))
    const up = ids.filter((node) => !unusable.has(node))
    const links = new Map(up.map((node) => [node, new Set<string>()]))
    for (let look = 0; look < 3; look += 1) {
      for (const self of up) {
        const plan = planConnections({ self, rings: large, connected: idle([...links.get(self)!]), unusable }, options)
        for (const node of plan.connect) links.get(self)!.add(node) && links.get(node)!.add(self)
        for (const node of plan.disconnect) links.get(self)!.delete(node) && links.get(node)!.delete(self)
      }
    }
    const reached = new Set([up[0]!])
    for (const node of reached) for (const other of links.get(node)!) reached.add(other)
    expect(reached.size).toBe(up.length)
    for (const of of links.values()) expect(of.size).toBeLessThanOrEqual(options.connectionsMax)
  })
})
