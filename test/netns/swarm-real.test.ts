/** The swarms of real nodes in `holdfast bench swarm`, small. How fast they are is a figure of the bench; that each row comes is held. */
import { describe, expect, it } from 'vitest'
import { labObstacle } from '../../bench/lab/network-lab.ts'
import { swarmReal } from '../../bench/swarm-real.ts'

describe.skipIf(labObstacle() !== null)('swarms of real nodes', () => {
  it('give a row each, and a reason for each competitor that is not there', async () => {
    const said: string[] = []
    const rows = await swarmReal({ tiny: true, say: (text) => said.push(text) })
    for (const { id, value, note } of rows) console.log(`${id}: ${value.toFixed(2)} (${note ?? ''})`)
    const ids = rows.map(({ id }) => id)
    expect(ids).toEqual(
      expect.arrayContaining([
        'swarm_makespan_vs_ideal',
        'swarm_p99_over_p50',
        'origin_copies',
        'site_copies',
        'aggregate_rate/1',
        'aggregate_rate/2',
        'dead_holder_avoided_p99_s',
      ]),
    )
    for (const { id, value } of rows) expect(Number.isFinite(value) && value >= 0, id).toBe(true)
    expect(rows.find(({ id }) => id === 'dead_holder_failed_opens')?.value).toBe(0)
    for (const competitor of ['aria2-bittorrent', 'everyone-from-origin']) {
      const isThere = ids.includes(`swarm_makespan_vs_ideal/${competitor}`)
      expect(isThere || said.some((line) => line.startsWith(`${competitor} is left out: `)), competitor).toBe(true)
    }
  })
})
