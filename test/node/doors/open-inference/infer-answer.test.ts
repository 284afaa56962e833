import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Datatype, TensorValue } from '../../../../node/ports/index.ts'
import { encodeElements } from '../../../../node/runtime/index.ts'
import { answerOf, dataText, parseText } from './codec.ts'

const tensor = (datatype: Datatype, values: ArrayBufferView, shape = [0]): TensorValue => ({
  name: 'y',
  datatype,
  shape,
  data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
})

test('an answer has the elements flat, in row-major order', async () => {
  const outputs = [tensor('INT16', new Int16Array([1, -1]), [1, 2])]
  const answer = await answerOf(outputs, undefined, { modelName: 'acme/net', modelVersion: 'v3', id: 'r1' })
  expect(JSON.parse(answer.json)).toEqual({
    model_name: 'acme/net',
    model_version: 'v3',
    id: 'r1',
    outputs: [{ name: 'y', datatype: 'INT16', shape: [1, 2], data: [1, -1] }],
  })
  expect(answer.contentType).toBe('application/json; charset=utf-8')
  expect((await answerOf([])).json).toBe('{"model_name":"m","outputs":[]}')
})

test.each<{ id: string; output: TensorValue; text: string }>([
  {
    id: 'what is no number',
    output: tensor('FP32', new Float32Array([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 0.5])),
    text: 'NaN,Infinity,-Infinity,-0.0,0.5',
  },
  {
    id: 'FP16',
    output: tensor('FP16', new Uint16Array([0x7c00, 0xfe00, 0x3c00, 0x8000])),
    text: 'Infinity,NaN,1,-0.0',
  },
  { id: 'BF16', output: tensor('BF16', new Uint16Array([0xff80, 0x7fc0, 0x3fc0])), text: '-Infinity,NaN,1.5' },
  {
    id: 'all 64 bits',
    output: tensor('INT64', new BigInt64Array([-(2n ** 63n), 9007199254740993n])),
    text: '-9223372036854775808,9007199254740993',
  },
  {
    id: 'all 64 bits without sign',
    output: tensor('UINT64', new BigUint64Array([2n ** 64n - 1n])),
    text: '18446744073709551615',
  },
  { id: 'truth', output: tensor('BOOL', new Uint8Array([0, 1, 7])), text: 'false,true,true' },
  {
    id: 'text',
    output: { name: 'y', datatype: 'BYTES', shape: [3], data: encodeElements(['', 'a\0"', 'ä\u{1f40c}']) },
    text: '"","a\\u0000\\"","ä\u{1f40c}"',
  },
])('$id stands as Python reads it', async ({ output, text }) => {
  expect(dataText((await answerOf([output])).json)).toBe(text)
})

test('outputs that are asked for as bytes follow the JSON in its order', async () => {
  const outputs = [
    { ...tensor('FP32', new Float32Array([1, 2])), name: 'a' },
    { ...tensor('INT8', new Int8Array([7])), name: 'b' },
    { name: 'c', datatype: 'BYTES' as const, shape: [1], data: encodeElements(['xy']) },
  ]
  const { contentType, json, binary } = await answerOf(outputs, (name) => name !== 'b')
  expect(contentType).toBe('application/octet-stream')
  expect(JSON.parse(json).outputs).toEqual([
    { name: 'a', datatype: 'FP32', shape: [0], parameters: { binary_data_size: 8 } },
    { name: 'b', datatype: 'INT8', shape: [0], data: [7] },
    { name: 'c', datatype: 'BYTES', shape: [0].map(() => 1), parameters: { binary_data_size: 6 } },
  ])
  expect(binary).toEqual(Buffer.from('0000803f00000040020000007879', 'hex'))
})

