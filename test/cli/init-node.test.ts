import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { firstConfig, multiaddrOf } from '../../cli/first-config.ts'
import { diskLimitFor, initNode, lanAddress, memoryLimitFor } from '../../cli/init-node.ts'
import { readAdminTokens } from '../../node/admin/index.ts'
import { checkOptions, loadConfig } from '../../node/config/index.ts'
import { readClusterKeys } from '../../node/net/index.ts'

const GiB = 2 ** 30
const ports = { clusterPort: 4001, bulkPort: 4002, httpPort: 8080 }

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-init-'))
})
afterEach(() => rm(folder, { recursive: true }))

describe('init', () => {
  it('makes secrets for the owner alone and a configuration with which a node starts', async () => {
    const dir = join(folder, 'new')
    const report = await initNode({ dir, host: '192.0.2.7', origin: 'file:///srv/models', ...ports })
    for (const name of ['cluster.key', 'admin.token']) expect((await stat(join(dir, name))).mode & 0o777).toBe(0o600)
    expect(await readClusterKeys(join(dir, 'cluster.key'))).toHaveLength(1)
    expect(await readAdminTokens(join(dir, 'admin.token'))).toHaveLength(1)
    const { options } = loadConfig({ file: report.configPath })
    expect(checkOptions(options)).toEqual([])
    expect(options).toMatchObject({
      'cluster.listen': ['/ip4/192.0.2.7/tcp/4001'],
      'cluster.bulkPort': 4002,
      'origin.url': 'file:///srv/models',
      'admin.tokenFile': join(dir, 'admin.token'),
    })
    expect(report.startHere).toBe(`holdfast node --config ${report.configPath}`)
    expect(report.startThere).toContain('--join /ip4/192.0.2.7/tcp/4001 --origin file:///srv/models')
  })

  it('joins a cluster with its key', async () => {
    const { configPath } = await initNode({ dir: join(folder, 'a'), host: '127.0.0.1', ...ports })
    expect(loadConfig({ file: configPath }).options['cluster.listen']).toEqual([])
    const key = join(folder, 'a', 'cluster.key')
    const joined = await initNode({
      dir: join(folder, 'b'),
      host: '192.0.2.8',
      clusterKeyFile: key,
      join: ['/ip4/192.0.2.7/tcp/4001'],
      ...ports,
    })
    expect(await readFile(join(folder, 'b', 'cluster.key'), 'utf8')).toBe(await readFile(key, 'utf8'))
    expect(loadConfig({ file: joined.configPath }).options['cluster.bootstrap']).toEqual(['/ip4/192.0.2.7/tcp/4001'])
  })

  it.each(['cluster.key', 'admin.token', 'node.yaml'])('overwrites nothing: %s', async (name) => {
    await writeFile(join(folder, name), 'mine')
    await expect(initNode({ dir: folder, host: '127.0.0.1', ...ports })).rejects.toMatchObject({ code: 'BAD_CONFIG' })
    expect(await readFile(join(folder, name), 'utf8')).toBe('mine')
    for (const other of ['cluster.key', 'admin.token', 'node.yaml'].filter((file) => file !== name)) {
      await expect(stat(join(folder, other))).rejects.toMatchObject({ code: 'ENOENT' })
    }
  })

  it.each([
    { id: 'absent', text: null },
    { id: 'no key', text: 'garbage' },
  ])('takes no file for a cluster key that is none: $id', async ({ text }) => {
    const clusterKeyFile = join(folder, 'their.key')
    if (text !== null) await writeFile(clusterKeyFile, text)
    await expect(initNode({ dir: join(folder, 'x'), clusterKeyFile, ...ports })).rejects.toMatchObject({
      code: 'BAD_CONFIG',
    })
  })
})

describe('the first configuration', () => {
  it('keeps odd paths whole', () => {
    const text = firstConfig({
      keyFile: '/a b/c: #d',
      tokenFile: "/it's",
      host: null,
      ...ports,
      originUrl: null,
      bootstrap: [],
      dataPath: '/{x}',
      memoryLimitBytes: GiB,
      diskLimitBytes: GiB,
    })
    const file = join(folder, 'odd.yaml')
    return writeFile(file, text).then(() => {
      expect(loadConfig({ file }).options).toMatchObject({
        'cluster.keyFile': '/a b/c: #d',
        'admin.tokenFile': "/it's",
        'node.dataDir': '/{x}',
        'memory.limitBytes': GiB,
        'origin.url': '',
      })
    })
  })

  it.each([
    [1 * GiB, 512 * 2 ** 20],
    [450e6, 160 * 2 ** 20],
    [0.25 * GiB, 64 * 2 ** 20],
    [24 * GiB, 12 * GiB],
    [7.6 * GiB, 3.75 * GiB],
  ])('of a machine with %d bytes gives weights %d', (total, limit) => {
    expect(memoryLimitFor(total, 256 * 2 ** 20)).toBe(limit)
  })

  it.each([
    [100 * GiB, 50 * GiB],
    [10_000 * GiB, 256 * GiB],
    [0, GiB],
  ])('on a disk with %d bytes free gives models %d', (free, limit) => {
    expect(diskLimitFor(free)).toBe(limit)
  })

  it('finds the address of the network, not that of a container bridge', () => {
    const address = (text: string, internal = false) => ({
      address: text,
      family: 'IPv4' as const,
      internal,
      netmask: '',
      mac: '',
      cidr: null,
    })
    expect(
      lanAddress({ lo: [address('127.0.0.1', true)], docker0: [address('172.17.0.1')], eth0: [address('192.0.2.7')] }),
    ).toBe('192.0.2.7')
    expect(lanAddress({ lo: [address('127.0.0.1', true)] })).toBe(null)
  })

  it.each([
    ['192.0.2.7', '/ip4/192.0.2.7/tcp/1'],
    ['2001:db8::7', '/ip6/2001:db8::7/tcp/1'],
    ['box7.example', '/dns/box7.example/tcp/1'],
  ])('writes the host %s as %s', (host, address) => {
    expect(multiaddrOf(host, 1)).toBe(address)
  })
})
