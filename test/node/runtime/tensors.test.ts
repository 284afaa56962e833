import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Datatype, ModelSignature, Runtime, TensorValue } from '../../../node/ports/index.ts'
import { withFloatsForBf16 } from '../../../node/runtime/bf16-model.ts'
import { encodeElements } from '../../../node/runtime/byte-elements.ts'
import { checkInputs } from '../../../node/runtime/check-inputs.ts'
import { datatypeTable } from '../../../node/runtime/datatypes.ts'
import { createRuntimeFixture, type RuntimeFixture } from './fixture.ts'
import { identityModel } from './small-models.ts'

// Real processes and real models on a machine that may be busy: what is slow is not what is tested here.
/** TensorProto.DataType of ONNX. */
const elementTypes: Record<Datatype, number> = {
  FP32: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  BYTES: 8,
  BOOL: 9,
  FP16: 10,
  FP64: 11,
  UINT32: 12,
  UINT64: 13,
  BF16: 16,
}
const datatypes = Object.keys(elementTypes) as Datatype[]

describe('every datatype', () => {
  let fixture: RuntimeFixture
  let runtime: Runtime

  beforeAll(async () => {
    fixture = await createRuntimeFixture()
    runtime = await fixture.start()
    const folder = join(fixture.folder, 'identity')
    await mkdir(folder)
    const types = datatypes.map((name) => ({ name, elementType: elementTypes[name] }))
    await writeFile(join(folder, 'model.onnx'), identityModel(types))
    await runtime.derive(join(folder, 'model.onnx'), join(fixture.folder, 'identity.ort'))
  })

  afterAll(() => fixture.stop())

  test('is named in the signature', async () => {
    const { inputs } = await runtime.load('identity')
    expect(inputs).toEqual(datatypes.map((datatype) => ({ name: datatype, datatype, shape: [-1] })))
  })

  test('passes through the runtime without a change of its bits', async () => {
    await runtime.load('identity')
    const inputs = datatypes.map((datatype): TensorValue => {
      if (datatype === 'BYTES')
        return { name: datatype, datatype, shape: [3], data: encodeElements(['', 'ä', '\u{1f40c}']) }
      const size = datatypeTable[datatype].sizeBytes
      // An odd offset, as in a message that was not laid out for us.
      const data = new Uint8Array(3 * size + 1)
        .map((_, index) => (datatype === 'BOOL' ? index % 2 : index * 7))
        .subarray(1)
      return { name: datatype, datatype, shape: [3], data }
    })
    const outputs = await runtime.infer('identity', inputs)
    expect(outputs.map(({ name }) => name)).toEqual(datatypes.map((datatype) => `${datatype}_out`))
    outputs.forEach((output, index) => {
      const { datatype, shape, data } = inputs[index]!
      expect(output).toMatchObject({ datatype, shape })
      expect([...output.data]).toEqual([...data])
    })
    const some = await runtime.infer('identity', inputs, { outputs: ['INT8_out', 'BYTES_out'] })
    expect(some.map(({ name }) => name)).toEqual(['INT8_out', 'BYTES_out'])
  })

  test.each([2, 255])('a byte %i of a BOOL is refused with its place, and the worker answers on', async (byte) => {
    await runtime.load('identity')
    const inputs = datatypes.map((datatype): TensorValue => {
      const data = new Uint8Array(2 * datatypeTable[datatype].sizeBytes)
      return { name: datatype, datatype, shape: [2], data: datatype === 'BYTES' ? encodeElements(['', '']) : data }
    })
    const wrong = inputs.map((input) => (input.name === 'BOOL' ? { ...input, data: Uint8Array.of(1, byte) } : input))
    await expect(runtime.infer('identity', wrong)).rejects.toMatchObject({
      code: 'INFERENCE_FAILED',
      message: `Element 1 of input 'BOOL' is the byte ${byte}; a BOOL is 0 or 1.`,
    })
    expect(await runtime.infer('identity', inputs)).toHaveLength(datatypes.length)
  })
})

