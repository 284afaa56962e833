/** The bench of placement runs, small, in the tests, on generated requests. */
import { expect, it } from 'vitest'
import { holdfast } from '../support/holdfast-command.ts'

it('prints every row, and what must hold on any machine holds', async () => {
  const { code, stdout, stderr } = await holdfast(['bench', 'placement', '--json', '--tiny'])
  expect(code).toBe(0)
  const { results } = JSON.parse(stdout) as { results: { id: string; value: number; unit: string; n: number }[] }
  const values = Object.fromEntries(results.map(({ id, value }) => [id, value]))
  expect(Object.keys(values)).toEqual([
    'load_delay_vs_online_beladyam/mean',
    'load_delay_vs_online_beladyam/worst',
    'gap_to_oracle_closed',
    'memory_at_equal_delay_vs_lru',
    'memory_at_equal_delay_vs_lru/oracle',
    'requests_per_s/lru',
    'requests_per_s/belady-am',
    'requests_per_s/holdfast',
    'gentd26_vs_best_online',
    'optimality_gap',
    'optimality_gap/worst',
  ])
  for (const { id, value } of results) expect(Number.isFinite(value), id).toBe(true)
  expect(values['load_delay_vs_online_beladyam/worst']).toBeGreaterThanOrEqual(
    values['load_delay_vs_online_beladyam/mean']!,
  )
  expect(values.memory_at_equal_delay_vs_lru).toBeLessThan(1)
  expect(values['optimality_gap/worst']).toBeLessThanOrEqual(1 + 1e-9)
  expect(stderr).toContain('seeds 201, 202')
  expect(stderr).toContain('seed 301')
})
