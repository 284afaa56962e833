/**
 * One scenario, played by eight real daemons behind slow lines, and simulated. The table of both is printed. How far they are
 * apart depends on what else the machine does, so it is a figure of `holdfast bench sim` and not held here; what is held is that
 * the daemons answer every request, as the simulated ones do.
 */
import { describe, expect, it } from 'vitest'
import { labObstacle } from '../../bench/lab/network-lab.ts'
import { simLabBench } from '../../bench/sim-lab.ts'

describe.skipIf(labObstacle() !== null)('eight daemons and their simulation', () => {
  it('answer every request', async () => {
    const said: string[] = []
    const rows = await simLabBench({ tiny: true, say: (text) => said.push(text) })
    for (const { id, value, note } of rows) console.log(`${id}: ${(value * 100).toFixed(1)} % (${note})`)
    expect(said.filter((line) => line.includes('failed'))).toEqual([])
    expect(rows.map(({ id }) => id)).toEqual([
      'real_vs_sim_error/hit',
      'real_vs_sim_error/origin_bytes',
      'real_vs_sim_error/delay',
    ])
  })
})