describe('for any tensors of any datatype', () => {
  const datatypes: Datatype[] = [
    'BOOL',
    'UINT8',
    'UINT16',
    'UINT32',
    'UINT64',
    'INT8',
    'INT16',
    'INT32',
    'INT64',
    'FP16',
    'BF16',
    'FP32',
    'FP64',
    'BYTES',
  ]
  const sizes: Record<Datatype, number> = {
    BOOL: 1,
    UINT8: 1,
    UINT16: 2,
    UINT32: 4,
    UINT64: 8,
    INT8: 1,
    INT16: 2,
    INT32: 4,
    INT64: 8,
    FP16: 2,
    BF16: 2,
    FP32: 4,
    FP64: 8,
    BYTES: 0,
  }
  const tensors = fc
    .array(
      fc.record({
        datatype: fc.constantFrom(...datatypes),
        seed: fc.uint8Array({ maxLength: 80 }),
        texts: fc.array(fc.string({ unit: 'binary' })),
      }),
      { maxLength: 4 },
    )
    .map((rows) =>
      rows.map(({ datatype, seed, texts }, index): TensorValue => {
        const name = `t${index}`
        if (datatype === 'BYTES') {
          // A lone half of a surrogate pair is no text in UTF-8.
          const whole = texts.map((text) => text.toWellFormed())
          return { name, datatype, shape: [whole.length], data: encodeElements(whole) }
        }
        const count = Math.floor(seed.byteLength / sizes[datatype])
        const data = new Uint8Array(seed.slice(0, count * sizes[datatype]))
        return {
          name,
          datatype,
          shape: [count],
          data: datatype === 'BOOL' ? data.map((byte) => byte % 2) : canonical(datatype, data),
        }
      }),
    )

  test('an answer in JSON is, as a request, the same bytes', async () => {
    await fc.assert(
      fc.asyncProperty(tensors, async (outputs) => {
        const { json } = await answerOf(outputs)
        const { inputs } = parseText(json.replace('"outputs"', '"inputs"'))
        expect(inputs).toEqual(outputs)
      }),
      { numRuns: 200 },
    )
  })

  test('an answer in bytes is, as a request, the same bytes', async () => {
    await fc.assert(
      fc.asyncProperty(tensors, fc.nat(), async (outputs, which) => {
        const { json, binary } = await answerOf(outputs, (name) => (which >> Number(name.slice(1))) % 2 === 1)
        const { inputs } = parseText(json.replace('"outputs"', '"inputs"'), undefined, binary)
        expect(inputs.map(({ data, ...rest }) => ({ ...rest, data: new Uint8Array(data) }))).toEqual(outputs)
      }),
      { numRuns: 200 },
    )
  })

  test('a body of other bytes is BAD_REQUEST, or another request, and nothing else', () => {
    const request = (tensors: readonly TensorValue[]) => {
      const inputs = tensors.map(({ name, datatype, shape, data }) => ({
        name,
        datatype,
        shape,
        parameters: { binary_data_size: data.byteLength },
      }))
      return { json: Buffer.from(JSON.stringify({ inputs })), binary: Buffer.concat(tensors.map(({ data }) => data)) }
    }
    fc.assert(
      fc.property(tensors, fc.nat(), fc.integer({ min: 1, max: 255 }), fc.nat({ max: 9 }), (sent, at, flip, cut) => {
        const { json, binary } = request(sent)
        json[at % json.length]! ^= flip
        try {
          parseText(json, undefined, binary.subarray(0, Math.max(0, binary.length - cut)))
        } catch (error) {
          expect((error as { code?: string }).code).toMatch(/^(BAD_REQUEST|REQUEST_TOO_LARGE)$/)
        }
      }),
      { numRuns: 500 },
    )
  })
})

/** JSON has one NaN; bytes have many. */
function canonical(datatype: Datatype, data: Uint8Array): Uint8Array {
  const view = new DataView(data.buffer)
  for (
    let at = 0;
    at < data.byteLength;
    at += { FP16: 2, BF16: 2, FP32: 4, FP64: 8 }[datatype as string] ?? data.byteLength
  ) {
    if (datatype === 'FP16' && (view.getUint16(at, true) & 0x7fff) > 0x7c00) view.setUint16(at, 0x7e00, true)
    if (datatype === 'BF16' && (view.getUint16(at, true) & 0x7fff) > 0x7f80) view.setUint16(at, 0x7fc0, true)
    if (datatype === 'FP32' && Number.isNaN(view.getFloat32(at, true))) view.setFloat32(at, Number.NaN, true)
    if (datatype === 'FP64' && Number.isNaN(view.getFloat64(at, true))) view.setFloat64(at, Number.NaN, true)
  }
  return data
}
