import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { defaultChunkPlanOptions, planChunks } from '../../../origin/chunking/chunk-plan.ts'
import { defaultManifestLimits } from '../../../origin/index.ts'

const options = { chunkBytesMax: 100, groupBytesMax: 10 }

/** A file of a header and regions: offsets of the regions and the size of the file. */
function layout(headerBytes: number, regionBytes: readonly number[]) {
  const tensorOffsets: number[] = []
  let endBytes = headerBytes
  for (const sizeBytes of regionBytes) {
    tensorOffsets.push(endBytes)
    endBytes += sizeBytes
  }
  return { fileSizeBytes: endBytes, tensorOffsets }
}

describe('planChunks', () => {
  test('never cuts into more chunks than a manifest may have', () => {
    const KiB = 1024
    const regionBytes = fc.oneof(
      fc.nat(200),
      fc.nat(64 * KiB),
      fc.integer({ min: 60 * KiB, max: 70 * KiB }),
      fc.nat(2 ** 25),
    )
    const { chunksSpare, chunkMeanBytesMin } = defaultManifestLimits
    fc.assert(
      fc.property(fc.nat(9 * KiB * KiB), fc.array(regionBytes, { maxLength: 200 }), (headerBytes, regions) => {
        const file = layout(headerBytes, regions)
        const most = chunksSpare + Math.floor(file.fileSizeBytes / chunkMeanBytesMin)
        expect(planChunks(file).length).toBeLessThanOrEqual(most)
      }),
    )
  })

  test.each([
    { id: 'an empty file', header: 0, regions: [], expected: [] },
    { id: 'an opaque file', header: 250, regions: [], expected: [100, 100, 50] },
    { id: 'a header of its own', header: 5, regions: [4, 4], expected: [5, 8] },
    { id: 'small neighbours in groups', header: 5, regions: [4, 6, 4, 6, 1], expected: [5, 10, 10, 1] },
    { id: 'a large tensor alone', header: 5, regions: [4, 11, 4], expected: [5, 4, 11, 4] },
    { id: 'a huge tensor from its own start', header: 5, regions: [4, 230, 4], expected: [5, 4, 100, 100, 30, 4] },
    { id: 'a tensor of exactly a group', header: 5, regions: [10, 10], expected: [5, 10, 10] },
    { id: 'a tensor of exactly a chunk', header: 5, regions: [100, 1], expected: [5, 100, 1] },
    { id: 'empty tensors', header: 5, regions: [0, 3, 0, 0], expected: [5, 3] },
    { id: 'a long header', header: 120, regions: [3], expected: [100, 20, 3] },
    { id: 'no header', header: 0, regions: [3], expected: [3] },
  ])('cuts $id', ({ header, regions, expected }) => {
    expect(planChunks(layout(header, regions), options)).toEqual(expected)
  })

  const regions = fc.array(fc.oneof(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 400 })), {
    maxLength: 40,
  })

  test('covers the file exactly, with chunks that are neither empty nor too large', () => {
    fc.assert(
      fc.property(fc.nat(300), regions, (header, regionBytes) => {
        const input = layout(header, regionBytes)
        const sizes = planChunks(input, options)
        expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(input.fileSizeBytes)
        for (const size of sizes) expect(size > 0 && size <= options.chunkBytesMax).toBe(true)
      }),
    )
  })

  test('cuts the data alike after headers of any two lengths', () => {
    fc.assert(
      fc.property(fc.nat(300), fc.nat(300), regions, (one, two, regionBytes) => {
        const dataCuts = (header: number) =>
          planChunks(layout(header, regionBytes), options).slice(Math.ceil(header / options.chunkBytesMax))
        expect(dataCuts(one)).toEqual(dataCuts(two))
      }),
    )
  })

  test('gives a large tensor the same chunks wherever it stands', () => {
    fc.assert(
      fc.property(regions, regions, fc.integer({ min: 11, max: 400 }), (before, after, tensorBytes) => {
        const input = layout(7, [...before, tensorBytes, ...after])
        const startBytes = input.tensorOffsets[before.length]!
        const inside: number[] = []
        let offsetBytes = 0
        for (const size of planChunks(input, options)) {
          if (offsetBytes >= startBytes && offsetBytes < startBytes + tensorBytes) inside.push(size)
          offsetBytes += size
        }
        expect(inside).toEqual(planChunks({ fileSizeBytes: tensorBytes, tensorOffsets: [0] }, options))
      }),
    )
  })

  test('has defaults that fit each other', () => {
    expect(defaultChunkPlanOptions.groupBytesMax).toBeLessThan(defaultChunkPlanOptions.chunkBytesMax)
    expect(defaultChunkPlanOptions.chunkBytesMax).toBe(8 * 1024 * 1024)
  })
})
