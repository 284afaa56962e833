import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  defaultInferLimits,
  formatInferResponse,
  parseInferRequest,
} from '../../../../node/doors/open-inference/v2-json.ts'
import type { Datatype } from '../../../../node/ports/index.ts'

const limits = { tensorsMax: 3, dimensionsMax: 3, elementsMax: 100, nameLengthMax: 8 }
const input = (fields: object = {}): object => ({ name: 'x', shape: [2], datatype: 'FP32', data: [1, 2], ...fields })
const body = (fields: object = {}): object => ({ inputs: [input(fields)] })

test('a request becomes tensors of little-endian bytes', () => {
  const request = parseInferRequest({
    id: 'r1',
    inputs: [
      {
        name: 'x',
        shape: [2, 2],
        datatype: 'FP32',
        data: [
          [1, 2],
          [3, 4.5],
        ],
      },
      { name: 'words', shape: [2], datatype: 'BYTES', data: ['a', 'b'], parameters: { any: 'thing' } },
    ],
    outputs: [{ name: 'y' }],
  })
  expect(request).toEqual({
    id: 'r1',
    inputs: [
      { name: 'x', shape: [2, 2], datatype: 'FP32', data: new Uint8Array(new Float32Array([1, 2, 3, 4.5]).buffer) },
      { name: 'words', shape: [2], datatype: 'BYTES', data: ['a', 'b'] },
    ],
    outputs: ['y'],
  })
})

test('an answer carries the elements flat, in row-major order', () => {
  const outputs = [{ name: 'y', datatype: 'INT16' as const, shape: [1, 2], data: new Uint8Array([1, 0, 255, 255]) }]
  expect(formatInferResponse({ modelName: 'acme/net', modelVersion: 'v3', id: 'r1', outputs })).toEqual({
    model_name: 'acme/net',
    model_version: 'v3',
    id: 'r1',
    outputs: [{ name: 'y', datatype: 'INT16', shape: [1, 2], data: [1, -1] }],
  })
  expect(formatInferResponse({ modelName: 'acme/net', outputs: [] })).toEqual({ model_name: 'acme/net', outputs: [] })
})

describe('what is wrong is named', () => {
  test.each([
    { id: 'no object', value: [], message: 'JSON object' },
    { id: 'null', value: null, message: 'JSON object' },
    { id: 'no inputs', value: {}, message: 'inputs' },
    { id: 'empty inputs', value: { inputs: [] }, message: 'inputs' },
    { id: 'an id that is no text', value: { ...body(), id: 7 }, message: 'id must be text' },
    { id: 'a name that is too long', value: body({ name: 'x'.repeat(9) }), message: 'at most 8 characters' },
    { id: 'two inputs of one name', value: { inputs: [input(), input()] }, message: "two inputs named 'x'" },
    { id: 'an unknown datatype', value: body({ datatype: 'BF16' }), message: 'datatype "BF16"' },
    { id: 'a datatype of the prototype', value: body({ datatype: 'toString' }), message: 'datatype "toString"' },
    { id: 'a negative size', value: body({ shape: [-2] }), message: 'not [-2]' },
    { id: 'a size that is no integer', value: body({ shape: [1.5] }), message: 'not [1.5]' },
    { id: 'sizes that overflow', value: body({ shape: [2 ** 30, 2 ** 30] }), message: 'shape must be' },
    { id: 'a shape that is no list', value: body({ shape: 2 }), message: 'not 2' },
    { id: 'no data', value: body({ data: undefined }), message: 'data must be a list' },
    { id: 'too few elements', value: body({ data: [1] }), message: 'shape [2] has 2 elements, data has 1' },
    { id: 'too many elements', value: body({ data: [1, 2, 3] }), message: 'data has more' },
    { id: 'nesting that is too deep', value: body({ data: [1, [[[[2]]]]] }), message: 'element 1 is a list' },
    { id: 'text as a number', value: body({ data: [1, '2'] }), message: 'element 1 is "2", which is not FP32' },
    { id: 'null as a number', value: body({ data: [null, 2] }), message: 'element 0 is null' },
    { id: 'an output without a name', value: { ...body(), outputs: [{}] }, message: 'outputs[0].name' },
    { id: 'binary data', value: body({ parameters: { binary_data_size: 8 } }), message: 'binary_data_size' },
    {
      id: 'binary output',
      value: { ...body(), outputs: [{ name: 'y', parameters: { binary_data: true } }] },
      message: 'binary_data',
    },
  ])('$id', ({ value, message }) => {
    expect(() => parseInferRequest(value, limits)).toThrow(
      expect.objectContaining({ code: 'BAD_REQUEST', message: expect.stringContaining(message) }),
    )
  })

  test.each([
    { id: 'too many inputs', value: { inputs: ['a', 'b', 'c', 'd'].map((name) => input({ name })) } },
    { id: 'too many dimensions', value: body({ shape: [2, 1, 1, 1] }) },
    { id: 'too many elements in one tensor', value: body({ shape: [101], data: [] }) },
    {
      id: 'too many elements in all',
      value: { inputs: ['a', 'b'].map((name) => input({ name, shape: [51], data: Array(51).fill(0) })) },
    },
  ])('$id is REQUEST_TOO_LARGE', ({ value }) => {
    expect(() => parseInferRequest(value, limits)).toThrow(expect.objectContaining({ code: 'REQUEST_TOO_LARGE' }))
  })

  test('a list nested deeper than any stack is refused without a stack overflow', () => {
    let deep: unknown[] = []
    for (let depth = 0; depth < 100_000; depth++) deep = [deep]
    for (const fields of [{ data: [1, deep] }, { shape: deep }, { datatype: deep }, { name: deep }]) {
      expect(() => parseInferRequest(body(fields))).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }))
    }
  })
})

