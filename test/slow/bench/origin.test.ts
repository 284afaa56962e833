/** The bench of the origin runs, small, in the tests, on a folder. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { root } from '../../support/source-files.ts'

const run = promisify(execFile)

it('prints every row, and what must hold on any machine holds', async () => {
  const env = { ...process.env }
  delete env.HOLDFAST_BENCH_ORIGIN
  const bin = join(root, 'bin', 'holdfast.js')
  const { stdout } = await run(process.execPath, [bin, 'bench', 'origin', '--json', '--tiny'], { env })
  const { results } = JSON.parse(stdout) as { results: { id: string; value: number; unit: string; n: number }[] }
  const values = Object.fromEntries(results.map(({ id, value }) => [id, value]))
  expect(Object.keys(values)).toEqual(
    expect.arrayContaining(['push_mbps', 'push_peer_tool_mbps', 'pull_mbps', 'pull_peer_tool_mbps', 'push_rss_mb']),
  )
  for (const { id, value } of results) expect(Number.isFinite(value), id).toBe(true)
  // Two of sixteen layers, and the header.
  expect(values.finetune_ratio).toBeGreaterThan(0.12)
  expect(values.finetune_ratio).toBeLessThan(0.14)
  expect(values.repush_bytes).toBe(0)
  // The packs on their way and the one being filled.
  expect(values.resume_resent_bytes).toBeLessThanOrEqual(3 * 16 * 2 ** 20 + 8 * 2 ** 20)
})
