/** Which failed requests count: those for which a source was there the whole time. */
import { describe, expect, it } from 'vitest'
import { FaultLog } from '../../bench/chaos/fault-log.ts'
import type { Fault, FaultKind } from '../../bench/chaos/faults.ts'
import { hadSource } from '../../bench/chaos/sources.ts'

const zones = ['north', 'north', 'south', 'south']
const fault = (kind: FaultKind, node: number | null = null): Fault => ({ kind, node, beginS: 0, endS: 1 })
const had = (asked: number, faults: readonly Fault[], holders: readonly number[]) =>
  hadSource(asked, { faults, zones, holders: new Set(holders) })

describe('a source', () => {
  it.each<{ what: string; faults: Fault[]; holders: number[]; is: boolean }>([
    { what: 'is the origin', faults: [], holders: [], is: true },
    { what: 'is an origin that is slow', faults: [fault('origin-slow')], holders: [], is: true },
    { what: 'is no origin that is away', faults: [fault('origin-away')], holders: [], is: false },
    { what: 'is no origin that hangs', faults: [fault('origin-hanging')], holders: [], is: false },
    { what: 'is the node itself', faults: [fault('origin-away')], holders: [0], is: true },
    { what: 'is a node of another zone', faults: [fault('origin-away')], holders: [3], is: true },
    {
      what: 'is no node beyond a partition',
      faults: [fault('origin-away'), fault('partition-zones')],
      holders: [3],
      is: false,
    },
    {
      what: 'is a node of its zone during a partition of zones',
      faults: [fault('origin-away'), fault('partition-zones')],
      holders: [1],
      is: true,
    },
    {
      what: 'is no node of its zone that is parted',
      faults: [fault('origin-away'), fault('partition-in-zone', 1)],
      holders: [1],
      is: false,
    },
    { what: 'is no node that was killed', faults: [fault('origin-away'), fault('kill', 1)], holders: [1], is: false },
    { what: 'is not there for a node that was stopped', faults: [fault('stop', 0)], holders: [0, 1], is: false },
  ])('$what', ({ faults, holders, is }) => {
    expect(had(0, faults, holders)).toBe(is)
  })
})

describe('the log of faults', () => {
  it('tells what overlapped a request, and of one that has not ended', () => {
    const log = new FaultLog()
    const [kill, loss] = [fault('kill', 0), fault('loss')]
    log.begin(kill, 100).endedMs = 200
    log.begin(loss, 300)
    expect(log.during(0, 99)).toEqual([])
    expect(log.during(50, 100)).toEqual([kill])
    expect(log.during(150, 160)).toEqual([kill])
    expect(log.during(201, 299)).toEqual([])
    expect(log.during(200, 1_000)).toEqual([kill, loss])
  })
})
