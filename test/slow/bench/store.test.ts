/** The bench of the store runs, small, in the tests. PyTorch and llama.cpp, whose starts take seconds, are left to test/frameworks. */
import { expect, it } from 'vitest'
import { trimsModels } from '../../../bench/store/trims-models.ts'
import { holdfast } from '../../support/holdfast-command.ts'

it('prints every row, and what must hold on any machine holds', async () => {
  const { code, stdout, stderr } = await holdfast(['bench', 'store', '--json', '--tiny'])
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
  const { results } = JSON.parse(stdout) as { results: { id: string; value: number; unit: string; n: number }[] }
  const values = Object.fromEntries(results.map(({ id, value }) => [id, value]))
  for (const { id, value } of results) expect(Number.isFinite(value), id).toBe(true)
  expect(Object.keys(values)).toEqual(
    expect.arrayContaining([
      'open_hit_p50_us/1MB',
      'open_hit_p99_us/20MB',
      'open_hit_vs_bare',
      'open_hit_size_ratio',
      'client_overhead_kb/3',
      'crash_release_ms',
      'cold_ready_vs_own/onnx',
      'warm_ready_speedup/onnx-tiny',
      'ort_inplace_inference_ratio',
      'oversubscribed/100%x2',
      'cold_bytes_vs_read/SqueezeNet-v1.0',
      'cold_bytes_vs_mmap/SqueezeNet-v1.1',
    ]),
  )
  expect(values['weights_private_pct/1']).toBe(0)
  expect(values['weights_private_pct/3']).toBe(0)
  expect(values['weights_unshared_pct/3']).toBeLessThan(1)
})

it('has the 45 models of the paper, the largest of 6400 MiB', () => {
  expect(trimsModels).toHaveLength(45)
  expect(new Set(trimsModels.map(({ name }) => name)).size).toBe(45)
  expect(Math.round(trimsModels.at(-1)!.sizeBytes / 2 ** 20 / 100)).toBe(64)
})
