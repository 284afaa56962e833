import { describe, expect, test } from 'vitest'
import { defaultInferLimits } from '../../../../node/doors/open-inference/infer-limits.ts'
import type { Datatype } from '../../../../node/ports/index.ts'
import { encodeElements } from '../../../../node/runtime/index.ts'
import { parseText } from './codec.ts'

const limits = { tensorsMax: 3, dimensionsMax: 3, elementsMax: 100, nameLengthMax: 8, jsonLimitBytes: 10_000 }
const parse = (value: unknown, bounds = defaultInferLimits) => parseText(JSON.stringify(value), bounds)
const input = (fields: object = {}): object => ({ name: 'x', shape: [2], datatype: 'FP32', data: [1, 2], ...fields })
const body = (fields: object = {}): object => ({ inputs: [input(fields)] })

test('a request becomes tensors of little-endian bytes', () => {
  const request = parse({
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
      { name: 'words', shape: [2], datatype: 'BYTES', data: encodeElements(['a', 'b']) },
    ],
    outputs: ['y'],
    isBinary: expect.any(Function),
  })
})

describe('what is wrong is named', () => {
  test.each([
    { id: 'no object', value: [], message: 'JSON object' },
    { id: 'null', value: null, message: 'JSON object' },
    { id: 'no inputs', value: {}, message: 'inputs must be a list' },
    { id: 'inputs that are null', value: { inputs: null }, message: 'inputs must be a list' },
    { id: 'an id that is no text', value: { ...body(), id: 7 }, message: 'id must be text' },
    { id: 'a name that is too long', value: body({ name: 'x'.repeat(9) }), message: 'at most 8 characters' },
    { id: 'two inputs of one name', value: { inputs: [input(), input()] }, message: "two inputs named 'x'" },
    { id: 'an unknown datatype', value: body({ datatype: 'FP8' }), message: 'datatype "FP8"' },
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
    {
      id: 'two outputs of one name',
      value: { ...body(), outputs: [{ name: 'y' }, { name: 'y' }] },
      message: 'two outputs',
    },
    {
      id: 'parameters that are no object',
      value: { ...body(), parameters: 3 },
      message: 'parameters must be an object',
    },
    {
      id: 'a binary output that is no truth value',
      value: { ...body(), outputs: [{ name: 'y', parameters: { binary_data: 1 } }] },
      message: 'binary_data must be true or false, not 1',
    },
    {
      id: 'classification',
      value: { ...body(), outputs: [{ name: 'y', parameters: { classification: 3 } }] },
      message: 'classification is not offered',
    },
    {
      id: 'shared memory',
      value: body({ parameters: { shared_memory_region: 'r' }, data: undefined }),
      message: 'shared memory is not offered',
    },
  ])('$id', ({ value, message }) => {
    expect(() => parse(value, limits)).toThrow(
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
    expect(() => parse(value, limits)).toThrow(expect.objectContaining({ code: 'REQUEST_TOO_LARGE' }))
  })

  test('a list nested deeper than any stack is refused without a stack overflow', () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000)
    const text = (field: string) => `{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1],${field}}]}`
    for (const field of [
      `"data":[1,${deep}]`,
      `"shape":${deep}`,
      `"datatype":${deep}`,
      `"name":${deep}`,
      `"data":${deep}`,
    ]) {
      expect(() => parseText(text(field))).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }))
    }
  })

  test.each([
    { id: 'nothing', text: '' },
    { id: 'half a body', text: '{"inputs":[{"name":"x","data":[1,' },
    { id: 'a text without an end', text: '{"inputs' },
    { id: 'bytes that are no UTF-8', text: Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]) },
    ...['01', '1.', '.5', '+1', '1e', '-', 'nan', 'Inf', '1 2', '1,,2', ',1', '1,', '"a', '}'].map((data) => ({
      id: `data of ${data}`,
      text: `{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[${data}]}]}`,
    })),
  ])('$id is no JSON', ({ text }) => {
    expect(() => parseText(text)).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }))
  })

  test('JSON without end that is no data is REQUEST_TOO_LARGE', () => {
    const text = JSON.stringify({ ...body(), parameters: { padding: 'x'.repeat(10_000) } })
    expect(() => parseText(text, limits)).toThrow(
      expect.objectContaining({
        code: 'REQUEST_TOO_LARGE',
        message: expect.stringContaining('inference.jsonLimitBytes'),
      }),
    )
  })
})

