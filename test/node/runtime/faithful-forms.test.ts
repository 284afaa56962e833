/** What conversion must not change: a model's inputs and outputs, that it loads, and what it answers. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Runtime, TensorValue } from '../../../node/ports/index.ts'
import { externalFilesOf, withoutInitializedInputs } from '../../../node/runtime/onnx-graph.ts'
import { withoutPlaces } from '../../../node/runtime/runtime-errors.ts'
import { createRuntimeFixture, floatsOf, type RuntimeFixture } from './fixture.ts'
import { externalDataModel, int4Model, oldExporterModel, operatorModel, sequenceModel } from './small-models.ts'

let fixture: RuntimeFixture
let runtime: Runtime
const x: TensorValue = {
  name: 'x',
  datatype: 'FP32',
  shape: [4],
  data: new Uint8Array(new Float32Array([1, 2, 3, 4]).buffer),
}

beforeAll(async () => {
  fixture = await createRuntimeFixture()
  runtime = await fixture.start()
})

afterAll(() => fixture.stop())

/** Derives the files of a model, of which the first is run, and gives the form. */
async function derive(name: string, files: Readonly<Record<string, Uint8Array>>): Promise<Buffer> {
  const folder = join(fixture.folder, `${name}.source`)
  await mkdir(folder)
  for (const [path, bytes] of Object.entries(files)) await writeFile(join(folder, path), bytes)
  const formPath = join(fixture.folder, `${name}.ort`)
  await runtime.derive(join(folder, Object.keys(files)[0]!), formPath)
  return readFile(formPath)
}

function isInPlace(form: Buffer): boolean {
  return form.toString('latin1', 4, 8) === 'ORTM'
}

describe('a form', () => {
  test('asks for no input that IR 3 lists for a weight, and runs in place', async () => {
    expect(isInPlace(await derive('old', { 'model.onnx': oldExporterModel() }))).toBe(true)
    const { inputs, weights } = await runtime.load('old')
    expect(inputs.map(({ name }) => name)).toEqual(['x'])
    expect(weights).toBe('shared')
    expect([...floatsOf((await runtime.infer('old', [x]))[0]!)]).toEqual([2, 4, 6, 8])
  })

  test('is the ONNX file itself where the ORT format cannot hold the weights, as of int4', async () => {
    const { model } = int4Model()
    expect(await derive('int4', { 'model.onnx': model })).toEqual(Buffer.from(model))
    expect(await runtime.load('int4')).toMatchObject({ weights: 'copied' })
    expect([...floatsOf((await runtime.infer('int4', [x]))[0]!)]).toEqual([1.5, 3, 3.5, 5])
  })

  test('takes the weights beside such a file along', async () => {
    const { model, data } = int4Model('weights.bin')
    expect(isInPlace(await derive('int4-beside', { 'model.onnx': model, 'weights.bin': data }))).toBe(false)
    await runtime.load('int4-beside')
    expect([...floatsOf((await runtime.infer('int4-beside', [x]))[0]!)]).toEqual([1.5, 3, 3.5, 5])
  })

  test('of a file in ORT format is that file', async () => {
    const made = await derive('made', { 'model.onnx': oldExporterModel() })
    expect(await derive('given', { 'model.ort': made })).toEqual(made)
    expect((await runtime.load('given')).weights).toBe('shared')
  })
})

describe('outputs that are no tensors', () => {
  test('are left out of answers, named, and refused when they are asked for', async () => {
    await derive('sequence', { 'model.onnx': sequenceModel() })
    expect(await runtime.load('sequence')).toMatchObject({ outputs: [{ name: 'y' }], omittedOutputs: ['s'] })
    expect((await runtime.infer('sequence', [x])).map(({ name }) => name)).toEqual(['y'])
    await expect(runtime.infer('sequence', [x], { outputs: ['s'] })).rejects.toMatchObject({ code: 'UNSUPPORTED_TYPE' })
  })

  test('alone make a model UNSUPPORTED_TYPE', async () => {
    const work = derive('sequence-only', { 'model.onnx': sequenceModel({ hasTensor: false }) })
    await expect(work).rejects.toMatchObject({ code: 'UNSUPPORTED_TYPE' })
  })
})

test.each([
  { id: 'ir', model: operatorModel('Relu', { ir: 99 }), code: 'MODEL_TOO_NEW' },
  { id: 'opset', model: operatorModel('Relu', { opset: 99 }), code: 'MODEL_TOO_NEW' },
  { id: 'operator', model: operatorModel('Frobnicate'), code: 'UNSUPPORTED_OPERATOR' },
  { id: 'kernel', model: operatorModel('Erf', { elementType: 11 }), code: 'UNSUPPORTED_OPERATOR' },
  { id: 'type', model: operatorModel('Identity', { elementType: 17, ir: 9, opset: 19 }), code: 'UNSUPPORTED_TYPE' },
  { id: 'malformed', model: operatorModel('Relu').subarray(0, 30), code: 'BAD_MODEL_FILE' },
  { id: 'beside', model: externalDataModel('absent.bin').model, code: 'NOT_RUNNABLE' },
])('a model with a bad $id is $code, and the message has no path of this machine', async ({ id, model, code }) => {
  const error = await derive(`bad-${id}`, { 'model.onnx': model }).catch((error: unknown) => error)
  expect(error).toMatchObject({ code })
  expect((error as Error).message).not.toContain(fixture.folder)
  expect((error as Error).message).not.toMatch(/onnxruntime_src|\/tmp\//)
})

test('paths of sources and folders go, their last names stay', () => {
  expect(withoutPlaces('Load model from /tmp/a b/model.onnx failed:Cannot open "/var/lib/holdfast/x.data".')).toBe(
    'Cannot open "x.data".',
  )
  expect(withoutPlaces('shapes [1,2] / [2,1] at /a/b')).toBe('shapes [1,2] / [2,1] at b')
})

test('a graph is read as it is written: weights beside it, inputs with initializers', () => {
  expect(externalFilesOf(externalDataModel('beside.bin').model)).toEqual(['beside.bin'])
  expect(withoutInitializedInputs(externalDataModel('beside.bin').model)).toBeNull()
  const repaired = Buffer.concat(withoutInitializedInputs(oldExporterModel())!)
  expect(withoutInitializedInputs(repaired)).toBeNull()
  expect(() => externalFilesOf(oldExporterModel().subarray(0, 40))).toThrow(RangeError)
})
