/** The schedule of faults is a function of the seed, has all kinds, and lets the nodes come to rest between two faults. */
import { describe, expect, it } from 'vitest'
import { faultKinds, isOfOneNode } from '../../bench/chaos/faults.ts'
import { planFaults } from '../../bench/chaos/plan-faults.ts'

const nodeCount = 4
const tenMinutes = { seed: 1, seconds: 600, nodeCount }

describe('the schedule of faults', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(planFaults(tenMinutes)).toEqual(planFaults(tenMinutes))
    expect(planFaults({ ...tenMinutes, seed: 2 })).not.toEqual(planFaults(tenMinutes))
  })

  it.each([1, 2, 3, 4, 5])('of ten minutes has at least 40 faults, and every kind twice at least (seed %i)', (seed) => {
    const faults = planFaults({ ...tenMinutes, seed })
    expect(faults.length).toBeGreaterThanOrEqual(40)
    for (const kind of faultKinds)
      expect(faults.filter((fault) => fault.kind === kind).length).toBeGreaterThanOrEqual(2)
  })

  it('of a minute and a few seconds has every kind once', () => {
    const kinds = planFaults({ ...tenMinutes, seconds: 64 }).map(({ kind }) => kind)
    expect(kinds.sort()).toEqual([...faultKinds].sort())
  })

  it.each([10, 64, 600])('of %i seconds ends in time, one fault after the other, with rest between', (seconds) => {
    const faults = planFaults({ ...tenMinutes, seconds })
    for (const [at, { beginS, endS }] of faults.entries()) {
      const nextS = faults[at + 1]?.beginS ?? seconds
      expect(endS).toBeGreaterThan(beginS)
      expect(nextS - endS).toBeGreaterThanOrEqual((nextS - beginS) / 2 - 1e-9)
    }
  })

  it('names a node for the faults of one, and only for these', () => {
    for (const { kind, node } of planFaults(tenMinutes)) {
      if (isOfOneNode(kind)) expect(node).toBeLessThan(nodeCount)
      else expect(node).toBeNull()
    }
  })
})
