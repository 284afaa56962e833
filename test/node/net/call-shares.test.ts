/** Calls of many peers: nobody takes all places, nobody all memory. */
import { expect, it } from 'vitest'
import { CallShares } from '../../../node/net/call-shares.ts'

const MiB = 2 ** 20
const limits = { inboundMax: 8, inboundPerPeerMax: 6, inboundPerPeerMin: 2, inboundBytesMax: 100 * MiB }

it('a peer has its share of the calls, and another has some also when all places are taken', () => {
  const shares = new CallShares(limits)
  for (let at = 0; at < 6; at += 1) shares.enter('liar')
  expect(() => shares.enter('liar')).toThrow('6 calls')
  for (let at = 0; at < 2; at += 1) shares.enter('other liar')
  expect(() => shares.enter('other liar')).toThrow('8 calls')
  for (let at = 0; at < 2; at += 1) shares.enter('honest')
  expect(() => shares.enter('honest')).toThrow('8 calls')
  for (let at = 0; at < 2; at += 1) shares.leave('honest', 0)
  shares.leave('liar', 0)
  shares.enter('honest')
})

it('the bytes of all requests have a limit, and one peer has half of it; small ones always have room', () => {
  const shares = new CallShares(limits)
  for (const peer of ['liar', 'liar', 'liar', 'honest']) shares.enter(peer)
  const first = shares.reserve('liar', 60 * MiB)
  expect(() => shares.reserve('liar', MiB)).toThrow('calls of')
  expect(shares.reserve('liar', 1_000)).toBe(0)
  const other = shares.reserve('honest', 40 * MiB)
  shares.leave('liar', first)
  expect(shares.reserve('liar', 50 * MiB)).toBe(50 * MiB)
  shares.leave('honest', other)
})
