/** What every Runtime must do. The fixture makes models that can be loaded, and holds up the workers. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HoldfastError } from '../../common/errors.ts'
import type { Runtime, TensorValue } from '../../node/ports/index.ts'
import { until } from '../support/until.ts'

export interface RuntimeFixture {
  /** Started; `hold` works on it. */
  readonly runtime: Runtime
  /** For files of the tests. */
  readonly folder: string
  /** A file that derive() takes. */
  readonly modelPath: string
  /** What a model is asked. */
  readonly inputs: readonly TensorValue[]
  /** Another started one, for a test that stops it. */
  startAnother(): Promise<Runtime>
  /** The digest of a model that can be loaded, another one each time. */
  model(): Promise<string>
  /** How many sessions of the model the workers have. */
  sessions(digest: string): Promise<number>
  /** No load and no request ends until the returned function is called. */
  hold(): Promise<() => void>
  stop(): Promise<void>
}

/** After this an accepted request counts. */
const accepted = () => new Promise((resolve) => setImmediate(resolve))
const code = (expected: string) => ({ code: expected })

export function testRuntime(name: string, createFixture: () => Promise<RuntimeFixture>): void {
  describe(`Runtime: ${name}`, () => {
    let fixture: RuntimeFixture
    let runtime: Runtime
    beforeAll(async () => {
      fixture = await createFixture()
      runtime = fixture.runtime
    })
    afterAll(() => fixture.stop())

    const loaded = async () => {
      const digest = await fixture.model()
      await runtime.load(digest)
      return digest
    }
    const ask = (digest: string, options?: { signal?: AbortSignal }) => runtime.infer(digest, fixture.inputs, options)

    test('answers what it is asked, of a model that is loaded', async () => {
      const digest = await loaded()
      expect(await ask(digest)).toHaveLength(1)
      expect(runtime.queued(digest)).toBe(0)
    })

    test('loads twice as once, also at one time, with one signature', async () => {
      const digest = await fixture.model()
      const [first, second] = await Promise.all([runtime.load(digest), runtime.load(digest)])
      expect([second, await runtime.load(digest)]).toEqual([first, first])
      expect(await fixture.sessions(digest)).toBe(1)
    })

    test('says UNKNOWN_MODEL to a request for a model before it is loaded, and after it is unloaded', async () => {
      const digest = await fixture.model()
      await expect(ask(digest)).rejects.toMatchObject(code('UNKNOWN_MODEL'))
      await runtime.load(digest)
      await runtime.unload(digest)
      await expect(ask(digest)).rejects.toMatchObject(code('UNKNOWN_MODEL'))
      expect(await fixture.sessions(digest)).toBe(0)
    })

    test('does nothing when it unloads what is not loaded', async () => {
      await runtime.unload(await fixture.model())
    })

    test('waits with an unload for the requests that run, takes no more, and can load again', async () => {
      const digest = await loaded()
      const release = await fixture.hold()
      const seen: string[] = []
      const running = ask(digest).then(() => seen.push('answered'))
      await accepted()
      const unloading = runtime.unload(digest).then(() => seen.push('unloaded'))
      await expect(ask(digest)).rejects.toMatchObject(code('UNKNOWN_MODEL'))
      const again = runtime.load(digest)
      release()
      await Promise.all([running, unloading])
      expect(seen).toEqual(['answered', 'unloaded'])
      await again
      expect(await fixture.sessions(digest)).toBe(1)
    })

    test('counts the requests of each model until they end', async () => {
      const [digest, other] = [await loaded(), await loaded()]
      const release = await fixture.hold()
      const work = [ask(digest), ask(digest), ask(other)]
      await accepted()
      expect([runtime.queued(digest), runtime.queued(other)]).toEqual([2, 1])
      release()
      await Promise.all(work)
      expect([runtime.queued(digest), runtime.queued(other)]).toEqual([0, 0])
    })

    test('ends the wait of a caller by its signal, and counts the request until it ends', async () => {
      const digest = await loaded()
      const release = await fixture.hold()
      const gone = new AbortController()
      const work = ask(digest, { signal: gone.signal })
      await accepted()
      gone.abort(new HoldfastError('DEADLINE_EXCEEDED', 'the client closed the connection'))
      await expect(work).rejects.toThrow('the client closed the connection')
      expect(runtime.queued(digest)).toBe(1)
      release()
      await runtime.unload(digest)
      expect(runtime.queued(digest)).toBe(0)
    })

    test('does not begin what would begin too late, and counts it no more', async () => {
      const digest = await loaded()
      const late = runtime.infer(digest, fixture.inputs, { latestMs: Number.NEGATIVE_INFINITY })
      await expect(late).rejects.toMatchObject(code('DEADLINE_UNREACHABLE'))
      expect(runtime.queued(digest)).toBe(0)
      expect(await runtime.infer(digest, fixture.inputs, { latestMs: Number.POSITIVE_INFINITY })).toHaveLength(1)
    })

    test('says DEADLINE_EXCEEDED to a signal with a reason of its own, also to one that has fired', async () => {
      const digest = await loaded()
      await expect(ask(digest, { signal: AbortSignal.abort() })).rejects.toMatchObject(code('DEADLINE_EXCEEDED'))
      expect(runtime.queued(digest)).toBe(0)
      const other = await fixture.model()
      const loading = runtime.load(other, { signal: AbortSignal.abort() })
      await expect(loading).rejects.toMatchObject(code('DEADLINE_EXCEEDED'))
    })

    test('goes on loading for those who still wait', async () => {
      const digest = await fixture.model()
      const release = await fixture.hold()
      const gone = new AbortController()
      const [first, second] = [runtime.load(digest, { signal: gone.signal }), runtime.load(digest)]
      gone.abort()
      await expect(first).rejects.toMatchObject(code('DEADLINE_EXCEEDED'))
      release()
      await second
      expect(await ask(digest)).toHaveLength(1)
    })

    test('undoes a load that every caller gave up on', async () => {
      const digest = await fixture.model()
      const release = await fixture.hold()
      const gone = new AbortController()
      const loading = runtime.load(digest, { signal: gone.signal })
      gone.abort()
      await expect(loading).rejects.toMatchObject(code('DEADLINE_EXCEEDED'))
      const waiting = ask(digest)
      release()
      // What waits for the load is served, and then the model is released.
      expect(await waiting).toHaveLength(1)
      await until('the model is released', async () => (await fixture.sessions(digest)) === 0)
      await expect(ask(digest)).rejects.toMatchObject(code('UNKNOWN_MODEL'))
    })

    test('derives a file, by a fingerprint that stays', async () => {
      const before = runtime.fingerprint()
      const output = join(fixture.folder, 'derived')
      await runtime.derive(fixture.modelPath, output)
      expect(existsSync(output)).toBe(true)
      expect(before).not.toBe('')
      expect(runtime.fingerprint()).toBe(before)
    })

    test('says SYSTEM when the file to derive is not there, and DEADLINE_EXCEEDED when the caller is gone', async () => {
      const output = join(fixture.folder, 'never')
      const missing = join(fixture.folder, 'missing.onnx')
      await expect(runtime.derive(missing, output)).rejects.toMatchObject(code('SYSTEM'))
      const signal = AbortSignal.abort()
      await expect(runtime.derive(fixture.modelPath, output, { signal })).rejects.toMatchObject(
        code('DEADLINE_EXCEEDED'),
      )
      expect(existsSync(output)).toBe(false)
    })

    test('refuses everything when it has stopped', async () => {
      const another = await fixture.startAnother()
      const digest = await fixture.model()
      await another.load(digest)
      await another.stop()
      await expect(another.infer(digest, fixture.inputs)).rejects.toMatchObject(code('SHUTTING_DOWN'))
      await expect(another.load(await fixture.model())).rejects.toMatchObject(code('SHUTTING_DOWN'))
      const deriving = another.derive(fixture.modelPath, join(fixture.folder, 'too-late'))
      await expect(deriving).rejects.toMatchObject(code('SHUTTING_DOWN'))
    })
  })
}
