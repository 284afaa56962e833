/** The bench of the field runs, small, in the tests. */
import { expect, it } from 'vitest'
import { holdfast } from '../support/holdfast-command.ts'

it('prints exactly one JSON object with the rows that this machine can measure', async () => {
  const { code, stdout, stderr } = await holdfast(['bench', 'field', '--json', '--tiny'])
  expect(code, stderr).toBe(0)
  const { results } = JSON.parse(stdout) as { results: { id: string; value: number; unit: string }[] }
  expect(results.map(({ id }) => id)).toEqual(
    expect.arrayContaining(['sessions_threads_per_core', 'big_answer_stall_ms', 'push_cpu_ratio/12', 'ls_seconds/12']),
  )
  for (const { id, value } of results) expect(Number.isFinite(value), id).toBe(true)
  const refused = results.find(({ id }) => id === 'onnx_suite_refused')
  if (refused === undefined) expect(stderr).toContain('python3-onnx')
  else expect(refused.value, stderr).toBe(0)
})
