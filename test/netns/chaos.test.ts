/** `holdfast bench chaos` for some seconds: its rows come, no answer is wrong, and nothing is left behind. Ten minutes are for people. */
import { describe, expect, it } from 'vitest'
import { chaosBench } from '../../bench/chaos.ts'
import { labObstacle } from '../../bench/lab/network-lab.ts'

describe.skipIf(labObstacle() !== null)('chaos', () => {
  it('gives no wrong answer, keeps the limits, and leaves nothing behind', async () => {
    const rows = await chaosBench({ tiny: true, say: (text) => console.log(text) })
    const values = Object.fromEntries(rows.map(({ id, value }) => [id, value]))
    expect(Object.keys(values)).toEqual(
      expect.arrayContaining([
        'wrong_answers',
        'failed_with_source',
        'recovery_p99_s',
        'limits_exceeded',
        'left_behind',
      ]),
    )
    expect(rows[0]!.n).toBeGreaterThan(0)
    expect(values).toMatchObject({ wrong_answers: 0, limits_exceeded: 0, left_behind: 0 })
  })
})
