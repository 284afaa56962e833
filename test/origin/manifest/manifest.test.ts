import { describe, expect, test } from 'vitest'
import {
  buildManifest,
  canonicalBytes,
  chunkBytesMax,
  defaultManifestLimits,
  type ManifestFile,
  manifestDigest,
  manifestSizeBytes,
  parseManifest,
  parseManifestOf,
  readManifest,
} from '../../../origin/index.ts'
import { sha256 } from '../fixture.ts'

const a = sha256('a')
const b = sha256('b')
const c = sha256('c')

const file = (path: string, change: Record<string, unknown> = {}) => ({
  path,
  sizeBytes: 10,
  sha256: sha256(path),
  chunks: [{ sha256: sha256(path), sizeBytes: 10 }],
  ...change,
})
const manifestOf = (...files: unknown[]) => ({ schema: 'holdfast.manifest.v1', annotations: {}, files })
const tensor = (change: Record<string, unknown> = {}) => ({
  name: 't',
  dtype: 'F32',
  shape: [1],
  offsetBytes: 0,
  sizeBytes: 4,
  ...change,
})
const withTensors = (...tensors: unknown[]) => manifestOf(file('x', { tensors }))
const withChunks = (sizeBytes: number, ...chunks: unknown[]) => manifestOf(file('x', { sizeBytes, chunks }))

describe('what a manifest costs its readers', () => {
  const cutInto = (sizeBytes: number, count: number) => {
    const chunks = Array.from({ length: count }, (_, index) => ({
      sha256: sha256(`${index}`),
      sizeBytes: sizeBytes / count,
    }))
    return Buffer.from(canonicalBytes(manifestOf(file('x', { sizeBytes, chunks }))))
  }

  test.each([
    ['a million chunks of one byte', 1_000_000, 1_000_000],
    ['40 kB in 10,000 chunks', 40_000, 10_000],
    ['a chunk too many', 6 * 2_731, 6],
  ])('is paid by bytes: %s is refused', (_what, sizeBytes, count) => {
    expect(() => parseManifest(cutInto(sizeBytes, count))).toThrowError(
      expect.objectContaining({ code: 'BAD_MANIFEST' }),
    )
  })

  test.each([
    ['a few small chunks', 4, 4],
    ['chunks of the least mean size', 160 * 1024, 10],
  ])('leaves %s alone', (_what, sizeBytes, count) => {
    expect(parseManifest(cutInto(sizeBytes, count)).files[0]!.chunks).toHaveLength(count)
  })
})

describe('buildManifest', () => {
  test('gives the same digest whatever the order of files, and reads back equal', () => {
    const files = [file('b/c'), file('a'), file('b.txt')] as ManifestFile[]
    const one = buildManifest(files, { license: 'apache-2.0' })
    const two = buildManifest(files.toReversed(), { license: 'apache-2.0' })
    expect(one.digest).toBe(two.digest)
    expect(one.digest).toBe(sha256(one.bytes))
    expect(one.manifest.files.map(({ path }) => path)).toEqual(['a', 'b.txt', 'b/c'])
    expect(parseManifestOf(one.digest, one.bytes)).toEqual(one.manifest)
    expect(manifestDigest(one.manifest)).toBe(one.digest)
    expect(manifestSizeBytes(one.manifest)).toBe(30)
  })

  test('looks at each of many files a few times', () => {
    let reads = 0
    const files = Array.from({ length: 10_000 }, (_, i) => {
      const made = file(`folder-${i % 100}/file-${i}`) as ManifestFile
      const { path } = made
      const get = () => {
        reads += 1
        return path
      }
      return Object.defineProperty(made, 'path', { enumerable: true, get })
    })
    const { bytes } = buildManifest(files)
    expect(reads / files.length).toBeLessThan(100)
    expect(parseManifest(bytes).files).toHaveLength(files.length)
  })
})

