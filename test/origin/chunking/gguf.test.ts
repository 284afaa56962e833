import { describe, expect, test } from 'vitest'
import { planFile } from '../../../origin/chunking/file-plan.ts'
import { ggmlTypes } from '../../../origin/chunking/ggml-types.ts'
import { defaultHeaderLimits } from '../../../origin/chunking/tensor-table.ts'
import { GgufBytes } from './gguf-bytes.ts'

const plan = (bytes: Buffer) =>
  planFile('model.gguf', bytes.length, async (offset, size) => {
    expect(offset + size).toBeLessThanOrEqual(bytes.length)
    return bytes.subarray(offset, offset + size)
  })

const F32 = 0
const Q4_K = 12
const gguf = () => new GgufBytes()
/** One tensor, then 64 KiB of data. */
const oneTensor = (dimensions: readonly (bigint | number)[], type: number, offsetBytes: bigint | number = 0) =>
  gguf().start({ tensors: 1 }).tensor('t', dimensions, type, offsetBytes).align(32).zeros(65536).build()

describe('a GGUF file', () => {
  test.each([2, 3])('of version %i gives its tensors, slowest dimension first', async (version) => {
    const header = gguf()
      .start({ version, tensors: 2, pairs: 3 })
      .text('general.name')
      .u32(8)
      .text('test')
      .text('tokens')
      .u32(9)
      .u32(8)
      .u64(2)
      .text('a')
      .text('b')
      .text('nested')
      .u32(9)
      .u32(9)
      .u64(1)
      .u32(4)
      .u64(2)
      .u32(1)
      .u32(2)
      .tensor('out', [256, 3], Q4_K, 128)
      .tensor('in', [5, 2], F32, 0)
      .align(32)
    const bytes = header.zeros(128 + 3 * 144).build()
    const dataBytes = bytes.length - 128 - 3 * 144
    expect(await plan(bytes)).toEqual({
      unreadable: null,
      chunkSizes: [dataBytes, 128 + 3 * 144],
      tensors: [
        { name: 'in', dtype: 'F32', shape: [2, 5], offsetBytes: dataBytes, sizeBytes: 40 },
        { name: 'out', dtype: 'Q4_K', shape: [3, 256], offsetBytes: dataBytes + 128, sizeBytes: 3 * 144 },
      ],
    })
  })

  test('aligns its data as it says itself', async () => {
    const bytes = gguf()
      .start({ tensors: 1, pairs: 1 })
      .text('general.alignment')
      .u32(4)
      .u32(4096)
      .tensor('t', [1], F32, 4096)
      .align(4096)
      .zeros(8192)
      .build()
    expect((await plan(bytes)).tensors).toMatchObject([{ offsetBytes: 8192, sizeBytes: 4 }])
  })

  test('may have a header longer than the first read', async () => {
    const bytes = gguf()
      .start({ tensors: 1, pairs: 2 })
      .text('big')
      .u32(9)
      .u32(0)
      .u64(3_000_000)
      .zeros(3_000_000)
      .text('bigger')
      .u32(8)
      .u64(9_000_000)
      .zeros(9_000_000)
      .tensor('t', [1], F32, 0)
      .align(32)
      .zeros(4)
      .build()
    const { tensors, chunkSizes } = await plan(bytes)
    expect(tensors).toMatchObject([{ offsetBytes: bytes.length - 4, sizeBytes: 4 }])
    expect(chunkSizes.reduce((sum, size) => sum + size, 0)).toBe(bytes.length)
  })

  test('of a type that some fork has gives sizes by distance', async () => {
    const bytes = gguf()
      .start({ tensors: 2 })
      .tensor('fork', [77], 177, 0)
      .tensor('t', [1], F32, 96)
      .align(32)
      .zeros(100)
      .build()
    expect((await plan(bytes)).tensors).toMatchObject([{ dtype: 'ggml-177', sizeBytes: 96 }, { sizeBytes: 4 }])
  })

  test.each([...ggmlTypes])('has the block size of type %i', async (number, type) => {
    const { tensors } = await plan(oneTensor([type.blockElements * 2, 3], number))
    expect(tensors).toMatchObject([{ dtype: type.name, sizeBytes: type.blockBytes * 6 }])
  })

  test.each([
    { id: 'empty', bytes: Buffer.alloc(0) },
    { id: 'of another magic', bytes: Buffer.from('GGML0000000000000000000000000000') },
    { id: 'of version 1', bytes: gguf().start({ version: 1 }).build() },
    { id: 'of version 4', bytes: gguf().start({ version: 4 }).build() },
    { id: 'big-endian', bytes: gguf().start({ version: 0x03000000 }).build() },
    { id: 'cut in the header', bytes: gguf().start({ tensors: 1 }).tensor('t', [1], F32, 0).build().subarray(0, 40) },
    {
      id: 'with 2^63 tensors',
      bytes: gguf()
        .start({ tensors: 2n ** 63n })
        .build(),
    },
    { id: 'with more tensors than fit', bytes: gguf().start({ tensors: 1000 }).zeros(200).build() },
    {
      id: 'with 2^62 pairs',
      bytes: gguf()
        .start({ pairs: 2n ** 62n })
        .build(),
    },
    { id: 'with more pairs than fit', bytes: gguf().start({ pairs: 1000 }).zeros(200).build() },
    {
      id: 'with a key that is endless',
      bytes: gguf()
        .start({ pairs: 1 })
        .u64(2n ** 60n)
        .zeros(64)
        .build(),
    },
    { id: 'with a value of no type', bytes: gguf().start({ pairs: 1 }).text('k').u32(13).zeros(64).build() },
    {
      id: 'with an array of 2^61 items',
      bytes: gguf()
        .start({ pairs: 1 })
        .text('k')
        .u32(9)
        .u32(0)
        .u64(2n ** 61n)
        .zeros(64)
        .build(),
    },
    {
      id: 'with an array longer than the file',
      bytes: gguf().start({ pairs: 1 }).text('k').u32(9).u32(12).u64(9).zeros(64).build(),
    },
    {
      id: 'with arrays in arrays in arrays',
      bytes: [0, 0, 0, 0, 0, 0]
        .reduce((g) => g.u32(9).u64(1), gguf().start({ pairs: 1 }).text('k').u32(9))
        .zeros(64)
        .build(),
    },
    {
      id: 'with an alignment that is no uint32',
      bytes: gguf().start({ pairs: 1 }).text('general.alignment').u32(10).u64(32).build(),
    },
    { id: 'with an alignment of 0', bytes: gguf().start({ pairs: 1 }).text('general.alignment').u32(4).u32(0).build() },
    {
      id: 'with an alignment of 33',
      bytes: gguf().start({ pairs: 1 }).text('general.alignment').u32(4).u32(33).build(),
    },
    {
      id: 'with an alignment of 2^31',
      bytes: gguf()
        .start({ pairs: 1 })
        .text('general.alignment')
        .u32(4)
        .u32(2 ** 31)
        .build(),
    },
    { id: 'with 17 dimensions', bytes: oneTensor(Array(17).fill(1), F32) },
    {
      id: 'with 2^32 - 1 dimensions',
      bytes: gguf()
        .start({ tensors: 1 })
        .text('t')
        .u32(2 ** 32 - 1)
        .zeros(64)
        .build(),
    },
    { id: 'with a shape that overflows', bytes: oneTensor([2n ** 40n, 2n ** 40n], F32) },
    { id: 'with a dimension of 2^63', bytes: oneTensor([2n ** 63n], F32) },
    { id: 'with a row that is no block', bytes: oneTensor([100, 256], Q4_K) },
    { id: 'with a tensor that is not aligned', bytes: oneTensor([1], F32, 4) },
    { id: 'with a tensor beyond its end', bytes: oneTensor([1], F32, 65536) },
    { id: 'with a tensor at 2^63', bytes: oneTensor([1], F32, 2n ** 63n) },
    { id: 'with a fork tensor beyond its end', bytes: oneTensor([1], 177, 1 << 20) },
    {
      id: 'with tensors that overlap',
      bytes: gguf()
        .start({ tensors: 2 })
        .tensor('t', [64], F32, 0)
        .tensor('u', [1], F32, 32)
        .align(32)
        .zeros(512)
        .build(),
    },
    {
      id: 'with a tensor name twice',
      bytes: gguf()
        .start({ tensors: 2 })
        .tensor('t', [8], F32, 0)
        .tensor('t', [1], F32, 32)
        .align(32)
        .zeros(512)
        .build(),
    },
  ])('is plain bytes, with the reason, when it is $id', async ({ bytes }) => {
    const { chunkSizes, tensors, unreadable } = await plan(bytes)
    expect({ tensors, unreadable }).toEqual({ tensors: null, unreadable: expect.stringMatching(/^Malformed header: /) })
    expect(chunkSizes.reduce((sum, size) => sum + size, 0)).toBe(bytes.length)
  })

  test('is plain bytes when its header goes on beyond the limit, without reading all of it', async () => {
    const sizeBytes = 2 ** 40
    const start = gguf()
      .start({ pairs: 1 })
      .text('k')
      .u32(8)
      .u64(2 ** 39)
      .build()
    let readBytes = 0
    const readAt = async (_offset: number, size: number) => {
      readBytes += size
      return Buffer.concat([start], size)
    }
    expect(await planFile('model.gguf', sizeBytes, readAt)).toMatchObject({ tensors: null })
    expect(readBytes).toBeLessThan(defaultHeaderLimits.headerBytesMax)
  })
})