/** Elements as they stand in the text. */
test.each<{ datatype: Datatype; fits: string[]; fails: string[] }>([
  { datatype: 'BOOL', fits: ['true', 'false', '1', '0'], fails: ['2', '"true"', 'NaN'] },
  { datatype: 'UINT8', fits: ['0', '255', '1e2', '2.0'], fails: ['256', '-1', '0.5', 'NaN', '"1"'] },
  { datatype: 'UINT16', fits: ['65535'], fails: ['65536'] },
  { datatype: 'UINT32', fits: ['4294967295'], fails: ['4294967296', '18446744073709551615'] },
  {
    datatype: 'UINT64',
    fits: ['9007199254740993', '18446744073709551615', '"18446744073709551615"', '1e3', '2.0'],
    fails: ['-1', '18446744073709551616', '"18446744073709551616"', '"1e3"', '""', '1.5', 'NaN', '"0x1"'],
  },
  { datatype: 'INT8', fits: ['-128', '127'], fails: ['128', '-129'] },
  { datatype: 'INT16', fits: ['-32768'], fails: ['32768'] },
  { datatype: 'INT32', fits: ['-2147483648'], fails: ['2147483648'] },
  {
    datatype: 'INT64',
    fits: ['-1', '-9223372036854775808', '"-9223372036854775808"'],
    fails: ['9223372036854775808', '-9223372036854775809', '1.5', '1e19', '123456789012345678901234567890'],
  },
  { datatype: 'FP16', fits: ['65504', '-0.5', 'NaN', '"-Infinity"'], fails: ['65520', '"1"'] },
  { datatype: 'BF16', fits: ['3.38e38', 'Infinity', '-0.5'], fails: ['3.4e38', 'true'] },
  {
    datatype: 'FP32',
    fits: ['3.4e38', 'NaN', '-Infinity', '"Infinity"', '12345678901234567890'],
    fails: ['1e39', 'null'],
  },
  { datatype: 'FP64', fits: ['1e300', '-Infinity', '"NaN"'], fails: ['1e999', '-1e999', '"nan"', '""'] },
  { datatype: 'BYTES', fits: ['""', '"text"', '"a\\u0000b"', '"\\ud83c\\udf4c"'], fails: ['1', 'null', 'NaN'] },
])('$datatype takes what fits and nothing else', ({ datatype, fits, fails }) => {
  const read = (data: string[]): unknown =>
    parseText(`{"inputs":[{"name":"x","datatype":"${datatype}","shape":[${data.length}],"data":[${data}]}]}`)
  expect(() => read(fits)).not.toThrow()
  for (const value of fails)
    expect(() => read([value]), value).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }))
})

const bytesOf = (text: string, datatype: string, count: number) =>
  parseText(`{"inputs":[{"name":"x","datatype":"${datatype}","shape":[${count}],"data":[${text}]}]}`).inputs[0]!.data

test('not-a-number and the infinities are themselves, bare and as text', () => {
  const data = bytesOf('NaN,Infinity,-Infinity,"NaN","Infinity","-Infinity",-0.0', 'FP32', 7)
  const { NaN: nan, POSITIVE_INFINITY: inf, NEGATIVE_INFINITY: minusInf } = Number
  expect([...new Float32Array(data.buffer)]).toEqual([nan, inf, minusInf, nan, inf, minusInf, -0])
})

test('64-bit integers are exact, as numbers and as text', () => {
  const data = bytesOf('9007199254740993,"9007199254740993",-9223372036854775808', 'INT64', 3)
  expect([...new BigInt64Array(data.buffer)]).toEqual([9007199254740993n, 9007199254740993n, -(2n ** 63n)])
})

test('BF16 is the nearest number, ties to the even', () => {
  const data = bytesOf('1,1.00390625,1.01171875,1.0039062500000003,-1.5,NaN', 'BF16', 6)
  expect([...new Uint16Array(data.buffer)].map((half) => half.toString(16))).toEqual([
    '3f80',
    '3f80',
    '3f82',
    '3f81',
    'bfc0',
    '7fc0',
  ])
})

test('what is left out may be null, empty or absent', () => {
  const inputs = [input()]
  for (const rest of [{}, { id: null, outputs: null, parameters: null }, { id: '', outputs: [], parameters: {} }]) {
    const request = parse({ inputs, ...rest })
    expect([request.id, request.outputs]).toEqual([undefined, undefined])
  }
  expect(parse({ inputs: [] }).inputs).toEqual([])
})

test('fields come in any order, and the last of a name counts', () => {
  const text = `\ufeff { "outputs" : [{"name":"data"}],
    "inputs": [ {"data": [9,9,9], "datatype":"INT8", "shape":[2], "name":"inputs", "d\\u0061ta":[[1],[2]]} ], "id":"]}" }`
  const { id, inputs, outputs } = parseText(text)
  expect([id, outputs, inputs[0]!.data]).toEqual([']}', ['data'], new Uint8Array([1, 2])])
  const twice = parseText(
    '{"inputs":[{"name":"a","data":[1]}],"inputs":[{"name":"b","shape":[],"datatype":"INT8","data":[7]}]}',
  )
  expect(twice.inputs).toEqual([{ name: 'b', datatype: 'INT8', shape: [], data: new Uint8Array([7]) }])
})

test('66 inputs of 8 dimensions and names of 300 characters are a request', () => {
  const shape = [1, 1, 1, 1, 1, 1, 1, 2]
  const inputs = Array.from({ length: 66 }, (_, index) => input({ name: `${'x'.repeat(300)}${index}`, shape }))
  expect(parse({ inputs }).inputs).toHaveLength(66)
})
