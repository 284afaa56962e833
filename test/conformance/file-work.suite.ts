/** What push and pull do with bytes: the same by native threads and by Node, failures too. */
import { type FileHandle, open, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { FileWork } from '../../native/types.ts'
import { noise, OriginFixture, sha256 } from '../origin/fixture.ts'

const KiB = 1024
export function testFileWork(name: string, work: FileWork): void {
  describe(`the work on files, ${name}`, () => {
    const bytes = noise('file', 700 * KiB + 3)
    let fixture: OriginFixture
    let source: FileHandle
    let target: FileHandle
    beforeEach(async () => {
      fixture = await OriginFixture.create()
      const folder = await fixture.model('files', { source: bytes })
      source = await open(join(folder, 'source'))
      target = await open(join(folder, 'target'), 'w+')
    })
    afterEach(async () => {
      await source.close()
      await target.close()
      await fixture.remove()
    })
    const read = () => readFile(fixture.path('files', 'target'))
    const whole = () => ({ fd: source.fd, offsetBytes: 0, sizeBytes: bytes.length })
    const place = (offsetBytes = 0, zerosFromBytes = 0) => ({ fd: target.fd, offsetBytes, zerosFromBytes })

    test('hashes a range, and says null where the file ends before it', async () => {
      expect(await work.hashRange(whole())).toBe(sha256(bytes))
      expect(await work.hashRange({ fd: source.fd, offsetBytes: 5, sizeBytes: 300 * KiB })).toBe(
        sha256(bytes.subarray(5, 5 + 300 * KiB)),
      )
      expect(await work.hashRange({ ...whole(), offsetBytes: 1 })).toBeNull()
      expect(await work.hashRange({ ...whole(), sizeBytes: 0 })).toBe(sha256(''))
      expect(await work.hashBytes(bytes)).toBe(sha256(bytes))
    })

    test('reads into memory of the caller as it hashes', async () => {
      const into = Buffer.alloc(600 * KiB)
      expect(await work.readHashed(source.fd, 7, into)).toBe(sha256(bytes.subarray(7, 7 + into.length)))
      expect(into.equals(bytes.subarray(7, 7 + into.length))).toBe(true)
      expect(await work.readHashed(source.fd, 200 * KiB, into)).toBeNull()
    })

    test('hashes what comes piece by piece', async () => {
      const hash = work.newHash()
      for (let at = 0; at < bytes.length; at += 100 * KiB) await hash.update(bytes.subarray(at, at + 100 * KiB))
      expect(hash.digest()).toBe(sha256(bytes))
    })

    test('copies what has the right sha256, and writes nothing else', async () => {
      expect(await work.copyVerified(whole(), sha256('other'), place())).toBe('mismatch')
      expect(await work.copyVerified({ ...whole(), sizeBytes: bytes.length + 1 }, sha256(bytes), place())).toBe('short')
      expect(await work.writeVerified(bytes, sha256('other'), place())).toBe(false)
      expect((await read()).length).toBe(0)
      expect(await work.copyVerified(whole(), sha256(bytes), place())).toBe('copied')
      expect(await work.writeVerified(bytes, sha256(bytes), place(bytes.length))).toBe(true)
      expect((await read()).equals(Buffer.concat([bytes, bytes]))).toBe(true)
    })

    test('leaves runs of zeros as holes where the file has only zeros, and writes them elsewhere', async () => {
      const zeros = Buffer.alloc(1024 * KiB)
      zeros[500 * KiB] = 1
      await target.write(Buffer.alloc(200 * KiB, 7), 0, 200 * KiB, 0)
      expect(await work.writeVerified(zeros, sha256(zeros), place(0, 200 * KiB))).toBe(true)
      expect((await read()).equals(zeros)).toBe(true)
      expect((await stat(fixture.path('files', 'target'))).blocks * 512).toBeLessThan(400 * KiB)
      const all = Buffer.alloc(512 * KiB)
      expect(await work.writeVerified(all, sha256(all), place(zeros.length, zeros.length))).toBe(true)
      expect((await read()).equals(Buffer.concat([zeros, all]))).toBe(true)
      expect(await work.hashBytes(all)).toBe(sha256(all))
    })

    test('fails as node:fs does', async () => {
      const gone = await open(fixture.path('files', 'gone'), 'w+')
      const { fd } = gone
      await gone.close()
      await rm(fixture.path('files', 'gone'))
      const failures: (() => Promise<unknown>)[] = [
        () => work.hashRange({ fd, offsetBytes: 0, sizeBytes: 1 }),
        () => work.writeVerified(bytes, sha256(bytes), { ...place(), fd }),
      ]
      for (const failing of failures)
        await expect(failing()).rejects.toMatchObject({ code: 'EBADF', message: expect.stringMatching(/^EBADF: /) })
    })

    test('says ENOSPC of a full disk', async () => {
      const full = await open('/dev/full', 'w')
      await expect(work.writeVerified(bytes, sha256(bytes), { ...place(), fd: full.fd })).rejects.toMatchObject({
        code: 'ENOSPC',
        errno: -28,
      })
      await full.close()
    })
  })
}
