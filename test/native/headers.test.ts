/** A push reads headers in TypeScript, an open in C++: over whole, odd and broken headers both say the same. */
import { isDeepStrictEqual } from 'node:util'
import { expect, test } from 'vitest'
import { loadAddon, wrapSync } from '../../native/addon.ts'
import { connectStore } from '../../native/index.ts'
import { planFile } from '../../origin/chunking/file-plan.ts'
import { safetensorsOf } from '../origin/fixture.ts'
import { StoreFixture } from './fixture.ts'
import { headerSeeds, type MutatedFile, mutatedHeaders } from './header-mutations.ts'

const seed = Number(process.env.HOLDFAST_HEADER_SEED ?? 1)
const count = Number(process.env.HOLDFAST_HEADER_COUNT ?? 600)

/** As the push lists them; null when the file is plain bytes to it. */
async function pushed({ path, bytes }: MutatedFile) {
  const plan = await planFile(path, bytes.length, async (offset, size) => bytes.subarray(offset, offset + size))
  return plan.unreadable === null ? plan.tensors : null
}

function opened({ path, bytes }: MutatedFile) {
  const addon = loadAddon()
  let prefixBytes = 0
  try {
    for (;;) {
      const found = wrapSync(() => addon.readTensors(path, bytes.subarray(0, prefixBytes), bytes.length))
      if (typeof found !== 'number') return found
      expect(found).toBeGreaterThan(prefixBytes)
      prefixBytes = found
    }
  } catch (error) {
    expect(error).toMatchObject({ code: 'BAD_MODEL_FILE' })
    return null
  }
}

test.each(
  headerSeeds.map((file) => ({
    ...file,
    id: file.bytes
      .subarray(8, 100)
      .toString()
      .replace(/[^ -~]/g, '?'),
  })),
)('push and open read alike, and as the library does: $id', async (file) => {
  const tensors = await pushed(file)
  expect(opened(file)).toEqual(tensors)
  expect(tensors !== null).toBe(file.isRead)
})

test(`push and open read ${count} mutated headers alike (seed ${seed})`, async () => {
  let readCount = 0
  for (const file of mutatedHeaders(seed, count)) {
    const [atPush, atOpen] = [await pushed(file), opened(file)]
    if (!isDeepStrictEqual(atPush, atOpen))
      expect.fail(`${file.path} ${file.bytes.toString('base64')}: ${JSON.stringify({ atPush, atOpen })}`)
    if (atPush !== null) readCount++
  }
  // Mutations that all break the header, or none, would compare nothing.
  expect(readCount).toBeGreaterThan(count / 50)
  expect(readCount).toBeLessThan(count * 0.9)
})

test('a file whose header cannot be read does not hide the tensors of the others', async () => {
  await using fixture = new StoreFixture()
  const good = safetensorsOf('{"t":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}', Buffer.from('abcd'))
  await fixture.publish('acme/mixed', [Buffer.from('GGUF of version 1'), good], ['a.gguf', 'b.safetensors'])
  const client = await connectStore(fixture.options.socketPath)
  using model = await client.open('acme/mixed')
  expect(Buffer.from(model.tensor('t').bytes).toString()).toBe('abcd')
  expect((await model.waitTensor('t')).path).toBe('b.safetensors')
  await expect(model.tensors('a.gguf')).rejects.toMatchObject({ code: 'BAD_MODEL_FILE' })
  expect(() => model.tensor('none')).toThrow(expect.objectContaining({ code: 'BAD_MODEL_FILE' }))
  await expect(model.waitTensor('none')).rejects.toMatchObject({ code: 'BAD_MODEL_FILE' })
})
