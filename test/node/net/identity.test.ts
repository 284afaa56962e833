import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ClusterKey, loadIdentity } from '../../../node/net/index.ts'
import { verifyByNode } from '../../../node/net/node-id.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-identity-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

describe('the identity', () => {
  test('is made once, owner-only, and read again', async () => {
    const data = join(folder, 'new', 'data')
    const first = await loadIdentity(data)
    const path = join(data, 'identity.key')
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await readdir(data)).toEqual(['identity.key'])
    expect((await loadIdentity(data)).node).toBe(first.node)
  })

  test('is one, even when several processes make it at once', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => loadIdentity(folder)))
    expect(new Set(all.map((identity) => identity.node)).size).toBe(1)
    expect(await readdir(folder)).toEqual(['identity.key'])
  })

  test('that others may read is closed again', async () => {
    await loadIdentity(folder)
    await chmod(join(folder, 'identity.key'), 0o644)
    await loadIdentity(folder)
    expect((await stat(join(folder, 'identity.key'))).mode & 0o777).toBe(0o600)
  })

  test('that is damaged is BAD_CONFIG and is not replaced', async () => {
    await writeFile(join(folder, 'identity.key'), 'garbage\n')
    await expect(loadIdentity(folder)).rejects.toMatchObject({ code: 'BAD_CONFIG' })
    expect(await readFile(join(folder, 'identity.key'), 'utf8')).toBe('garbage\n')
  })

  test('signs so that the node id alone checks it', async () => {
    const identity = await loadIdentity(folder)
    const bytes = Uint8Array.of(1, 2, 3)
    expect(verifyByNode(identity.node, bytes, identity.sign(bytes))).toBe(true)
    expect(verifyByNode(identity.node, Uint8Array.of(1, 2), identity.sign(bytes))).toBe(false)
  })
})

describe('the cluster key', () => {
  test('comes back from its text form, also with space around it', () => {
    const key = ClusterKey.generate()
    expect(key.text()).toMatch(/^hfk1-[A-Za-z0-9_-]{43}$/)
    expect(ClusterKey.parse(` ${key.text()}\n`).text()).toBe(key.text())
  })

  const good = ClusterKey.generate().text()
  test.each([
    { id: 'empty', text: '' },
    { id: 'no prefix', text: good.slice(5) },
    { id: 'too short', text: good.slice(0, -4) },
    { id: 'too long', text: `${good}AAAA` },
    { id: 'other alphabet', text: `${good.slice(0, -1)}!` },
  ])('of wrong form is BAD_CONFIG, and the message does not repeat it: $id', ({ text }) => {
    let failure: Error | undefined
    try {
      ClusterKey.parse(text)
    } catch (error) {
      failure = error as Error
    }
    expect(failure).toMatchObject({ code: 'BAD_CONFIG' })
    expect(failure?.message).not.toContain(good.slice(5, 20))
  })

  test('shows itself nowhere but in text()', () => {
    const key = ClusterKey.generate()
    const secret = key.text().slice(5)
    for (const shown of [String(key), JSON.stringify({ key }), inspect({ key }, { showHidden: true, depth: 5 })]) {
      expect(shown).toContain('[cluster key]')
      expect(shown).not.toContain(secret)
    }
  })

  test('derives a different key for each purpose and the same one on each node', () => {
    const key = ClusterKey.generate()
    expect(key.derive('a')).toEqual(ClusterKey.parse(key.text()).derive('a'))
    expect(key.derive('a')).not.toEqual(key.derive('b'))
  })
})
