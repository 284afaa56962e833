/** What a node may say, so that what all receive stays within the budget. */
import { describe, expect, test } from 'vitest'
import { defaultGossipPaceOptions, GossipPace, roughBytes } from '../../../core/cluster/gossip-pace.ts'
import type { SignedEntry } from '../../../core/events.ts'
import { digest, entryOf, resident, stateBody } from '../fixture.ts'

const { budgetBytesPerS, copies, framingBytes, stretchMax, intervalMsMax, backgroundPercentMin } =
  defaultGossipPaceOptions
const stateBytes = 450
const residency = (modelCount: number): SignedEntry => {
  const models = Array.from({ length: modelCount }, (_, at) => resident(digest(`m${at}`)))
  return entryOf('residency', 'a', { models: models.toSorted((a, b) => (a.model < b.model ? -1 : 1)) })
}

/** News at a steady rate for a while; the pace afterwards. */
function hearing(
  ratePerS: number,
  durationS: number,
  signed = residency(10),
  pace = new GossipPace(),
  startMs = 0,
): GossipPace {
  for (let at = 0; at <= durationS * ratePerS; at += 1) pace.received(signed, startMs + (at * 1_000) / ratePerS)
  return pace
}

describe('the background', () => {
  test.each([10, 100, 1_000, 10_000])(
    'of %i nodes fits into the budget, unless its intervals are at their longest',
    (nodeCount) => {
      const intervalMs = new GossipPace().backgroundMs(stateBytes, nodeCount)
      const receivedBytesPerS = (2 * nodeCount * copies * (stateBytes + framingBytes) * 1_000) / intervalMs
      if (intervalMs < intervalMsMax) expect(receivedBytesPerS).toBeCloseTo(budgetBytesPerS, 3)
      else expect(intervalMs).toBe(intervalMsMax)
    },
  )

  test('gives way to news, down to its share', () => {
    const quiet = new GossipPace().backgroundMs(stateBytes, 100)
    const some = hearing(5, 120).backgroundMs(stateBytes, 100)
    const flood = hearing(500, 120).backgroundMs(stateBytes, 100)
    expect(some).toBeGreaterThan(1.2 * quiet)
    expect(flood).toBeCloseTo((quiet * 100) / backgroundPercentMin, 3)
  })

  test('comes back when the news end', () => {
    const pace = hearing(50, 120)
    const busyMs = pace.backgroundMs(stateBytes, 100)
    pace.received(residency(0), 240_000)
    pace.received(residency(0), 300_000)
    expect(pace.backgroundMs(stateBytes, 100)).toBeLessThan(0.5 * busyMs)
  })
})

describe('news', () => {
  test('wait for nobody while they fit into the budget', () => {
    expect(hearing(3, 300).stretch).toBe(1)
  })

  test('wait longer when they alone exceed it, but not for ever, and not when they have ended', () => {
    const pace = hearing(500, 300)
    expect(pace.stretch).toBe(stretchMax)
    hearing(1, 120, residency(1), pace, 300_000)
    expect(pace.stretch).toBe(1)
  })

  test('settle where all who change as fast as they may just fill it', () => {
    // A hundred nodes that have news all the time: each speaks as often as its interval allows.
    const pace = new GossipPace()
    const signed = residency(10)
    let [bytes, nowMs] = [0, 0]
    for (; nowMs < 600_000; nowMs += (500 * pace.stretch) / 100) {
      pace.received(signed, nowMs)
      if (nowMs > 300_000) bytes += (roughBytes(signed) + framingBytes) * copies
    }
    const share = bytes / 300 / budgetBytesPerS
    expect(share).toBeGreaterThan(0.6)
    expect(share).toBeLessThan(0.9)
  })

  test('states are background, whatever their size', () => {
    const state = entryOf('state', 'a', stateBody())
    expect(hearing(500, 60, state).stretch).toBe(1)
  })
})

test('a demand entry speaks of fewer models in a larger cluster, but of some in any', () => {
  const counts = [10, 100, 1_000, 10_000].map((nodeCount) => new GossipPace().demandModelCount(nodeCount))
  expect(counts.toSorted((a, b) => b - a)).toEqual(counts)
  expect([counts[0], counts.at(-1)]).toEqual([64, 8])
})
