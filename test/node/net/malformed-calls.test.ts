/** Large calls that mean nothing cost their sender time, and nobody else. */
import { afterEach, expect, it } from 'vitest'
import { HoldfastError } from '../../../common/errors.ts'
import { hung } from '../../support/hung.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { until } from '../../support/until.ts'
import { addressOf, TestNodes } from './nodes.ts'

const nodes = new TestNodes()
afterEach(() => nodes.stop())

it('a peer that keeps sending large malformed calls waits for the next one; its small ones and other peers do not', async () => {
  const clock = new ManualClock()
  const node = await nodes.start({ clock })
  node.network.handle('junk', async () => {
    throw new HoldfastError('PEER_PROTOCOL', 'This is no request.')
  })
  node.network.handle('echo', async (_from, payload) => payload)
  const [liar, peer] = [await nodes.start(), await nodes.start()]
  for (const { network } of [liar, peer]) await network.dial(addressOf(node), { signal: hung() })
  const victim = node.network.self
  const large = new Uint8Array(100_000)
  const junk = () =>
    liar.network.call(victim, 'junk', large, { signal: hung() }).catch(({ code }: HoldfastError) => code)
  for (let at = 0; at < 4; at += 1) expect(await junk()).toBe('PEER_PROTOCOL')
  const timersBefore = clock.timerCount
  let answered: unknown = null
  const fifth = junk().then((code) => {
    answered = code
  })
  // The limit of its request, and its turn.
  await until('the fifth call waits', () => clock.timerCount >= timersBefore + 2)
  const small = new Uint8Array(10)
  expect(await liar.network.call(victim, 'echo', small, { signal: hung() })).toEqual(small)
  expect((await peer.network.call(victim, 'echo', large, { signal: hung() })).byteLength).toBe(large.byteLength)
  expect(answered).toBe(null)
  clock.advance(2_000)
  await fifth
  expect(answered).toBe('PEER_PROTOCOL')
})
