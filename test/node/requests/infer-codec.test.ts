import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeCbor } from '../../../node/net/cbor.ts'
import type { Datatype, TensorValue } from '../../../node/ports/index.ts'
import {
  decodeInferAnswer,
  decodeInferRequest,
  encodeInferAnswer,
  encodeInferRequest,
} from '../../../node/requests/infer-codec.ts'

const datatypes: Datatype[] = ['BOOL', 'UINT8', 'UINT64', 'INT8', 'INT64', 'FP16', 'BF16', 'FP32', 'FP64', 'BYTES']
const shape = fc.array(fc.nat(), { maxLength: 8 })
const tensor: fc.Arbitrary<TensorValue> = fc.record({
  name: fc.string(),
  datatype: fc.constantFrom(...datatypes),
  shape,
  data: fc.uint8Array().map((bytes) => new Uint8Array(bytes)),
})
const model = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex'))
const message = fc.record({
  model,
  name: fc.string({ maxLength: 200 }),
  context: fc.record({
    tenant: fc.string({ maxLength: 128 }),
    deadlineMs: fc.oneof(fc.nat(), fc.constant(Number.POSITIVE_INFINITY)),
  }),
  inputs: fc.array(tensor, { maxLength: 4 }),
  outputs: fc.oneof(fc.constant(null), fc.array(fc.string(), { maxLength: 4 })),
})

describe('inference between nodes', () => {
  it('arrives as it was sent', () => {
    fc.assert(
      fc.property(message, (sent) => {
        expect(decodeInferRequest(encodeInferRequest(sent))).toEqual(sent)
        const answer = { outputs: sent.inputs, omittedOutputs: ['sequence'] }
        expect(decodeInferAnswer(encodeInferAnswer(answer))).toEqual(answer)
        const timed = { ...answer, executeMs: 12.5 }
        expect(decodeInferAnswer(encodeInferAnswer(timed))).toEqual(timed)
      }),
    )
  })

  it('has whole milliseconds of deadline, and none below zero', () => {
    const sent = { model: '0'.repeat(64), name: 'm', inputs: [], outputs: null }
    const deadlineOf = (deadlineMs: number) =>
      decodeInferRequest(encodeInferRequest({ ...sent, context: { tenant: 't', deadlineMs } })).context.deadlineMs
    expect([12.9, -3, Number.POSITIVE_INFINITY].map(deadlineOf)).toEqual([12, 0, Number.POSITIVE_INFINITY])
  })

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])(
    'is PEER_PROTOCOL when it is said to have run for %d ms',
    (executeMs) => {
      const bytes = encodeInferAnswer({ outputs: [], omittedOutputs: [], executeMs })
      expect(() => decodeInferAnswer(bytes)).toThrow(expect.objectContaining({ code: 'PEER_PROTOCOL' }))
    },
  )

  it('is PEER_PROTOCOL, and nothing else, for any other bytes', () => {
    const refused = expect.objectContaining({ code: 'PEER_PROTOCOL' })
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(() => decodeInferRequest(bytes)).toThrow(refused)
        expect(() => decodeInferAnswer(bytes)).toThrow(refused)
      }),
    )
  })

  it('is PEER_PROTOCOL when one byte was changed in a way that matters, or the same message', () => {
    fc.assert(
      fc.property(message, fc.nat(), fc.integer({ min: 1, max: 255 }), (sent, at, flip) => {
        const bytes = encodeInferRequest(sent)
        bytes[at % bytes.length]! ^= flip
        try {
          decodeInferRequest(bytes)
        } catch (error) {
          expect(error).toMatchObject({ code: 'PEER_PROTOCOL' })
        }
      }),
    )
  })

  const good = {
    version: 1,
    model: new Uint8Array(32),
    name: 'm',
    tenant: 't',
    deadlineMs: null,
    inputs: [],
    outputs: null,
  }
  const x = { name: 'x', datatype: 'FP32', shape: [1], data: new Uint8Array(4) }
  it.each([
    { id: 'no version', value: { ...good, version: 0 } },
    { id: 'no map', value: [1] },
    { id: 'a short digest', value: { ...good, model: new Uint8Array(31) } },
    { id: 'a name that is no text', value: { ...good, name: 7 } },
    { id: 'a name without end', value: { ...good, name: 'x'.repeat(513) } },
    { id: 'a negative deadline', value: { ...good, deadlineMs: -1 } },
    { id: 'a deadline that is a fraction', value: { ...good, deadlineMs: 0.5 } },
    { id: 'outputs that are no names', value: { ...good, outputs: [1] } },
    { id: 'too many outputs', value: { ...good, outputs: Array.from({ length: 1025 }, () => 'x') } },
    { id: 'no inputs', value: { ...good, inputs: null } },
    { id: 'too many tensors', value: { ...good, inputs: Array.from({ length: 1025 }, () => x) } },
    { id: 'an unknown datatype', value: { ...good, inputs: [{ ...x, datatype: 'FP8' }] } },
    { id: 'a datatype from the prototype', value: { ...good, inputs: [{ ...x, datatype: 'constructor' }] } },
    { id: 'a negative size', value: { ...good, inputs: [{ ...x, shape: [-1] }] } },
    { id: 'too many dimensions', value: { ...good, inputs: [{ ...x, shape: Array.from({ length: 33 }, () => 1) }] } },
    { id: 'text for numbers', value: { ...good, inputs: [{ ...x, data: ['1'] }] } },
    { id: 'a list of texts', value: { ...good, inputs: [{ ...x, datatype: 'BYTES', data: ['1'] }] } },
    { id: 'a tensor without a name', value: { ...good, inputs: [{ ...x, name: undefined }] } },
  ])('refuses $id', ({ value }) => {
    expect(() => decodeInferRequest(encodeCbor(value))).toThrow(expect.objectContaining({ code: 'PEER_PROTOCOL' }))
  })
})
