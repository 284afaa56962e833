import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { TensorValue } from '../../../node/ports/index.ts'
import { sendAhead, type TensorPart, TensorParts } from '../../../node/runtime/tensor-parts.ts'

const tensor = (name: string, sizeBytes: number): TensorValue => {
  const data = new Uint8Array(sizeBytes).map((_, index) => (index * 31 + sizeBytes) % 251)
  return { name, datatype: 'UINT8', shape: [sizeBytes], data }
}

async function sent(id: number, tensors: readonly TensorValue[]) {
  const parts: TensorPart[] = []
  const message = await sendAhead(id, tensors, async (part) => {
    parts.push(part)
  })
  return { parts, message }
}

test('small tensors stay in their message', async () => {
  const tensors = [tensor('a', 3), tensor('b', 0), tensor('c', 512 * 1024 - 3)]
  expect(await sent(1, tensors)).toEqual({ parts: [], message: tensors })
})

test('large ones go ahead in parts of 512 KiB at most', async () => {
  const { parts, message } = await sent(1, [tensor('a', 512 * 1024), tensor('b', 1)])
  expect(parts.map(({ at, bytes, totalBytes }) => [at, bytes.byteLength, totalBytes])).toEqual([
    [0, 512 * 1024, 512 * 1024 + 1],
    [512 * 1024, 1, 512 * 1024 + 1],
  ])
  expect(message.map(({ data }) => data)).toEqual([512 * 1024, 1])
})

test('what was sent is what is joined, also when two messages come at once', async () => {
  const sizes = fc.array(fc.oneof(fc.nat(10), fc.integer({ min: 500_000, max: 1_200_000 })), {
    minLength: 1,
    maxLength: 4,
  })
  await fc.assert(
    fc.asyncProperty(sizes, sizes, async (one, other) => {
      const lists = [one, other].map((list) => list.map((sizeBytes, index) => tensor(`t${index}`, sizeBytes)))
      const [first, second] = [await sent(1, lists[0]!), await sent(2, lists[1]!)]
      const received = new TensorParts()
      for (let at = 0; at < Math.max(first.parts.length, second.parts.length); at++) {
        for (const part of [first.parts[at], second.parts[at]])
          if (part !== undefined) received.take(structuredClone(part))
      }
      for (const [id, { message }] of [first, second].entries()) {
        const joined = received.join(id + 1, message)
        for (const [index, { data }] of joined.entries()) expect(Buffer.compare(data, lists[id]![index]!.data)).toBe(0)
        expect(joined.map(({ name, shape }) => [name, shape])).toEqual(
          lists[id]!.map(({ name, shape }) => [name, shape]),
        )
      }
    }),
    { numRuns: 20 },
  )
})
