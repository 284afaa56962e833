import { describe, expect, test } from 'vitest'
import type { MemberView } from '../../../core/index.ts'
import { ConnectionManager } from '../../../node/cluster/connection-manager.ts'
import { silentLog } from '../../../node/system/log.ts'
import { stateBody } from '../../core/fixture.ts'
import { FakeNetwork } from '../../support/fake-network.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const addressOf = (node: string) => `/ip4/10.0.0.1/tcp/4001/p2p/${node}`
const nodeOf = (address: string) => address.split('/').at(-1)!
const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

const member = (node: string, over: Partial<MemberView> = {}): MemberView => ({
  node,
  isSelf: node === 'self',
  connected: false,
  state: stateBody({ addresses: [addressOf(node)], zone: `zone-${node.length}` }),
  epoch: 1,
  sequence: 1,
  residency: null,
  suspected: false,
  suspectedBy: [],
  distrusted: false,
  ageMs: 0,
  rttMs: null,
  ...over,
})

/** A manager whose node knows these members; those in `away` do not answer a dial. */
function fixture(members: readonly MemberView[], away: ReadonlySet<string> = new Set()) {
  const [clock, network] = [new ManualClock(), new FakeNetwork()]
  const world = { members, away }
  network.onDial = async (address) => {
    if (world.away.has(nodeOf(address))) throw new Error('not reached')
    return nodeOf(address)
  }
  const core = {
    members: () => [...world.members],
    addressesOf: (node: string) => world.members.find((one) => one.node === node)?.state?.addresses ?? [],
  }
  const manager = new ConnectionManager({ core, network, clock, log: silentLog })
  const looks = async (count: number) => {
    for (let look = 0; look < count; look += 1) {
      clock.advance(1_000)
      await settled()
    }
  }
  const dialled = () => network.dialled.map(nodeOf)
  return { clock, network, world, manager, looks, dialled }
}

const cluster = (count: number) => [member('self'), ...Array.from({ length: count - 1 }, (_, at) => member(`n${at}`))]

describe('a small cluster', () => {
  test('is dialled in full, a few nodes at a time', async () => {
    const { manager, network, looks } = fixture(cluster(10))
    manager.start()
    await looks(1)
    expect(network.connected.length).toBe(4)
    await looks(2)
    expect(network.connected.length).toBe(9)
    await looks(5)
    expect(network.dialled.length).toBe(9)
  })

  test('is not dialled any more by a manager that has stopped', async () => {
    const { manager, network, looks, clock } = fixture(cluster(3))
    manager.start()
    manager.stop()
    await looks(3)
    expect(network.dialled).toEqual([])
    expect(clock.timerCount).toBe(0)
  })

  test('does without nodes that are banned, or say no address', async () => {
    const members = [
      member('self'),
      member('banned', { distrusted: true }),
      member('silent', { state: null }),
      member('shy', { state: stateBody({ addresses: [] }) }),
      member('good'),
    ]
    const { manager, looks, dialled } = fixture(members)
    manager.start()
    await looks(5)
    expect(dialled()).toEqual(['good'])
  })

  test('goes on trying a node that does not answer, with growing pauses, until it dials itself', async () => {
    const { manager, network, looks } = fixture(cluster(2), new Set(['n0']))
    manager.start()
    await looks(20)
    // After 1, 3, 7 and 15 seconds.
    expect(network.dialled.length).toBe(4)
    network.connected = ['n0']
    await looks(60)
    expect(network.dialled.length).toBe(4)
  })

  test('finds suspected nodes again after the network was cut', async () => {
    const suspected = [member('self'), member('n0', { suspected: true })]
    const { manager, network, world, looks } = fixture(suspected, new Set(['n0']))
    manager.start()
    await looks(4)
    expect(network.connected).toEqual([])
    world.away = new Set()
    await looks(4)
    expect(network.connected).toEqual(['n0'])
  })
})

describe('a large cluster', () => {
  const members = cluster(500)

  test('gives each node neighbours of its own, as many as aimed at', async () => {
    const { manager, network, looks } = fixture(members)
    manager.start()
    await looks(30)
    expect(network.connected.length).toBeGreaterThan(48)
    expect(network.connected.length).toBeLessThanOrEqual(64)
    const first = network.dialled.length
    await looks(30)
    expect(network.dialled.length).toBe(first)
  })

  test('has others for those that do not answer', async () => {
    const plain = fixture(members)
    plain.manager.start()
    await plain.looks(30)
    const away = new Set(plain.network.connected.slice(0, 20))
    const { manager, network, looks } = fixture(members, away)
    manager.start()
    await looks(30)
    expect(network.connected.length).toBeGreaterThan(48)
    expect(network.connected.filter((node) => away.has(node))).toEqual([])
  })

  test('loses spare connections that carry no calls when there are too many, and no others', async () => {
    const { manager, network, looks } = fixture(members)
    manager.start()
    await looks(30)
    const neighbours = [...network.connected]
    const strangers = members.map(({ node }) => node).filter((node) => node !== 'self' && !neighbours.includes(node))
    const [calling, idle] = [strangers.slice(0, 30), strangers.slice(30, 80)]
    network.connected = [...neighbours, ...calling, ...idle]
    for (const node of [...neighbours, ...idle]) network.idle.set(node, 60_000)
    await looks(1)
    expect(network.connected.length).toBe(96)
    expect(network.hungUp.every((node) => idle.includes(node))).toBe(true)
    for (const node of network.hungUp) expect(manager.isSpare(node)).toBe(true)
    for (const node of neighbours) expect(manager.isSpare(node)).toBe(false)
    await looks(5)
    expect(network.connected.length).toBe(96)
  })
})

describe('a call', () => {
  test('opens a connection to a node that has none, once for all that wait for it', async () => {
    const { manager, network } = fixture(cluster(5))
    await Promise.all([manager.connect('n2'), manager.connect('n2')])
    await manager.connect('n2')
    expect(network.dialled).toEqual([addressOf('n2')])
  })

  test('to a node that is not known opens nothing', async () => {
    const { manager, network } = fixture(cluster(2))
    await manager.connect('stranger')
    expect(network.dialled).toEqual([])
    expect(manager.isSpare('stranger')).toBe(false)
  })
})
