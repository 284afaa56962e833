import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import {
  environmentNameOf,
  flagNameOf,
  loadConfig,
  optionKeys,
  optionTable,
  parseBytes,
} from '../../../node/config/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'holdfast-config-'))
afterAll(() => rmSync(folder, { recursive: true }))

function file(text: string): string {
  const path = join(folder, `${Math.abs(hash(text))}.yaml`)
  writeFileSync(path, text)
  return path
}

function hash(text: string): number {
  return [...text].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) | 0, 7)
}

describe('loadConfig', () => {
  it('takes flags over the environment over the file over the defaults, and says where each value came from', () => {
    const { options, provenance } = loadConfig({
      file: file('memory: {limitBytes: 1GiB}\ndisk.limitBytes: 2GB\nnode: {zone: rack1}\n'),
      environment: { HOLDFAST_DISK_LIMIT_BYTES: '3GB', HOLDFAST_NODE_ZONE: 'rack2', PATH: '/bin' },
      flags: { 'node.zone': 'rack3' },
    })
    expect(options['memory.limitBytes']).toBe(2 ** 30)
    expect(options['disk.limitBytes']).toBe(3e9)
    expect(options['node.zone']).toBe('rack3')
    expect(provenance).toMatchObject({
      'memory.limitBytes': 'file',
      'disk.limitBytes': 'environment',
      'node.zone': 'flag',
      'http.port': 'default',
    })
    expect(Object.isFrozen(options)).toBe(true)
  })

  it.each([
    {
      id: 'misspelt key in the file',
      sources: () => ({ file: file('memory: {limitByte: 1}') }),
      says: 'Did you mean memory.limitBytes?',
    },
    {
      id: 'misspelt variable',
      sources: () => ({ environment: { HOLDFAST_HTTP_PROT: '1' } }),
      says: 'Did you mean HOLDFAST_HTTP_PORT?',
    },
    { id: 'port too large', sources: () => ({ flags: { 'http.port': '70000' } }), says: 'between 0 and 65535' },
    {
      id: 'size without sense',
      sources: () => ({ flags: { 'memory.limitBytes': 'lots' } }),
      says: 'a size such as 512MiB',
    },
    { id: 'number as text', sources: () => ({ file: file('http: {port: eight}') }), says: 'a whole number' },
    { id: 'boolean as text', sources: () => ({ file: file('cluster: {mdns: perhaps}') }), says: 'true or false' },
    { id: 'list instead of a map', sources: () => ({ file: file('- 1\n- 2\n') }), says: 'a map of options' },
    { id: 'not YAML', sources: () => ({ file: file('a: [') }), says: 'Cannot read' },
    { id: 'no such file', sources: () => ({ file: join(folder, 'absent.yaml') }), says: 'Cannot read' },
  ])('refuses: $id', ({ sources, says }) => {
    expect(() => loadConfig(sources())).toThrow(
      expect.objectContaining({ code: 'BAD_CONFIG', message: expect.stringContaining(says) }),
    )
  })

  it('takes an empty file as no options', () => {
    expect(loadConfig({ file: file('') }).options['http.port']).toBe(8080)
  })
})

describe('names', () => {
  it('differ for every option, as variable and as flag', () => {
    expect(new Set(optionKeys.map(environmentNameOf)).size).toBe(optionKeys.length)
    expect(new Set(optionKeys.map(flagNameOf)).size).toBe(optionKeys.length)
    expect(environmentNameOf('store.leasesPerConnectionMax')).toBe('HOLDFAST_STORE_LEASES_PER_CONNECTION_MAX')
    expect(flagNameOf('memory.limitBytes')).toBe('--memory-limit-bytes')
  })

  it('come with defaults that pass their own rules', () => {
    for (const key of optionKeys) {
      const {
        minimum = Number.NEGATIVE_INFINITY,
        maximum = Number.POSITIVE_INFINITY,
        defaultValue,
      } = optionTable[key] as {
        minimum?: number
        maximum?: number
        defaultValue: unknown
      }
      if (typeof defaultValue !== 'number') continue
      expect(defaultValue, key).toBeGreaterThanOrEqual(minimum)
      expect(defaultValue, key).toBeLessThanOrEqual(maximum)
    }
  })
})

describe('parseBytes', () => {
  it.each([
    ['0', 0],
    ['1', 1],
    ['1k', 1024],
    ['512MiB', 512 * 2 ** 20],
    ['1.5 GB', 1.5e9],
    ['2T', 2 * 2 ** 40],
  ])('reads %s', (text, bytes) => {
    expect(parseBytes(text, 'x')).toBe(bytes)
  })

  it.each(['', '-1', '1e3', '1 parsec', 'GB', '1..2GB', null, {}, 1.5])('refuses %j', (value) => {
    expect(() => parseBytes(value, 'x')).toThrow(expect.objectContaining({ code: 'BAD_CONFIG' }))
  })
})
