import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeFrame, FrameReader } from '../../../../node/transfer/bulk/frames.ts'

const anyFrame = fc.record({ kind: fc.nat(255), id: fc.nat(0xffff_ffff), payload: fc.uint8Array({ maxLength: 50 }) })

test('frames come out as they went in, however the stream is cut', () => {
  fc.assert(
    fc.property(
      fc.array(anyFrame, { maxLength: 10 }),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
      (frames, cuts) => {
        const seen: typeof frames = []
        const reader = new FrameReader({
          onHeader: (header) => new Uint8Array(header.lengthBytes),
          onFrame: ({ kind, id }, payload) => seen.push({ kind, id, payload: payload as Uint8Array<ArrayBuffer> }),
        })
        const stream = Buffer.concat(frames.map(({ kind, id, payload }) => encodeFrame(kind, id, payload)))
        for (let offset = 0, cut = 0; offset < stream.length; cut++) {
          const end = offset + (cuts[cut % cuts.length] as number)
          reader.push(stream.subarray(offset, end))
          offset = end
        }
        expect(seen).toEqual(frames)
      },
    ),
  )
})

test('a payload without a target is skipped and the next frame is right', () => {
  const seen: [number, Uint8Array | null][] = []
  const reader = new FrameReader({
    onHeader: ({ id, lengthBytes }) => (id === 1 ? null : new Uint8Array(lengthBytes)),
    onFrame: ({ id }, payload) => seen.push([id, payload]),
  })
  reader.push(Buffer.concat([encodeFrame(3, 1, new Uint8Array(100)), encodeFrame(3, 2, Uint8Array.of(5))]))
  expect(seen).toEqual([
    [1, null],
    [2, Uint8Array.of(5)],
  ])
})

test('what is still to come of a frame is skipped once nobody waits for it', () => {
  const target = new Uint8Array(4)
  const seen: [number, Uint8Array | null][] = []
  const reader = new FrameReader({
    onHeader: ({ lengthBytes }) => (lengthBytes === 4 ? target : new Uint8Array(lengthBytes)),
    onFrame: ({ id }, payload) => seen.push([id, payload]),
  })
  const stream = Buffer.concat([encodeFrame(3, 1, Uint8Array.of(1, 2, 3, 4)), encodeFrame(3, 2, Uint8Array.of(5))])
  reader.push(stream.subarray(0, 11))
  reader.skip(2)
  reader.push(stream.subarray(11, 12))
  reader.skip(1)
  reader.push(stream.subarray(12))
  expect(seen).toEqual([
    [1, null],
    [2, Uint8Array.of(5)],
  ])
  expect([...target]).toEqual([1, 2, 3, 0])
})