describe('what the runtime would change is refused', () => {
  let fixture: RuntimeFixture
  let runtime: Runtime
  const text = (elements: readonly (string | Uint8Array)[], shape = [elements.length]): TensorValue => {
    return { name: 'text', datatype: 'BYTES', shape, data: encodeElements(elements) }
  }

  beforeAll(async () => {
    fixture = await createRuntimeFixture()
    runtime = await fixture.start({ answerBytesMax: 64 })
    const folder = join(fixture.folder, 'texts')
    await mkdir(folder)
    await writeFile(join(folder, 'model.onnx'), identityModel([{ name: 'text', elementType: elementTypes.BYTES }]))
    await runtime.derive(join(folder, 'model.onnx'), join(fixture.folder, 'texts.ort'))
    await runtime.load('texts')
  })

  afterAll(() => fixture.stop())

  test.each([
    { id: 'a text with a NUL', value: text(['a', 'b\0c']), says: "Element 1 of input 'text' has a NUL" },
    { id: 'bytes that are no text', value: text([Buffer.from([0xff, 0xd8])]), says: 'is not UTF-8' },
    { id: 'fewer texts than the shape', value: text(['a'], [2]), says: 'needs 2 strings of data, not 1' },
    {
      id: 'a text that ends behind the data',
      value: { ...text(['ab']), data: encodeElements(['ab']).subarray(0, 5) },
      says: 'ends behind its data',
    },
  ])('$id', async ({ value, says }) => {
    await expect(runtime.infer('texts', [value])).rejects.toMatchObject({
      code: 'INFERENCE_FAILED',
      message: expect.stringContaining(says),
    })
  })

  test('an answer of exactly the limit passes, and one byte more is ANSWER_TOO_LARGE', async () => {
    const [output] = await runtime.infer('texts', [text(['x'.repeat(60)])])
    expect(output!.data).toEqual(encodeElements(['x'.repeat(60)]))
    await expect(runtime.infer('texts', [text(['x'.repeat(61)])])).rejects.toMatchObject({
      code: 'ANSWER_TOO_LARGE',
      message: expect.stringContaining('http.answerLimitBytes'),
    })
  })
})

test('BF16 inputs and outputs of a model get casts, and other models stay as they are', () => {
  const identity = (elementType: number) => identityModel([{ name: 'x', elementType }])
  const changed = Buffer.concat(withFloatsForBf16(identity(elementTypes.BF16))!)
  expect(changed.toString('latin1').match(/holdfast\.bf16:x(?:_out)?/g)).toEqual([
    'holdfast.bf16:x',
    'holdfast.bf16:x',
    'holdfast.bf16:x_out',
    'holdfast.bf16:x_out',
  ])
  expect(withFloatsForBf16(changed)).toBeNull()
  expect(withFloatsForBf16(identity(elementTypes.FP32))).toBeNull()
})

test('a tensor of which the model does not say its dimensions takes any', () => {
  const signature = {
    platform: 'p',
    inputs: [{ name: 'x', datatype: 'INT8' as const, shape: [] }],
    outputs: [],
    omittedOutputs: [],
    weights: 'shared' as const,
    privateBytes: 0,
  }
  for (const shape of [[], [3], [1, 1, 2]]) {
    const data = new Uint8Array(shape.reduce((count, size) => count * size, 1))
    expect(() => checkInputs(signature, [{ name: 'x', datatype: 'INT8', shape, data }], undefined)).not.toThrow()
  }
})

describe('checkInputs', () => {
  const signature: ModelSignature = {
    platform: 'onnxruntime_onnx',
    inputs: [
      { name: 'a', datatype: 'FP32', shape: [-1, 2] },
      { name: 'b', datatype: 'BYTES', shape: [1] },
    ],
    outputs: [{ name: 'c', datatype: 'FP32', shape: [-1] }],
    omittedOutputs: ['d'],
    weights: 'shared',
    privateBytes: 0,
  }
  const a: TensorValue = { name: 'a', datatype: 'FP32', shape: [3, 2], data: new Uint8Array(24) }
  const b: TensorValue = { name: 'b', datatype: 'BYTES', shape: [1], data: encodeElements(['x']) }

  test('accepts what fits', () => {
    expect(() => checkInputs(signature, [b, a], ['c'])).not.toThrow()
    expect(() => checkInputs(signature, [{ ...a, shape: [0, 2], data: new Uint8Array(0) }, b], undefined)).not.toThrow()
  })

  test.each([
    {
      id: 'a missing input',
      inputs: [a],
      message: "input 'b' is missing; the model takes 'a' FP32[any,2], 'b' BYTES[1]",
    },
    { id: 'an unknown input', inputs: [a, b, { ...a, name: 'd' }], message: "the model has no input 'd'" },
    { id: 'an input given twice', inputs: [a, a, b], message: "input 'a' is given twice" },
    {
      id: 'another datatype',
      inputs: [{ ...a, datatype: 'FP64' as const }, b],
      message: "input 'a' must be FP32, not FP64",
    },
    { id: 'another rank', inputs: [{ ...a, shape: [6] }, b], message: "input 'a' must have shape [any,2], not [6]" },
    { id: 'another size', inputs: [{ ...a, shape: [2, 3] }, b], message: 'not [2,3]' },
    { id: 'too few bytes', inputs: [{ ...a, data: new Uint8Array(23) }, b], message: 'needs 24 bytes of data, not 23' },
    { id: 'a negative size', inputs: [{ ...a, shape: [-1, 2] }, b], message: 'impossible shape' },
    { id: 'a size beyond counting', inputs: [{ ...a, shape: [2 ** 53, 2] }, b], message: 'impossible shape' },
  ])('refuses $id by name', ({ inputs, message }) => {
    expect(() => checkInputs(signature, inputs, undefined)).toThrow(
      expect.objectContaining({ code: 'INFERENCE_FAILED', message: expect.stringContaining(message) }),
    )
  })

  test('refuses an unknown output by name', () => {
    expect(() => checkInputs(signature, [a, b], ['z'])).toThrow("the model has no output 'z'; it gives 'c' FP32[any]")
  })
})
