import { expect, it } from 'vitest'
import { KeptConnections } from '../../../sim/network/kept-connections.ts'

const [client, server, rttMs] = [1, 2, 40]

it('opens a connection for what has none, and uses it again', () => {
  const kept = new KeptConnections({ openRoundTrips: 3, idleS: 30 })
  expect(kept.take(client, server, rttMs, 0)).toBe(120)
  expect(kept.take(client, server, rttMs, 10)).toBe(120)
  kept.giveBack(client, server, 1_000)
  expect(kept.take(server, client, rttMs, 1_000)).toBe(120)
  expect(kept.take(client, server, rttMs, 31_000)).toBe(0)
})

it('has closed what nobody used for too long, and what broke', () => {
  const kept = new KeptConnections({ openRoundTrips: 1, idleS: 30 })
  kept.giveBack(client, server, 0)
  expect(kept.take(client, server, rttMs, 30_001)).toBe(40)
  kept.giveBack(client, server, 40_000)
  kept.drop(server)
  expect(kept.take(client, server, rttMs, 40_000)).toBe(40)
})

it('costs nothing where opening does, and keeps for ever where no time is given', () => {
  expect(new KeptConnections({ openRoundTrips: 0, idleS: 1 }).take(client, server, rttMs, 0)).toBe(0)
  const kept = new KeptConnections({ openRoundTrips: 1, idleS: null })
  kept.giveBack(client, server, 0)
  expect(kept.take(client, server, rttMs, 1e12)).toBe(0)
})