describe('parseManifest', () => {
  test('refuses more bytes than the limit before it parses them', () => {
    const limits = { ...defaultManifestLimits, manifestBytesMax: 1000 }
    const { bytes } = buildManifest(Array.from({ length: 10 }, (_, i) => file(`f${i}`) as ManifestFile))
    expect(bytes.length).toBeGreaterThan(1000)
    expect(() => parseManifest(bytes, limits)).toThrow(expect.objectContaining({ code: 'BAD_MANIFEST' }))
  })

  test('takes equal content under two paths, empty files, and tensors that touch', () => {
    const manifest = manifestOf(
      file('a', {
        tensors: [
          tensor(),
          tensor({ name: 'u', offsetBytes: 4 }),
          tensor({ name: 'z', offsetBytes: 10, sizeBytes: 0 }),
        ],
      }),
      file('b', { sha256: sha256('a'), chunks: [{ sha256: sha256('a'), sizeBytes: 10 }] }),
      file('empty', { sizeBytes: 0, chunks: [] }),
    )
    expect(parseManifest(canonicalBytes(manifest))).toEqual(manifest)
  })

  const hostile: { id: string; manifest: unknown }[] = [
    { id: 'not an object', manifest: [] },
    { id: 'null', manifest: null },
    { id: 'of another schema', manifest: { ...manifestOf(file('x')), schema: 'holdfast.manifest.v2' } },
    { id: 'without schema', manifest: { files: [file('x')], annotations: {} } },
    { id: 'with an unknown field', manifest: { ...manifestOf(file('x')), extra: 1 } },
    { id: 'with a field named __proto__', manifest: JSON.parse('{"__proto__":{"schema":"holdfast.manifest.v1"}}') },
    { id: 'with an unknown field in a file', manifest: manifestOf(file('x', { mode: 4 })) },
    { id: 'without files', manifest: manifestOf() },
    { id: 'with a path that climbs', manifest: manifestOf(file('../x')) },
    { id: 'with a path that climbs inside', manifest: manifestOf(file('a/../../x')) },
    { id: 'with an absolute path', manifest: manifestOf(file('/etc/passwd')) },
    { id: 'with a drive letter', manifest: manifestOf(file('C:/x')) },
    { id: 'with a backslash', manifest: manifestOf(file('a\\..\\x')) },
    { id: 'with NUL in a path', manifest: manifestOf(file('x\0.onnx')) },
    { id: 'with an escape sequence in a path', manifest: manifestOf(file('\x1b[2J')) },
    { id: 'with an empty path', manifest: manifestOf(file('')) },
    { id: 'with a dot part', manifest: manifestOf(file('./x')) },
    { id: 'with an empty part', manifest: manifestOf(file('a//x')) },
    { id: 'with a folder as path', manifest: manifestOf(file('a/')) },
    { id: 'with an endless path', manifest: manifestOf(file(`${'a/'.repeat(600)}x`)) },
    { id: 'with an endless part', manifest: manifestOf(file('x'.repeat(256))) },
    { id: 'with a path twice', manifest: manifestOf(file('x'), file('x')) },
    { id: 'with files out of order', manifest: manifestOf(file('b'), file('a')) },
    { id: 'with a file that is a folder', manifest: manifestOf(file('a'), file('a.b'), file('a/b')) },
    { id: 'with a negative size', manifest: manifestOf(file('x', { sizeBytes: -1 })) },
    { id: 'with a fractional size', manifest: withChunks(0.5, { sha256: a, sizeBytes: 0.5 }) },
    { id: 'with a size of 2^53', manifest: withChunks(2 ** 53, { sha256: a, sizeBytes: 8 }) },
    { id: 'with a size as text', manifest: manifestOf(file('x', { sizeBytes: '10' })) },
    { id: 'with chunks that sum to less', manifest: withChunks(11, { sha256: a, sizeBytes: 10 }) },
    { id: 'with chunks that sum to more', manifest: withChunks(9, { sha256: a, sizeBytes: 10 }) },
    { id: 'without chunks', manifest: withChunks(10) },
    { id: 'with an empty chunk', manifest: withChunks(10, { sha256: a, sizeBytes: 10 }, { sha256: b, sizeBytes: 0 }) },
    {
      id: 'with a chunk over 8 MiB',
      manifest: withChunks(chunkBytesMax + 1, { sha256: a, sizeBytes: chunkBytesMax + 1 }),
    },
    {
      id: 'with a chunk of two sizes',
      manifest: withChunks(3, { sha256: a, sizeBytes: 1 }, { sha256: a, sizeBytes: 2 }),
    },
    { id: 'with a digest in upper case', manifest: manifestOf(file('x', { sha256: a.toUpperCase() })) },
    { id: 'with a short digest', manifest: withChunks(10, { sha256: a.slice(1), sizeBytes: 10 }) },
    {
      id: 'with one blob of two meanings',
      manifest: manifestOf(
        file('x', { sha256: c, chunks: [{ sha256: a, sizeBytes: 10 }] }),
        file('y', { sha256: c, chunks: [{ sha256: b, sizeBytes: 10 }] }),
      ),
    },
    { id: 'with overlapping tensors', manifest: withTensors(tensor(), tensor({ name: 'u', offsetBytes: 3 })) },
    { id: 'with tensors out of order', manifest: withTensors(tensor({ offsetBytes: 4 }), tensor({ name: 'u' })) },
    { id: 'with a tensor beyond the end', manifest: withTensors(tensor({ offsetBytes: 7 })) },
    { id: 'with a tensor that overflows', manifest: withTensors(tensor({ offsetBytes: 8, sizeBytes: 2 ** 53 - 1 })) },
    { id: 'with a tensor name twice', manifest: withTensors(tensor(), tensor({ offsetBytes: 4 })) },
    { id: 'with a negative dimension', manifest: withTensors(tensor({ shape: [-1] })) },
    { id: 'with too many dimensions', manifest: withTensors(tensor({ shape: Array(17).fill(1) })) },
    { id: 'with an endless tensor name', manifest: withTensors(tensor({ name: 'x'.repeat(1025) })) },
    { id: 'with an annotation that is no text', manifest: { ...manifestOf(file('x')), annotations: { k: 1 } } },
    { id: 'with an endless annotation', manifest: { ...manifestOf(file('x')), annotations: { k: 'x'.repeat(5000) } } },
  ]
  test.each(hostile)('refuses one $id', ({ manifest }) => {
    // Not canonicalBytes: it would refuse some of these itself.
    const bytes = Buffer.from(JSON.stringify(sortKeys(manifest)))
    expect(() => parseManifest(bytes)).toThrow(expect.objectContaining({ code: 'BAD_MANIFEST' }))
  })

  test('accepts what the hostile ones were made of', () => {
    expect(() => parseManifest(Buffer.from(JSON.stringify(sortKeys(withTensors(tensor())))))).not.toThrow()
  })

  test('refuses a size sum of 2^53 or more', () => {
    // 2^53 bytes of chunks cannot be listed, so that the chunk sum is the first to complain: both are BAD_MANIFEST.
    const huge = { sizeBytes: 2 ** 53 - 1, chunks: [{ sha256: a, sizeBytes: 1 }] }
    const bytes = Buffer.from(JSON.stringify(sortKeys(manifestOf(file('x', huge), file('y', huge)))))
    expect(() => parseManifest(bytes)).toThrow(expect.objectContaining({ code: 'BAD_MANIFEST' }))
  })

  test.each([
    { id: 'not JSON', text: '{' },
    { id: 'with spaces', text: JSON.stringify(sortKeys(manifestOf(file('x'))), null, 1) },
    { id: 'with keys out of order', text: JSON.stringify(manifestOf(file('x'))) },
    { id: 'with an exponent', text: JSON.stringify(sortKeys(manifestOf(file('x')))).replaceAll(':10', ':1e1') },
    {
      id: 'with a key twice',
      text: JSON.stringify(sortKeys(manifestOf(file('x')))).replace('{"a', '{"annotations":{},"a'),
    },
    { id: 'with an escaped letter', text: JSON.stringify(sortKeys(manifestOf(file('x')))).replace('"x"', '"\\u0078"') },
    { id: 'with a byte order mark', text: `\ufeff${JSON.stringify(sortKeys(manifestOf(file('x'))))}` },
  ])('refuses text that is $id: a model has one identity', ({ text }) => {
    expect(() => parseManifest(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'BAD_MANIFEST' }))
  })

  test('refuses bytes that are not UTF-8', () => {
    const bytes = Buffer.from(canonicalBytes(manifestOf(file('x'))))
    bytes[bytes.indexOf('"x"') + 1] = 0xff
    expect(() => parseManifest(bytes)).toThrow(expect.objectContaining({ code: 'BAD_MANIFEST' }))
  })

  test.each([
    { limit: 'filesMax', max: 1 },
    { limit: 'chunksMax', max: 1 },
    { limit: 'tensorsMax', max: 1 },
    { limit: 'annotationsMax', max: 0 },
    { limit: 'manifestBytesMax', max: 100 },
  ])('keeps the limit $limit', ({ limit, max }) => {
    const tensors = [tensor()]
    const manifest = { ...manifestOf(file('x', { tensors }), file('y', { tensors })), annotations: { k: 'v' } }
    const bytes = canonicalBytes(manifest)
    expect(() => parseManifest(bytes)).not.toThrow()
    expect(() => parseManifest(bytes, { ...defaultManifestLimits, [limit]: max })).toThrow(
      expect.objectContaining({ code: 'BAD_MANIFEST' }),
    )
  })

  test('says so when the bytes are another manifest', () => {
    expect(() => parseManifestOf(a, canonicalBytes(manifestOf(file('x'))))).toThrow(
      expect.objectContaining({ code: 'DIGEST_MISMATCH' }),
    )
  })
})

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([x], [y]) => (x < y ? -1 : 1))
      .map(([key, item]) => [key, sortKeys(item)]),
  )
}

