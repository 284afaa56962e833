/** The binary tensor extension, with the bytes that clients of Triton and KServe send at their defaults. */
import { describe, expect, test } from 'vitest'
import { splitBody } from '../../../../node/doors/open-inference/binary-parts.ts'
import { rawInput } from '../../../../node/doors/open-inference/infer-request.ts'
import { encodeElements } from '../../../../node/runtime/index.ts'
import { parseText } from './codec.ts'

const floats = Buffer.from(new Float32Array([1, 2]).buffer)
const input = (fields: object = {}) => ({
  name: 'x',
  shape: [2],
  datatype: 'FP32',
  parameters: { binary_data_size: 8 },
  ...fields,
})
const parse = (value: object, binary: Buffer = floats) => parseText(JSON.stringify(value), undefined, binary)

test('what tritonclient sends without a list of outputs', () => {
  // httpclient.InferenceServerClient.infer(model, [input]) with set_data_from_numpy(array).
  const text =
    '{"inputs":[{"name":"x","shape":[2],"datatype":"FP32","parameters":{"binary_data_size":8}}],"parameters":{"binary_data_output":true}}'
  const body = Buffer.concat([Buffer.from(text), floats])
  const { json, binary, isRaw } = splitBody(body, String(text.length))
  expect(isRaw).toBe(false)
  const { inputs, outputs, isBinary } = parseText(json, undefined, binary)
  expect(inputs).toEqual([{ name: 'x', shape: [2], datatype: 'FP32', data: floats }])
  expect([outputs, isBinary('y')]).toEqual([undefined, true])
})

test('what tritonclient sends with outputs, one of them as JSON', () => {
  const outputs = [
    { name: 'a', parameters: { binary_data: true } },
    { name: 'b', parameters: { binary_data: false } },
  ]
  const request = parse({ inputs: [input()], outputs })
  expect([request.outputs, request.isBinary('a'), request.isBinary('b')]).toEqual([['a', 'b'], true, false])
  const mixed = parse({ inputs: [input()], outputs, parameters: { binary_data_output: true } })
  expect([mixed.isBinary('a'), mixed.isBinary('b')]).toEqual([true, false])
})

test('tensors as JSON and as bytes stand beside each other, the bytes in the order of the JSON', () => {
  const bytes = encodeElements(['ab', ''])
  const { inputs } = parse(
    {
      inputs: [
        input({ name: 'a' }),
        { name: 'b', shape: [1], datatype: 'INT8', data: [5] },
        input({ name: 'c', datatype: 'BYTES', parameters: { binary_data_size: bytes.byteLength } }),
        input({ name: 'd', shape: [0], parameters: { binary_data_size: 0 } }),
      ],
    },
    Buffer.concat([floats, bytes]),
  )
  expect(inputs.map(({ data }) => [...data])).toEqual([[...floats], [5], [...bytes], []])
})

describe('what is wrong is named', () => {
  test.each([
    {
      id: 'fewer bytes than said',
      value: { inputs: [input()] },
      binary: floats.subarray(1),
      message: 'says 8 bytes, 7 are left',
    },
    {
      id: 'more bytes than said',
      value: { inputs: [input()] },
      binary: Buffer.alloc(9),
      message: '1 bytes follow the JSON',
    },
    { id: 'bytes that nobody asked for', value: { inputs: [] }, binary: floats, message: '8 bytes follow the JSON' },
    {
      id: 'another size than the shape',
      value: { inputs: [input({ shape: [3] })] },
      message: 'FP32 of shape [3] has 12 bytes',
    },
    { id: 'data twice', value: { inputs: [input({ data: [1, 2] })] }, message: 'both data and binary_data_size' },
    {
      id: 'a negative size',
      value: { inputs: [input({ parameters: { binary_data_size: -1 } })] },
      message: 'whole number from 0, not -1',
    },
    {
      id: 'a size that is text',
      value: { inputs: [input({ parameters: { binary_data_size: '8' } })] },
      message: 'not "8"',
    },
    {
      id: 'text that ends within an element',
      value: { inputs: [input({ datatype: 'BYTES' })] },
      message: 'element 0 ends behind',
    },
    {
      id: 'fewer elements than the shape',
      value: { inputs: [input({ datatype: 'BYTES' })] },
      binary: Buffer.from(encodeElements(['abcd'])),
      message: 'shape [2] has 2 elements, data has 1',
    },
  ])('$id', ({ value, binary, message }) => {
    expect(() => parse(value, binary)).toThrow(
      expect.objectContaining({ code: 'BAD_REQUEST', message: expect.stringContaining(message) }),
    )
  })

  test.each(['9', '-1', '1.5', 'x', '', '1e1'])('a length of %j', (header) => {
    expect(() => splitBody(floats, header)).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }))
  })
})

describe('a raw binary request', () => {
  test('is the data of the only input', () => {
    expect(splitBody(floats, '0')).toEqual({ json: Buffer.alloc(0), binary: floats, isRaw: true })
    expect(rawInput(floats, [{ name: 'x', datatype: 'FP32', shape: [-1, 1] }])).toEqual({
      name: 'x',
      datatype: 'FP32',
      shape: [2, 1],
      data: floats,
    })
    expect(rawInput(floats, [{ name: 'x', datatype: 'INT8', shape: [2, 4] }]).shape).toEqual([2, 4])
    expect(rawInput(Buffer.from('ab'), [{ name: 'x', datatype: 'BYTES', shape: [-1] }])).toEqual({
      name: 'x',
      datatype: 'BYTES',
      shape: [1],
      data: Buffer.from('020000006162', 'hex'),
    })
  })

  test.each([
    { id: 'no input', wanted: [] },
    { id: 'two inputs', wanted: [0, 1].map((index) => ({ name: `x${index}`, datatype: 'FP32' as const, shape: [2] })) },
    { id: 'two free dimensions', wanted: [{ name: 'x', datatype: 'FP32' as const, shape: [-1, -1] }] },
    { id: 'another size', wanted: [{ name: 'x', datatype: 'FP32' as const, shape: [3] }] },
    { id: 'no whole elements', wanted: [{ name: 'x', datatype: 'FP64' as const, shape: [-1, 3] }] },
  ])('is refused for a model of $id', ({ wanted }) => {
    expect(() => rawInput(floats, wanted)).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }))
  })
})
