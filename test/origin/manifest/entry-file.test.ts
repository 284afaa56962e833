import { expect, test } from 'vitest'
import {
  baseOf,
  checkEntry,
  entryAnnotation,
  runnableFileOf,
  versionFileOf,
  whyNotRunnable,
  withEntry,
} from '../../../origin/index.ts'
import { bytesOf, modelOf } from '../../support/models.ts'

const filesOf = (paths: readonly string[], annotations: Record<string, string> = {}) =>
  modelOf(Object.fromEntries(paths.map((path) => [path, bytesOf(10, path)])), annotations)

test.each([
  { id: 'the named one among several', paths: ['a.onnx', 'model.onnx', 'z.onnx'], expected: 'model.onnx' },
  { id: 'the only one', paths: ['config.json', 'onnx/net.ONNX'], expected: 'onnx/net.ONNX' },
  { id: 'the only one in ORT format', paths: ['net.ort', 'readme'], expected: 'net.ort' },
  {
    id: 'the newest version',
    paths: ['1/model.onnx', '9/model.onnx', '10/model.onnx', 'config.pbtxt'],
    expected: '10/model.onnx',
  },
  { id: 'none among several without a name', paths: ['onnx/model.onnx', 'onnx/model_quantized.onnx'], expected: null },
  { id: 'none where there is none', paths: ['model.safetensors'], expected: null },
])('the runnable file is $id', ({ paths, expected }) => {
  const { manifest } = filesOf(paths)
  expect(runnableFileOf(manifest)?.path ?? null).toBe(expected)
})

test('the annotation of a push chooses, also against a file named model.onnx', () => {
  const { manifest } = filesOf(['a.onnx', 'model.onnx'], { [entryAnnotation]: 'a.onnx' })
  expect(runnableFileOf(manifest)?.path).toBe('a.onnx')
  const wrong = filesOf(['a.onnx'], { [entryAnnotation]: 'b.onnx' })
  expect(runnableFileOf(wrong.manifest)).toBeNull()
  expect(whyNotRunnable(wrong.manifest)).toContain('a.onnx')
})

test('a model of several files says which there are and how one is chosen', () => {
  const { manifest } = filesOf(['encoder.onnx', 'decoder.onnx'])
  expect(whyNotRunnable(manifest)).toMatch(/2 ONNX files: decoder.onnx, encoder.onnx.*--entry.*parameters.entry/)
  expect(() => checkEntry(manifest.files, 'other.onnx')).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }))
})

test('another entry is another model with the same files, the same on every node, and knows where its bytes are', () => {
  const { id, manifest } = filesOf(['encoder.onnx', 'decoder.onnx'])
  const variant = withEntry(id, manifest, 'encoder.onnx')
  expect(runnableFileOf(variant.manifest)?.path).toBe('encoder.onnx')
  expect(variant.manifest.files).toEqual(manifest.files)
  expect(variant.digest).not.toBe(id)
  expect(withEntry(id, structuredClone(manifest), 'encoder.onnx').digest).toBe(variant.digest)
  expect(withEntry(id, manifest, 'encoder.onnx').manifest).toBe(variant.manifest)
  expect(baseOf(variant.digest, variant.manifest)).toBe(id)
  expect(baseOf(id, manifest)).toBe(id)
  const single = filesOf(['model.onnx'])
  expect(withEntry(single.id, single.manifest, 'model.onnx').digest).toBe(single.id)
})

test('versions are folders with a number', () => {
  const { manifest } = filesOf(['1/model.onnx', '2/model.onnx'])
  expect(versionFileOf(manifest, '1')).toBe('1/model.onnx')
  expect(versionFileOf(manifest, '3')).toBeNull()
})
