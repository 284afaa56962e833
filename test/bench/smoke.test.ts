/** The bench runs, small, in the tests: a figure that cannot be produced any more is noticed. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { root } from '../support/source-files.ts'

const run = promisify(execFile)

it('prints exactly one JSON object with every row, each a finite number with its unit and count', async () => {
  const { stdout } = await run(process.execPath, [
    join(root, 'bin', 'holdfast.js'),
    'bench',
    'smoke',
    '--json',
    '--tiny',
  ])
  const { results } = JSON.parse(stdout) as { results: { id: string; value: number; unit: string; n: number }[] }
  expect(results.map(({ id }) => id)).toEqual(
    expect.arrayContaining([
      'pull_peer_mbps',
      'pull_origin_mbps',
      'open_hit_us',
      'second_process_private_pct',
      'forward_overhead_ms',
    ]),
  )
  for (const row of results) {
    expect(row, row.id).toEqual({
      id: expect.any(String),
      value: expect.any(Number),
      unit: expect.any(String),
      n: expect.any(Number),
    })
    expect(Number.isFinite(row.value), row.id).toBe(true)
  }
  const privatePct = results.find(({ id }) => id === 'second_process_private_pct')!.value
  expect(privatePct).toBeLessThan(1)
})
