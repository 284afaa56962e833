/** Bandwidth is shared max-min fairly, whatever begins, ends, is cut or changes; and every byte arrives when it must. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Flows } from '../../../sim/network/flows.ts'
import { EventQueue } from '../../../sim/world/event-queue.ts'

/** Ends 0.. have an uplink (2i) and a downlink (2i + 1) each. */
function create(capacities: readonly number[]) {
  const queue = new EventQueue()
  const flows = new Flows({ queue, pathOf: (from, to) => [2 * from, 2 * to + 1] })
  for (const bytesPerS of capacities) flows.addLink(bytesPerS)
  return { queue, flows }
}

test('two flows into one node share its line, and the second gets all when the first has ended', () => {
  const { queue, flows } = create([1000, 1000, 1000, 1000, 1000, 1000])
  const ends: [string, number][] = []
  flows.send(0, 2, 500, () => ends.push(['short', queue.nowMs]))
  flows.send(1, 2, 1500, () => ends.push(['long', queue.nowMs]))
  queue.runUntil(10_000)
  expect(ends).toEqual([
    ['short', 1000],
    ['long', 2000],
  ])
})

test('what a slow sender leaves goes to the others', () => {
  const { flows } = create([100, 1000, 1000, 1000, 1000, 1000])
  flows.send(0, 2, 1e6, () => {})
  flows.send(1, 2, 1e6, () => {})
  expect(flows.rates().map(({ bytesPerS }) => bytesPerS)).toEqual([100, 900])
})

test('transfers of one pair come one after another over one flow', () => {
  const { queue, flows } = create([1000, 1000, 1000, 1000])
  const ends: number[] = []
  for (let count = 0; count < 3; count += 1) flows.send(0, 1, 1000, () => ends.push(queue.nowMs))
  expect(flows.flowCount).toBe(1)
  queue.runUntil(10_000)
  expect(ends).toEqual([1000, 2000, 3000])
})

test('transfers in several lanes of one pair share what it has, and each lane goes on by itself', () => {
  const { queue, flows } = create([1000, 1000, 1000, 1000])
  const ends: [string, number][] = []
  const send = (name: string, sizeBytes: number, lane: number) =>
    flows.send(0, 1, sizeBytes, () => ends.push([name, queue.nowMs]), lane)
  send('a', 500, 1)
  send('b', 1500, 2)
  send('c', 250, 1)
  expect(flows.flowCount).toBe(1)
  queue.runUntil(10_000)
  expect(ends).toEqual([
    ['a', 1000],
    ['c', 1500],
    ['b', 2250],
  ])
})

test('a cut flow ends each of its transfers with false, once', () => {
  const { queue, flows } = create([1000, 1000, 1000, 1000])
  const arrived: boolean[] = []
  flows.send(0, 1, 1000, (ok) => arrived.push(ok))
  flows.send(0, 1, 1000, (ok) => arrived.push(ok))
  queue.runUntil(1_500)
  flows.cut((from) => from === 0)
  queue.runUntil(10_000)
  expect(arrived).toEqual([true, false])
  expect(flows.flowCount).toBe(0)
})

describe('any order of beginnings, ends, cuts and changes of capacity', () => {
  const end = fc.integer({ min: 0, max: 5 })
  const act = fc.oneof(
    fc.record({
      kind: fc.constant('send' as const),
      from: end,
      to: end,
      size: fc.integer({ min: 1, max: 5_000 }),
      lane: fc.nat(2),
    }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 2_000 }) }),
    fc.record({ kind: fc.constant('cut' as const), node: end }),
    fc.record({
      kind: fc.constant('capacity' as const),
      link: fc.nat(11),
      bytesPerS: fc.integer({ min: 10, max: 2_000 }),
    }),
  )
  test('keeps max-min fairness, and all that was not cut arrives', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 10, max: 2_000 }), { minLength: 12, maxLength: 12 }),
        fc.array(act, { maxLength: 60 }),
        (capacities, acts) => {
          const { queue, flows } = create(capacities)
          let [sent, ended] = [0, 0]
          for (const one of acts) {
            if (one.kind === 'send') {
              sent += 1
              const end = () => {
                ended += 1
              }
              flows.send(one.from, one.to, one.size, end, one.lane)
            } else if (one.kind === 'wait') queue.runUntil(queue.nowMs + one.ms)
            else if (one.kind === 'cut') flows.cut((from, to) => from === one.node || to === one.node)
            else flows.setCapacity(one.link, one.bytesPerS)
            flows.checkInvariants()
          }
          queue.runUntil(queue.nowMs + 1e9)
          expect(ended).toBe(sent)
          expect(flows.flowCount).toBe(0)
        },
      ),
      { numRuns: 300 },
    )
  })
})
