import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { blobIdOf, type Chunk } from '../../../origin/index.ts'

const vectorFile = new URL('../../../native/test/blob_id_vectors.inc', import.meta.url)
const vectors = [...readFileSync(vectorFile, 'utf8').matchAll(/^BLOB_ID_VECTOR\("(\w{64})", "(.*)"\)$/gm)]

function parseChunks(text: string): Chunk[] {
  return [...text.matchAll(/(\w{64}):(\d+)/g)].map(([, sha256, size]) => ({ sha256: sha256!, sizeBytes: Number(size) }))
}

const chunk: fc.Arbitrary<Chunk> = fc.record({
  // Few digests, so that lists often differ in one place only.
  sha256: fc.constantFrom('a', 'b', 'ab').map((text) => createHash('sha256').update(text).digest('hex')),
  sizeBytes: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.maxSafeNat()),
})

describe('blobIdOf', () => {
  test('gives the ids that the native part gives', () => {
    expect(vectors.length).toBeGreaterThan(5)
    for (const [, id, chunks] of vectors) expect(blobIdOf({ chunks: parseChunks(chunks!) })).toBe(id)
  })

  test('differs whenever digests, sizes, order or number of chunks differ', () => {
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 4 }), fc.array(chunk, { maxLength: 4 }), (one, other) => {
        const areEqual = JSON.stringify(one) === JSON.stringify(other)
        expect(blobIdOf({ chunks: one }) === blobIdOf({ chunks: other })).toBe(areEqual)
      }),
      { numRuns: 2_000 },
    )
  })

  test('is never the digest of a chunk, not even of a file that is the encoding of a chunk list', () => {
    const victim = [{ sha256: createHash('sha256').update('weights').digest('hex'), sizeBytes: 7 }]
    const size = Buffer.alloc(8)
    size.writeBigUInt64BE(7n)
    const crafted = Buffer.concat([Buffer.from('holdfast blob 1\0'), Buffer.from(victim[0]!.sha256, 'hex'), size])
    const sha256 = createHash('sha256').update(crafted).digest('hex')
    expect(sha256).toBe(blobIdOf({ chunks: victim }))
    expect(blobIdOf({ chunks: [{ sha256, sizeBytes: crafted.length }] })).not.toBe(sha256)
  })
})
