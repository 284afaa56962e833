import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { ClusterKey, ClusterKeyring, parseClusterKeys, readClusterKeys } from '../../../node/net/index.ts'
import { hung } from '../../support/hung.ts'
import { addressOf, TestNodes } from './nodes.ts'

const [first, second, third] = [ClusterKey.generate(), ClusterKey.generate(), ClusterKey.generate()] as const

describe('a key file', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-keys-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  test('has the current key on its first line and accepted ones after it; comments and empty lines count for nothing', () => {
    const keys = parseClusterKeys(`# since May\n${first.text()}\n\n  ${second.text()}  \n`)
    expect(keys.map((key) => key.text())).toEqual([first.text(), second.text()])
  })

  test.each([
    { id: 'none', text: '# nothing\n' },
    { id: 'too many', text: Array.from({ length: 5 }, () => ClusterKey.generate().text()).join('\n') },
    { id: 'one malformed', text: `${first.text()}\nhfk1-short` },
    { id: 'some other file', text: '# x\n'.repeat(2000) },
  ])('with keys of wrong number or form is BAD_CONFIG: $id', async ({ id, text }) => {
    const path = join(folder, id)
    await writeFile(path, text)
    await expect(readClusterKeys(path)).rejects.toMatchObject({ code: 'BAD_CONFIG' })
    await expect(readClusterKeys(join(folder, 'missing'))).rejects.toMatchObject({ code: 'BAD_CONFIG' })
  })

  test('that names a key twice holds it once, and no key is shown', () => {
    const ring = new ClusterKeyring([first, second, ClusterKey.parse(first.text())])
    expect(ring.all).toHaveLength(2)
    expect(inspect(ring)).toBe('[2 cluster keys]')
  })
})

describe('a connection between nodes', () => {
  const nodes = new TestNodes()
  afterEach(() => nodes.stop())

  test.each([
    {
      id: 'both have the new key, in other places',
      dialler: [second, first],
      listener: [first, second],
      admitted: true,
    },
    { id: 'only the dialler has the new key yet', dialler: [second, first], listener: [first], admitted: true },
    { id: 'only the listener has the new key yet', dialler: [first], listener: [second, first], admitted: true },
    { id: 'no key in common', dialler: [first, third], listener: [second], admitted: false },
  ])('is admitted by any common key: $id', async ({ dialler, listener, admitted }) => {
    const from = await nodes.start({ clusterKey: new ClusterKeyring(dialler) })
    const to = await nodes.start({ clusterKey: new ClusterKeyring(listener) })
    const dial = from.network.dial(addressOf(to), { signal: hung() })
    if (admitted) expect(await dial).toBe(to.network.self)
    else {
      await expect(dial).rejects.toMatchObject({ code: 'WRONG_CLUSTER_KEY' })
      expect(await to.refused.first()).toMatchObject({ reason: expect.stringContaining('wrong cluster key') })
    }
  })

  test('follows a rotation without a restart: add, switch, remove', async () => {
    const rings = [new ClusterKeyring([first]), new ClusterKeyring([first])] as const
    const a = await nodes.start({ clusterKey: rings[0] })
    const b = await nodes.start({ clusterKey: rings[1] })
    const reconnects = async () => {
      await a.network.hangUp(b.network.self)
      return a.network.dial(addressOf(b), { signal: hung() })
    }
    const steps = [
      [[first, second], [first]],
      [
        [first, second],
        [first, second],
      ],
      [
        [second, first],
        [first, second],
      ],
      [[second], [second, first]],
      [[second], [second]],
    ]
    for (const [keysOfA, keysOfB] of steps) {
      rings[0].replace(keysOfA!)
      rings[1].replace(keysOfB!)
      expect(await reconnects()).toBe(b.network.self)
    }
    const late = await nodes.start({ clusterKey: first })
    await expect(late.network.dial(addressOf(a), { signal: hung() })).rejects.toMatchObject({
      code: 'WRONG_CLUSTER_KEY',
    })
  })

  test('of a banned node is refused in both directions until the ban ends', async () => {
    const a = await nodes.start()
    const b = await nodes.start()
    await a.network.dial(addressOf(b), { signal: hung() })
    await a.network.ban(b.network.self)
    expect(a.network.peers()).toEqual([])
    await expect(a.network.dial(addressOf(b), { signal: hung() })).rejects.toMatchObject({ code: expect.any(String) })
    // The dialler may see its connection open for a moment, until the other end has closed it.
    await b.network.dial(addressOf(a), { signal: hung() }).catch(() => undefined)
    expect(a.network.peers()).toEqual([])
    a.network.unban(b.network.self)
    expect(await a.network.dial(addressOf(b), { signal: hung() })).toBe(b.network.self)
  })
})
