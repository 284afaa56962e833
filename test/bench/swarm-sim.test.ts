/** The swarms of the bench, small: each runs to its end, and its figures are what they are for. */
import { expect, test } from 'vitest'
import { swarmSim } from '../../bench/swarm-sim.ts'

test('simulated swarms keep near the ideal, and leave the origin and the lines between sites alone', async () => {
  const rows = await swarmSim({ tiny: true, say: () => {} })
  const figures = Object.fromEntries(rows.map(({ id, value }) => [id.replace('/simulated', ''), value]))
  expect(Object.keys(figures)).toEqual([
    'swarm_makespan_vs_ideal',
    'swarm_p99_over_p50',
    'origin_copies',
    'site_copies',
    'aggregate_rate/1',
    'aggregate_rate/2',
    'dead_holder_avoided_p99_s',
  ])
  // Four chunks: the last one is as long on its way to the last node as half of the model.
  expect(figures.swarm_makespan_vs_ideal).toBeLessThan(2.5)
  expect(figures.swarm_p99_over_p50).toBeLessThan(1.5)
  expect(figures.origin_copies).toBeLessThan(1.05)
  expect(figures.site_copies).toBeLessThan(1.05)
  expect(figures['aggregate_rate/2']).toBeGreaterThan(0.9)
  expect(figures.dead_holder_avoided_p99_s).toBeLessThan(3)
})
