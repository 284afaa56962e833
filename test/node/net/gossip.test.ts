import { afterEach, describe, expect, test } from 'vitest'
import { isHoldfastError } from '../../../common/errors.ts'
import type { Entry } from '../../../core/events.ts'
import { decodeCbor, encodeCbor } from '../../../node/net/cbor.ts'
import { createEntrySigner, decodeEntries, encodeEntries } from '../../../node/net/index.ts'
import { addressOf, connect, type TestNode, TestNodes } from './nodes.ts'

const nodes = new TestNodes()
afterEach(() => nodes.stop())

/** As the daemon judges: entries that open are good. */
function judge(_topic: string, _from: string, message: Uint8Array): boolean {
  try {
    return decodeEntries(message).length > 0
  } catch (error) {
    if (isHoldfastError(error, 'PEER_PROTOCOL')) return false
    throw error
  }
}

const demandOf = (node: TestNode, sequence: number): Entry => ({
  kind: 'demand',
  node: node.network.self,
  epoch: 1,
  sequence,
  body: { rates: [] },
})
const signed = (node: TestNode, sequence: number) =>
  encodeEntries([createEntrySigner(node.network)(demandOf(node, sequence))])

async function chain(): Promise<[TestNode, TestNode, TestNode]> {
  const [a, b, c] = await Promise.all([nodes.start({ judge }), nodes.start({ judge }), nodes.start({ judge })])
  await connect(a, b, 'demand')
  await connect(b, c, 'demand')
  return [a, b, c]
}

test('an entry reaches all three nodes with its author and signature', async () => {
  const [a, b, c] = await chain()
  await a.network.broadcast('demand', signed(a, 1))
  for (const node of [b, c]) {
    const { message } = await node.messages.first()
    expect(decodeEntries(message).map(({ entry }) => entry)).toEqual([demandOf(a, 1)])
  }
})

describe('is neither delivered nor relayed:', () => {
  /** Sends `bad` and then a good entry; what C has heard when the good one arrives went through B. */
  async function heardAfter(bad: (a: TestNode, c: TestNode) => Uint8Array): Promise<void> {
    const [a, b, c] = await chain()
    await a.network.broadcast('demand', bad(a, c))
    const good = signed(a, 2)
    await a.network.broadcast('demand', good)
    await c.messages.first()
    expect(b.messages.items.map(({ message }) => message)).toEqual([good])
    expect(c.messages.items.map(({ message }) => message)).toEqual([good])
  }

  test('an entry in the name of another node', () =>
    heardAfter((a, c) => {
      const envelope = createEntrySigner({ self: c.network.self, sign: (bytes) => a.network.sign(bytes) })(
        demandOf(c, 1),
      )
      return encodeEntries([envelope])
    }))

  test('an entry that was changed after it was signed', () =>
    heardAfter((a) => {
      const { entry, envelope } = createEntrySigner(a.network)(demandOf(a, 1))
      const [version, body, signature] = decodeCbor(envelope as Uint8Array, 'envelope') as [
        number,
        Uint8Array,
        Uint8Array,
      ]
      const value = decodeCbor(body, 'body') as object
      return encodeEntries([
        { entry, envelope: encodeCbor([version, encodeCbor({ ...value, sequence: 9 }), signature]) },
      ])
    }))

  test('bytes that are no CBOR', () => heardAfter(() => new Uint8Array([0xff, 0x00, 0x9f])))

  test('an empty message', () => heardAfter(() => new Uint8Array(0)))
})

test('a message above the limit is not sent, and not taken from a node with another limit', async () => {
  const small = { gossip: { messageBytes: 1000 } }
  const [a, b, c] = await Promise.all([nodes.start(), nodes.start(small), nodes.start()])
  await connect(a, b)
  await connect(b, c)
  await expect(b.network.broadcast('state', new Uint8Array(1001))).rejects.toMatchObject({ code: 'REQUEST_TOO_LARGE' })
  await a.network.broadcast('state', new Uint8Array(1001))
  await a.network.broadcast('state', new Uint8Array(1000))
  expect((await c.messages.first()).message).toHaveLength(1000)
  expect(b.messages.items).toHaveLength(1)
})

test('the same bytes under another topic do not suppress a message', async () => {
  const [a, b, c] = await Promise.all([nodes.start(), nodes.start(), nodes.start()])
  await connect(a, b)
  await connect(c, b)
  const message = new Uint8Array([1, 2, 3])
  await c.network.broadcast('residency', message)
  await b.messages.first(({ topic }) => topic === 'residency')
  await a.network.broadcast('state', message)
  expect(await b.messages.first(({ topic }) => topic === 'state')).toMatchObject({ from: a.network.self })
})

test('twelve nodes behind one address all hear each other', async () => {
  const all = await Promise.all(Array.from({ length: 12 }, () => nodes.start()))
  // Everybody knows everybody, as nodes do that learn each other's addresses. (In a star the hub may relay a message just before
  // a leaf joins its mesh; gossipsub never brings that one, and reconciliation has to.)
  // One node after another: 66 handshakes at once in one process can pass limits of seconds that libp2p has for what follows one.
  for (const [index, node] of all.entries()) await Promise.all(all.slice(0, index).map((other) => connect(node, other)))
  await Promise.all(all.map((node, index) => node.network.broadcast('state', Uint8Array.of(index))))
  for (const [index, node] of all.entries()) {
    const expected = all.map((_, other) => other).filter((other) => other !== index)
    await Promise.all(expected.map((other) => node.messages.first(({ message }) => message[0] === other)))
    expect(node.messages.items).toHaveLength(11)
  }
})

test('a neighbour that keeps sending malformed messages is cut off and cannot come back at once', async () => {
  const a = await nodes.start()
  const b = await nodes.start({ judge: () => false, malformedMax: 3 })
  await connect(a, b)
  for (let index = 0; index < 4; index++) await a.network.broadcast('state', Uint8Array.of(index))
  expect(await b.refused.first()).toMatchObject({
    remote: a.network.self,
    reason: expect.stringContaining('malformed'),
  })
  expect(await b.down.first()).toBe(a.network.self)
  await a.down.first()
  await expect(b.network.dial(addressOf(a))).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' })
})

test('a judge that throws lets nothing through and breaks nothing', async () => {
  let calls = 0
  const a = await nodes.start()
  const b = await nodes.start({
    judge: () => {
      if (calls++ === 0) throw new Error('defect of the judge')
      return true
    },
  })
  await connect(a, b)
  await a.network.broadcast('state', Uint8Array.of(1))
  await a.network.broadcast('state', Uint8Array.of(2))
  await b.messages.first()
  expect(b.messages.items.map(({ message }) => message)).toEqual([Uint8Array.of(2)])
})

test('a node with fifteen neighbours behind one address hears and reaches them all', async () => {
  // gossipsub's own score by address would graylist all of them: (15 - 10)^2 * -5 is below its threshold of -80.
  const hub = await nodes.start()
  const leaves = await Promise.all(Array.from({ length: 15 }, () => nodes.start()))
  await Promise.all(leaves.map((leaf) => connect(leaf, hub)))
  await Promise.all(leaves.map((leaf, index) => leaf.network.broadcast('state', Uint8Array.of(index))))
  await hub.network.broadcast('state', Uint8Array.of(99))
  await Promise.all(leaves.map((leaf) => hub.messages.first(({ from }) => from === leaf.network.self)))
  await Promise.all(leaves.map((leaf) => leaf.messages.first(({ message }) => message[0] === 99)))
})
