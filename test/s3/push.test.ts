/** Push, pull and their companions against a real server; and the server going away at the worst moment. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../node/system/index.ts'
import { adopt, gc, openOrigin, parseS3Url, pull, push, removeRef, S3Store, verify } from '../../origin/index.ts'
import { noise, safetensors } from '../origin/fixture.ts'
import { S3Fixture, server } from './fixture.ts'
import { gatewayPid, startServer } from './server.ts'

const kiB = 1024
const MiB = kiB * kiB

describe.skipIf(!server)('an origin in S3', () => {
  let fixture: S3Fixture
  beforeEach(async () => {
    fixture = await S3Fixture.create()
  })
  afterEach(() => fixture.remove())

  const pulled = async (model: string, file: string, name = 'out') => {
    const origin = openOrigin(fixture.url, { clock: systemClock })
    await pull({ name: model, origin, destination: fixture.path(name) })
    return readFile(join(fixture.path(name), file))
  }

  test('takes a model once, gives it back, and shares chunks with its fine-tune', async () => {
    const layers = (seed: string) =>
      Array.from({ length: 8 }, (_, i) => ({ name: `l${i}`, bytes: noise(i === 7 ? seed : `l${i}`, 5 * MiB) }))
    const base = safetensors(layers('base'))
    const source = await fixture.model('base', { 'model.safetensors': base, 'config.json': '{}' })
    const first = await fixture.push(source, 'acme/base')
    expect(first).toMatchObject({ newBytes: first.totalBytes, moved: true })
    expect(base.equals(await pulled('acme/base', 'model.safetensors'))).toBe(true)
    expect(await fixture.push(source, 'acme/base')).toMatchObject({ newBytes: 0, moved: false })
    const tuned = safetensors(layers('tuned'))
    const second = await fixture.push(await fixture.model('tuned', { 'model.safetensors': tuned }), 'acme/tuned')
    expect(second.newBytes).toBeLessThan(6 * MiB)
    expect(tuned.equals(await pulled('acme/tuned', 'model.safetensors', 'out-tuned'))).toBe(true)
    expect(await verify({ origin: fixture.origin })).toMatchObject({ models: 2, bad: [] })
    await removeRef(fixture.origin, { namespace: 'acme', name: 'base', tag: 'latest' })
    const freed = await gc({ origin: fixture.origin, graceMs: 0 })
    expect(freed.models).toBe(1)
    expect(await verify({ origin: fixture.origin })).toMatchObject({ models: 1, bad: [] })
  })

  test.each([
    { id: 'conditional writes' as const, conditionalWrites: 'probe' as const },
    { id: 'intents' as const, conditionalWrites: 'never' as const },
  ])('lets one of two pushes to one tag win and tells the other, with $id', async ({ conditionalWrites }) => {
    const sources = [
      await fixture.model('one', { a: noise('1', MiB) }),
      await fixture.model('two', { a: noise('2', MiB) }),
    ]
    const results = await Promise.allSettled(
      sources.map((source) => {
        const origin = openOrigin(fixture.url, { clock: systemClock })
        Object.assign(origin, { store: fixture.elsewhere({ conditionalWrites }) })
        return push({ source, name: 'acme/m', origin, publisherKey: fixture.publisherKey })
      }),
    )
    const won = results.filter((result) => result.status === 'fulfilled')
    const lost = results.filter((result) => result.status === 'rejected')
    expect(won).toHaveLength(1)
    expect(lost[0]!.reason).toMatchObject({ code: 'REF_CONFLICT' })
    const { ref } = await fixture.origin.resolve('acme/m')
    expect(ref).toEqual(won[0]!.value.ref)
  })

  test('adopts plain files of its bucket, outside of its prefix', async () => {
    const elsewhere = await S3Fixture.create()
    try {
      const weights = noise('plain', 9 * MiB)
      await elsewhere.store.put('model.bin', [weights])
      await elsewhere.store.put('sub/config.json', [Buffer.from('{}')])
      const { publisherKey, origin } = fixture
      const result = await adopt({ from: elsewhere.url, name: 'acme/plain', origin, publisherKey })
      expect(result).toMatchObject({ files: 2, totalBytes: weights.length + 2 })
      expect(weights.equals(await pulled('acme/plain', 'model.bin'))).toBe(true)
      await gc({ origin, graceMs: 0 })
      expect(await verify({ origin })).toMatchObject({ models: 1, bad: [] })
      expect((await origin.readLocations(result.digest)).schema).toBe('holdfast.locations.v2')
    } finally {
      await elsewhere.remove()
    }
  })

  test('says ORIGIN_DENIED to wrong credentials and ORIGIN_NOT_FOUND to a wrong bucket', async () => {
    process.env.AWS_SECRET_ACCESS_KEY = 'wrong'
    await expect(fixture.elsewhere().head('a')).rejects.toMatchObject({ code: 'ORIGIN_DENIED' })
    await expect(fixture.elsewhere().put('a', [Buffer.from('x')])).rejects.toMatchObject({ code: 'ORIGIN_DENIED' })
    process.env.AWS_SECRET_ACCESS_KEY = server!.secretAccessKey
    process.env.AWS_ACCESS_KEY_ID = 'NOBODY'
    await expect(fixture.elsewhere().get('a', { sizeBytesMax: 9 })).rejects.toMatchObject({ code: 'ORIGIN_DENIED' })
    process.env.AWS_ACCESS_KEY_ID = server!.accessKeyId
    const nowhere = new S3Store(parseS3Url(`s3://no-such-bucket/x?endpoint=${server!.endpoint}`), {
      clock: systemClock,
    })
    await expect(nowhere.head('a')).rejects.toMatchObject({ code: 'ORIGIN_NOT_FOUND' })
    await expect(nowhere.put('a', [])).rejects.toMatchObject({ code: 'ORIGIN_NOT_FOUND' })
  })

  /** Does something to the server while packs are on their way, and lets the push go on. `retrying` ends with the first retry. */
  async function pushWhile(disturb: (retrying: Promise<void>) => Promise<void>): Promise<void> {
    const { promise: retrying, resolve: onRetry } = Promise.withResolvers<void>()
    const options = { idleTimeoutMs: 2_000, partBytes: 5 * MiB, onRetry: () => onRetry() }
    const origin = openOrigin(fixture.url, { clock: systemClock })
    const store = fixture.elsewhere(options)
    Object.assign(origin, { store })
    const content = noise('disturbed', 60 * MiB)
    const source = await fixture.model('m', { 'weights.bin': content })
    let disturbing: Promise<void> | null = null
    const pack = { packBytesMax: 12 * MiB, uploadsConcurrent: 2 }
    const onProgress = ({ doneBytes }: { doneBytes: number }) => {
      if (doneBytes > 24 * MiB) disturbing ??= disturb(retrying)
    }
    const { publisherKey } = fixture
    const result = await push({ source, name: 'acme/m', origin, publisherKey, pack, onProgress })
    await disturbing
    expect(disturbing).not.toBeNull()
    expect(result.newBytes).toBe(content.length)
    expect(content.equals(await pulled('acme/m', 'weights.bin'))).toBe(true)
  }

  test('goes on when the server stops in the middle of an upload and continues', async () => {
    const pid = await gatewayPid(server!)
    await pushWhile(async (retrying) => {
      process.kill(pid, 'SIGSTOP')
      await retrying
      process.kill(pid, 'SIGCONT')
    })
  })

  test('goes on when the server is killed in the middle of an upload and started again', async () => {
    const pid = await gatewayPid(server!)
    await pushWhile(async () => {
      process.kill(pid, 'SIGKILL')
      const again = await startServer(server!.script, server!.dataFolder)
      expect(again.endpoint).toBe(server!.endpoint)
    })
  })

  test('says ORIGIN_UNAVAILABLE in bounded time when the server is silent, and stops at once when aborted', async () => {
    const pid = await gatewayPid(server!)
    process.kill(pid, 'SIGSTOP')
    try {
      const store = fixture.elsewhere({ idleTimeoutMs: 300, readGiveUpMs: 1_000 })
      await expect(store.head('a')).rejects.toMatchObject({ code: 'ORIGIN_UNAVAILABLE' })
      const controller = new AbortController()
      const heading = fixture.elsewhere().head('a', { signal: controller.signal })
      controller.abort(new Error('enough'))
      await expect(heading).rejects.toThrow('enough')
    } finally {
      process.kill(pid, 'SIGCONT')
    }
  })
})
