import { describe, expect, test } from 'vitest'
import { planFile } from '../../../origin/chunking/file-plan.ts'
import { defaultHeaderLimits } from '../../../origin/chunking/tensor-table.ts'
import { noise, safetensors, safetensorsOf } from '../fixture.ts'

const plan = (bytes: Buffer, path = 'model.safetensors') =>
  planFile(path, bytes.length, async (offset, size) => bytes.subarray(offset, offset + size))

const entry = (change: Record<string, unknown> = {}) => ({ dtype: 'U8', shape: [4], data_offsets: [0, 4], ...change })
const fileOf = (header: unknown, dataBytes = 4) => safetensorsOf(JSON.stringify(header), Buffer.alloc(dataBytes))

describe('a safetensors file', () => {
  test('gives its tensors in file order, and cuts at them', async () => {
    const bytes = safetensors(
      [
        { name: 'b', bytes: noise('b', 100_000) },
        { name: 'a', bytes: noise('a', 10) },
        { name: 'nothing', bytes: noise('n', 0) },
      ],
      { format: 'pt' },
    )
    const headerBytes = bytes.length - 100_010
    expect(await plan(bytes)).toEqual({
      unreadable: null,
      chunkSizes: [headerBytes, 100_000, 10],
      tensors: [
        { name: 'b', dtype: 'U8', shape: [100_000], offsetBytes: headerBytes, sizeBytes: 100_000 },
        { name: 'a', dtype: 'U8', shape: [10], offsetBytes: headerBytes + 100_000, sizeBytes: 10 },
        { name: 'nothing', dtype: 'U8', shape: [0], offsetBytes: bytes.length, sizeBytes: 0 },
      ],
    })
  })

  test.each([
    { id: 'scalars', header: { t: entry({ dtype: 'F32', shape: [], data_offsets: [0, 4] }) } },
    { id: 'elements of half a byte', header: { t: entry({ dtype: 'F4', shape: [2, 4], data_offsets: [0, 4] }) } },
    { id: 'a dtype of a later version', header: { t: entry({ dtype: 'X9', shape: [3] }) } },
    { id: 'no tensors', header: { __metadata__: { format: 'pt' } }, dataBytes: 0 },
    {
      id: 'a tensor named __proto__',
      header: JSON.parse('{"__proto__":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}'),
    },
  ])('may have $id', async ({ header, dataBytes }: { header: object; dataBytes?: number }) => {
    const bytes = fileOf(header, dataBytes)
    const { chunkSizes, tensors } = await plan(bytes)
    expect(chunkSizes.reduce((sum, size) => sum + size, 0)).toBe(bytes.length)
    expect(tensors).toHaveLength(Object.keys(header).filter((name) => name !== '__metadata__').length)
  })

  const length = (value: bigint) => {
    const bytes = Buffer.alloc(16)
    bytes.writeBigUInt64LE(value)
    return bytes
  }
  test.each([
    { id: 'empty', bytes: Buffer.alloc(0) },
    { id: 'shorter than a length', bytes: Buffer.alloc(7) },
    { id: 'with a header beyond its end', bytes: length(9n) },
    { id: 'with a header of 2^63 bytes', bytes: length(2n ** 63n) },
    { id: 'with a header over the limit', bytes: length(BigInt(defaultHeaderLimits.headerBytesMax) + 1n) },
    { id: 'with a header that is no JSON', bytes: safetensorsOf('{"t":') },
    { id: 'with a header that is a list', bytes: safetensorsOf('[]') },
    { id: 'with a header that is null', bytes: safetensorsOf('null') },
    { id: 'with a tensor that is null', bytes: fileOf({ t: null }) },
    { id: 'without dtype', bytes: fileOf({ t: entry({ dtype: undefined }) }) },
    { id: 'with an endless dtype', bytes: fileOf({ t: entry({ dtype: 'U'.repeat(33) }) }) },
    { id: 'without shape', bytes: fileOf({ t: entry({ shape: undefined }) }) },
    { id: 'with a negative dimension', bytes: fileOf({ t: entry({ shape: [-4] }) }) },
    { id: 'with a shape that overflows', bytes: fileOf({ t: entry({ dtype: 'X9', shape: [2 ** 40, 2 ** 40] }) }) },
    { id: 'with too many dimensions', bytes: fileOf({ t: entry({ shape: Array(17).fill(1), data_offsets: [0, 1] }) }) },
    { id: 'with a size that is not that of the shape', bytes: fileOf({ t: entry({ shape: [5] }) }) },
    { id: 'with offsets that fall', bytes: fileOf({ t: entry({ data_offsets: [4, 0] }) }) },
    { id: 'with three offsets', bytes: fileOf({ t: entry({ data_offsets: [0, 4, 8] }) }) },
    { id: 'with a fractional offset', bytes: fileOf({ t: entry({ data_offsets: [0.5, 4.5] }) }) },
    { id: 'with a tensor beyond its end', bytes: fileOf({ t: entry({ data_offsets: [5, 9] }) }) },
    { id: 'with a tensor at 2^53', bytes: fileOf({ t: entry({ data_offsets: [2 ** 53 - 5, 2 ** 53 - 1] }) }) },
    { id: 'with tensors that overlap', bytes: fileOf({ t: entry(), u: entry({ data_offsets: [3, 7] }) }, 7) },
    { id: 'with a hole', bytes: fileOf({ t: entry({ data_offsets: [4, 8] }) }, 8) },
    { id: 'with bytes after its last tensor', bytes: fileOf({ t: entry() }, 8) },
    { id: 'with a byte order mark', bytes: safetensorsOf('\ufeff{}') },
    { id: 'with white space before its header', bytes: safetensorsOf(' {}') },
    {
      id: 'with a tensor name twice',
      bytes: safetensorsOf(
        '{"t":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"t":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}',
        Buffer.alloc(8),
      ),
    },
    {
      id: 'with a shape of fractions',
      bytes: safetensorsOf('{"t":{"dtype":"U8","shape":[4.0],"data_offsets":[0,4]}}', Buffer.alloc(4)),
    },
    { id: 'with metadata that is no text', bytes: safetensorsOf('{"__metadata__":{"n":1}}') },
    { id: 'with a tensor name that is endless', bytes: fileOf({ ['x'.repeat(1025)]: entry() }) },
  ])('is plain bytes, with the reason, when it is $id', async ({ bytes }) => {
    const { chunkSizes, tensors, unreadable } = await plan(bytes)
    expect({ tensors, unreadable }).toEqual({ tensors: null, unreadable: expect.stringMatching(/^Malformed header: /) })
    expect(chunkSizes.reduce((sum, size) => sum + size, 0)).toBe(bytes.length)
  })

  test('that is a Git LFS pointer is called one', async () => {
    const pointer = Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n')
    await expect(plan(pointer)).rejects.toMatchObject({ message: expect.stringContaining('git lfs pull') })
  })

  test('under another name is opaque', async () => {
    expect(await plan(Buffer.alloc(7), 'model.bin')).toEqual({ chunkSizes: [7], tensors: null, unreadable: null })
  })
})
