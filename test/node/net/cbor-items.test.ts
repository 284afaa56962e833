/** A message of many values takes many times its bytes in memory: their number is looked at before any is made. */
import { expect, it } from 'vitest'
import { decodeCbor, encodeCbor, itemsMax } from '../../../node/net/cbor.ts'

/** A list of so many empty maps. */
function emptyMaps(count: number): Uint8Array {
  const bytes = new Uint8Array(5 + count).fill(0xa0)
  bytes[0] = 0x9a
  new DataView(bytes.buffer).setUint32(1, count)
  return bytes
}

it('a message of exactly the limit of values is read, one more is refused', () => {
  expect((decodeCbor(emptyMaps(itemsMax - 1), 'test') as unknown[]).length).toBe(itemsMax - 1)
  expect(() => decodeCbor(emptyMaps(itemsMax), 'test')).toThrow('values')
  expect(() => decodeCbor(emptyMaps(60_000_000), 'test')).toThrow('values')
})

it('bytes and texts are one value each, however long', () => {
  const value = {
    bytes: new Uint8Array(8 * 2 ** 20).fill(0xa0),
    text: 'x'.repeat(2 ** 20),
    list: [1, 70_000, 2 ** 40, -5],
  }
  expect(decodeCbor(encodeCbor(value), 'test')).toEqual(value)
})

it('what is cut off is still malformed, not endless', () => {
  const bytes = emptyMaps(itemsMax).fill(0x5b, 0, 1)
  expect(() => decodeCbor(bytes, 'test')).toThrow('Malformed test')
})
