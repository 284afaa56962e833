/** Strangers at the bulk port: whatever they hold open, peers get their chunks. */
import { afterEach, describe, expect, it } from 'vitest'
import { requestOf } from '../../../../conformance/bulk-transport.suite.ts'
import { fetchBytes } from '../../../../support/chunk-buffer.ts'
import { SilentSockets } from '../../../../support/silent-sockets.ts'
import { until } from '../../../../support/until.ts'
import { BulkNodes } from './bulk-nodes.ts'

const nodes = new BulkNodes()
const strangers = new SilentSockets()
const bytes = Buffer.alloc(1_000, 7)
const one = requestOf(bytes)

afterEach(async () => {
  strangers.close()
  await nodes.stop()
})

function targetOf(address: string): { host: string; port: number } {
  return { host: '127.0.0.1', port: Number(address.slice(address.lastIndexOf(':') + 1)) }
}

describe('silent connections to the bulk port', () => {
  it('520 of them keep nobody out, with the default limits', async () => {
    const holder = await nodes.start({ serve: async () => bytes })
    const peer = { node: holder.node, address: holder.bulk.address() }
    await strangers.open(520, targetOf(peer.address))
    const asker = await nodes.start()
    expect(Buffer.from((await fetchBytes(asker.bulk, peer, one))!)).toEqual(bytes)
    // None of it is worth a line in the log.
    expect(holder.refused.items).toEqual([])
  })

  it('never take the place of a peer that has proved itself', async () => {
    const limits = { inboundConnectionsMax: 2, handshakesMax: 4, handshakesPerAddressMax: 4 }
    const holder = await nodes.start({ serve: async () => bytes, ...limits })
    const peer = { node: holder.node, address: holder.bulk.address() }
    const asker = await nodes.start({ connectionsPerPeerMax: 1 })
    expect(Buffer.from((await fetchBytes(asker.bulk, peer, one))!)).toEqual(bytes)
    await strangers.open(100, targetOf(peer.address))
    await until('the others give way', () => strangers.openCount <= 4)
    expect(Buffer.from((await fetchBytes(asker.bulk, peer, one))!)).toEqual(bytes)
  })
})

it('a peer that has its share of connections displaces its own, and the next peer comes in', async () => {
  const holder = await nodes.start({ serve: async () => bytes, inboundConnectionsMax: 1 })
  const peer = { node: holder.node, address: holder.bulk.address() }
  for (let at = 0; at < 4; at += 1) {
    const asker = await nodes.start()
    expect(Buffer.from((await fetchBytes(asker.bulk, peer, one))!)).toEqual(bytes)
  }
})
