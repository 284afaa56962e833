import { describe, expect, it } from 'vitest'
import {
  bandwidthAt,
  forwardAt,
  isNear,
  isUsable,
  latencyAt,
  NodeFacts,
  rowWidth,
} from '../../../core/cluster/node-facts.ts'

const speed = { latencyMs: 2, bandwidthBytesPerS: 100 }

describe('NodeFacts', () => {
  it('keeps what was found for as long as nobody else looks, no time passes and nothing changes', () => {
    const looker = {}
    const rounds = [
      { looker, nowMs: 5, revision: 1, isKept: true },
      { looker, nowMs: 6, revision: 1, isKept: false },
      { looker, nowMs: 5, revision: 2, isKept: false },
      { looker: {}, nowMs: 5, revision: 1, isKept: false },
    ]
    for (const round of rounds) {
      const facts = new NodeFacts()
      facts.begin(looker, 5, 1, 10)
      facts.found(3, isUsable + isNear, speed, 7)
      facts.skip(4)
      facts.begin(round.looker, round.nowMs, round.revision, 10)
      expect([facts.isFound(3), facts.isFound(4), facts.isFound(5)]).toEqual([round.isKept, round.isKept, false])
    }
  })

  it('gives back what was found, and nothing of it once it has to make room for more nodes', () => {
    const facts = new NodeFacts()
    const looker = {}
    facts.begin(looker, 0, 0, 2)
    facts.found(1, isUsable, speed, 7)
    const row = rowWidth
    const found = [latencyAt, bandwidthAt, forwardAt].map((at) => facts.rows[row + at])
    expect([facts.flags[1], ...found]).toEqual([isUsable, 2, 100, 9])
    facts.begin(looker, 0, 0, 3)
    expect(facts.isFound(1)).toBe(false)
  })
})
