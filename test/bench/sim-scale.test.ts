/** The bench of scale, small: its rows are there and say something. */
import { expect, it } from 'vitest'
import { simScaleBench } from '../../bench/sim-scale.ts'

it('gives every row, and what must hold on any machine holds', async () => {
  const said: string[] = []
  const rows = await simScaleBench({ tiny: true, say: (text) => said.push(text) })
  const values = Object.fromEntries(rows.map(({ id, value }) => [id, value]))
  expect(Object.keys(values)).toEqual([
    'requests_per_s/1000',
    'gossip_bytes_per_node_s/100',
    'convergence_p99_s/100',
    'gossip_bytes_per_node_s/1000',
    'convergence_p99_s/1000',
    'nodes_10000_rss_gb',
  ])
  for (const { id, value } of rows) expect(Number.isFinite(value) && value > 0, id).toBe(true)
  for (const size of [100, 1_000]) {
    expect(values[`convergence_p99_s/${size}`]).toBeLessThan(3)
    expect(values[`gossip_bytes_per_node_s/${size}`]).toBeLessThan(40_000)
  }
  expect(said.join('\n')).toContain('seed 11')
})
