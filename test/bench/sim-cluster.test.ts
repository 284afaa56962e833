/** The benches of the simulated cluster run, on short runs of the same worlds; what they show is shown by the long ones. */
import { expect, test } from 'vitest'
import { gainRows, joinLeaveRow, rejectRows, staleRows } from '../../bench/sim-cluster.ts'

const context = { tiny: true, say: () => {} }

test('marginal cost and its blind twin are compared on one world', () => {
  const rows = gainRows(context)
  expect(rows.map(({ id }) => id)).toEqual(['cluster_gain_delay/16', 'cluster_gain_origin_bytes/16'])
  // Memories are full at the start; within minutes neither can be far from the other.
  for (const { value } of rows) expect(value > 0.5 && value < 1.5, `${value}`).toBe(true)
})

test('stale gossip is compared with gossip that takes no time', () => {
  const [row] = staleRows(context)
  expect(row!.value).toBeGreaterThan(0.5)
  expect(row!.value).toBeLessThan(2)
})

test('nothing that fits is turned away', () => {
  expect(rejectRows(context).map(({ id, value }) => [id, value])).toEqual([
    ['rejects/1', 0],
    ['rejects/4', 0],
  ])
})

test('what a node keeps is about what moves when it comes or goes', () => {
  const { value } = joinLeaveRow(context)
  expect(value).toBeGreaterThan(0)
  expect(value).toBeLessThan(3)
})
