import { describe, expect, it } from 'vitest'
import {
  type CopyView,
  type ElsewhereView,
  marginalCostMs,
  noCopies,
  othersLossMsPerS,
  roleOf,
} from '../../../placement/index.ts'

const far = { ...noCopies, copyCount: 1, transferMs: 1_000, memoryForwardMs: 40 }
const near = { ...noCopies, copyCount: 1, transferMs: 300, memoryForwardMs: 1 }
const alone: ElsewhereView = {
  near: noCopies,
  far: noCopies,
  originMs: 4_000,
  isPrimaryHolder: true,
  isZonePrimary: true,
  isMemoryPrimary: true,
}
const notPrimary = { isPrimaryHolder: false, isZonePrimary: false, isMemoryPrimary: false }
const copy = (elsewhere: Partial<ElsewhereView>, other: Partial<CopyView> = {}): CopyView => ({
  initMs: 200,
  diskMs: null,
  mayForward: true,
  elsewhere: { ...alone, ...elsewhere },
  ...other,
})

describe('what giving up a copy costs the next request here', () => {
  it.each([
    { id: 'last-copy', view: copy({}), costMs: 4_200 },
    { id: 'primary-holder', view: copy({ near, far }), costMs: 4_200 },
    { id: 'replica-near', view: copy({ near, far, ...notPrimary }), costMs: 1 },
    { id: 'replica-far', view: copy({ far, ...notPrimary }), costMs: 40 },
    { id: 'replica-near', view: copy({ near, far, ...notPrimary }, { mayForward: false }), costMs: 500 },
    { id: 'replica-far', view: copy({ far, ...notPrimary }, { mayForward: false }), costMs: 1_200 },
    { id: 'on-disk', view: copy({}, { diskMs: 100 }), costMs: 300 },
    { id: 'on-disk', view: copy({ near }, { diskMs: 100 }), costMs: 300 },
    { id: 'on-disk', view: copy({ near, ...notPrimary }, { diskMs: 100 }), costMs: 1 },
  ])('$id: $costMs ms', ({ id, view, costMs }) => {
    expect([roleOf(view), marginalCostMs(view)]).toEqual([id, costMs])
  })

  it('is without bound where nobody could deliver it again', () => {
    expect(marginalCostMs(copy({ originMs: Number.POSITIVE_INFINITY }))).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('what giving up a copy costs the other nodes', () => {
  const demand = { othersRatePerS: 0.5, zoneRatePerS: 0.25 }
  it.each([
    { id: 'a last copy: the next request goes to the origin', view: copy({}), loss: 0.5 * 4_200 },
    { id: 'the primary holder answers for it', view: copy({ near }), loss: 0.5 * 4_200 },
    { id: 'a replica: nothing', view: copy({ near, far, ...notPrimary }), loss: 0 },
    { id: 'the only one of the zone', view: copy({ far, isPrimaryHolder: false }), loss: 0.25 * 40 },
    { id: 'the disk still has it', view: copy({}, { diskMs: 100 }), loss: 0 },
  ])('$id', ({ view, loss }) => {
    expect(othersLossMsPerS(view, demand)).toBe(loss)
  })

  it('is nothing where nobody asks, also without an origin', () => {
    const view = copy({ originMs: Number.POSITIVE_INFINITY })
    expect(othersLossMsPerS(view, { othersRatePerS: 0, zoneRatePerS: 0 })).toBe(0)
  })
})