test.each<{ datatype: Datatype; fits: unknown[]; fails: unknown[] }>([
  { datatype: 'BOOL', fits: [true, false, 1, 0], fails: [2, 'true'] },
  { datatype: 'UINT8', fits: [0, 255], fails: [256, -1, 0.5] },
  { datatype: 'UINT16', fits: [65535], fails: [65536] },
  { datatype: 'UINT32', fits: [4294967295], fails: [4294967296] },
  {
    datatype: 'UINT64',
    fits: [2 ** 53 - 1, '18446744073709551615'],
    fails: [-1, 2 ** 53, '18446744073709551616', '1e3', ''],
  },
  { datatype: 'INT8', fits: [-128, 127], fails: [128, -129] },
  { datatype: 'INT16', fits: [-32768], fails: [32768] },
  { datatype: 'INT32', fits: [-2147483648], fails: [2147483648] },
  { datatype: 'INT64', fits: [-1, '-9223372036854775808'], fails: ['9223372036854775808', 1.5] },
  { datatype: 'FP16', fits: [65504, -0.5], fails: [65520, Number.NaN] },
  { datatype: 'FP32', fits: [3.4e38], fails: [1e39, Number.POSITIVE_INFINITY] },
  { datatype: 'FP64', fits: [1e300], fails: [Number.NaN] },
  { datatype: 'BYTES', fits: ['', 'text'], fails: [1, null] },
])('$datatype takes what fits and nothing else', ({ datatype, fits, fails }) => {
  const parse = (data: unknown[]): unknown => parseInferRequest(body({ datatype, shape: [data.length], data }))
  expect(() => parse(fits)).not.toThrow()
  for (const value of fails)
    expect(() => parse([value]), String(value)).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }))
})

test('what was parsed is answered as it came, for any values of any datatype', () => {
  const values: Record<Datatype, fc.Arbitrary<unknown>> = {
    BOOL: fc.boolean(),
    UINT8: fc.integer({ min: 0, max: 255 }),
    UINT16: fc.integer({ min: 0, max: 65535 }),
    UINT32: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    UINT64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(plain),
    INT8: fc.integer({ min: -128, max: 127 }),
    INT16: fc.integer({ min: -32768, max: 32767 }),
    INT32: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    INT64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(plain),
    FP16: fc.integer({ min: -2048, max: 2048 }),
    FP32: fc.float({ noNaN: true, noDefaultInfinity: true }),
    FP64: fc.double({ noNaN: true, noDefaultInfinity: true }),
    BYTES: fc.string(),
  }
  for (const [datatype, arbitrary] of Object.entries(values)) {
    fc.assert(
      fc.property(fc.array(arbitrary, { maxLength: 20 }), (data) => {
        const { inputs } = parseInferRequest(body({ datatype, shape: [data.length], data }), defaultInferLimits)
        expect(formatInferResponse({ modelName: 'm', outputs: inputs }).outputs[0]!.data).toEqual(data)
      }),
      { numRuns: 30 },
    )
  }
})

test('numbers that JSON cannot carry are null', () => {
  const data = new Uint8Array(new Float32Array([Number.NaN, Number.NEGATIVE_INFINITY, 1]).buffer)
  const { outputs } = formatInferResponse({
    modelName: 'm',
    outputs: [{ name: 'y', datatype: 'FP32', shape: [3], data }],
  })
  expect(outputs[0]!.data).toEqual([null, null, 1])
})

function plain(value: bigint): number | string {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString()
}