test('a text of many small values is refused before they are made', () => {
  const crowd = Buffer.from(`{"schema":"holdfast.manifest.v1","files":[${'{},'.repeat(100_000)}{}],"annotations":{}}`)
  expect(() => parseManifest(crowd)).toThrow(/more objects and lists/)
  const texts = Buffer.from(`{"schema":"holdfast.manifest.v1","files":["${'{['.repeat(100_000)}\\""],"annotations":{}}`)
  expect(() => parseManifest(texts)).not.toThrow(/more objects and lists/)
})

describe('a large manifest, which is checked apart,', () => {
  const limits = defaultManifestLimits
  const chunks = Array.from({ length: 4_000 }, (_, at) => ({ sha256: sha256(`${at}`), sizeBytes: 65_536 }))
  const large = file('large.bin', { sizeBytes: 4_000 * 65_536, chunks })

  test('is the same as one that is read here', async () => {
    const { digest, bytes, manifest } = buildManifest([large as ManifestFile])
    expect(bytes.length).toBeGreaterThan(256 * 1024)
    expect(await readManifest({ digest, bytes, limits })).toEqual(manifest)
  })

  test('is refused for the same reason, also by its digest alone', async () => {
    const bytes = canonicalBytes(manifestOf({ ...large, sizeBytes: 4_000 }))
    const bad = readManifest({ digest: sha256(bytes), bytes, limits })
    await expect(bad).rejects.toMatchObject({ code: 'BAD_MANIFEST', message: expect.stringContaining('at most') })
    const mismatch = readManifest({ digest: sha256('other'), bytes, limits })
    await expect(mismatch).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' })
  })

  test('of exactly the limit of bytes is read, one byte more is not', async () => {
    const { digest, bytes, manifest } = buildManifest([large as ManifestFile])
    const exact = { ...limits, manifestBytesMax: bytes.length }
    expect(await readManifest({ digest, bytes, limits: exact })).toEqual(manifest)
    const less = { ...limits, manifestBytesMax: bytes.length - 1 }
    await expect(readManifest({ digest, bytes, limits: less })).rejects.toMatchObject({ code: 'BAD_MANIFEST' })
  })
})
