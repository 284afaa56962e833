import { describe, expect, it } from 'vitest'
import {
  bulkHostOf,
  describeOptions,
  formatBinaryBytes,
  formatOptionValue,
  hostOfMultiaddr,
  loadConfig,
  optionKeys,
  parseBytes,
  portOfMultiaddr,
} from '../../../node/config/index.ts'

describe('describeOptions', () => {
  it('tells of every option its value and where it came from', () => {
    const described = describeOptions(
      loadConfig({ environment: { HOLDFAST_NODE_ZONE: 'rack2' }, flags: { 'http.port': '9' } }),
    )
    expect(described.map(({ key }) => key)).toEqual(optionKeys)
    expect(described.find(({ key }) => key === 'node.zone')).toMatchObject({ value: 'rack2', from: 'environment' })
    expect(described.find(({ key }) => key === 'http.port')).toMatchObject({ value: 9, from: 'flag' })
    expect(described.find(({ key }) => key === 'log.level')).toMatchObject({ value: 'info', from: 'default' })
  })

  it('shows no secret, and shows that there is one', () => {
    const described = describeOptions(
      loadConfig({ flags: { 'admin.token': 'hunter2', 'cluster.key': 'hfk1-hunter2' } }),
    )
    expect(JSON.stringify(described)).not.toContain('hunter2')
    expect(described.find(({ key }) => key === 'admin.token')?.value).toBe('(set, not shown)')
    expect(describeOptions(loadConfig({})).find(({ key }) => key === 'admin.token')?.value).toBe('')
  })
})

describe('sizes', () => {
  it.each([
    [0, '0'],
    [1023, '1023'],
    [1024, '1KiB'],
    [4 * 2 ** 30, '4GiB'],
    [2 ** 40, '1TiB'],
    [1.5 * 2 ** 30, '1536MiB'],
    [3e9, '3000000000'],
  ])('%d is written %s and reads back as the same', (bytes, text) => {
    expect(formatBinaryBytes(bytes)).toBe(text)
    expect(parseBytes(text, 'x')).toBe(bytes)
  })

  it('of nothing are a dash, lists one word', () => {
    expect(formatOptionValue('', 'string')).toBe('-')
    expect(formatOptionValue([], 'list')).toBe('-')
    expect(formatOptionValue(['a', 'b'], 'list')).toBe('a,b')
    expect(formatOptionValue(false, 'boolean')).toBe('false')
  })
})

describe('addresses', () => {
  it.each([
    ['/ip4/192.0.2.7/tcp/4001', '192.0.2.7', 4001],
    ['/ip6/::1/tcp/0/p2p/12D3', '::1', 0],
    ['/dns4/box.example/tcp/4001', 'box.example', 4001],
    ['/unix/tmp/x', null, null],
    ['/ip4/192.0.2.7/udp/4001/quic-v1', '192.0.2.7', null],
  ])('of %s: host %s, port %s', (address, host, port) => {
    expect(hostOfMultiaddr(address)).toBe(host)
    expect(portOfMultiaddr(address)).toBe(port)
  })

  it.each([
    { id: 'nothing said', flags: {}, host: '127.0.0.1' },
    {
      id: 'where peers are met',
      flags: { 'cluster.listen': '/ip4/192.0.2.7/tcp/1,/ip4/10.0.0.1/tcp/1' },
      host: '192.0.2.7',
    },
    {
      id: 'said',
      flags: { 'cluster.listen': '/ip4/192.0.2.7/tcp/1', 'cluster.bulkHost': '10.0.0.1' },
      host: '10.0.0.1',
    },
  ])('weights are served at: $id', ({ flags, host }) => {
    expect(bulkHostOf(loadConfig({ flags }).options)).toBe(host)
  })
})

describe('options with a few values', () => {
  it.each([{ 'log.level': 'loud' }, { 'placement.eviction': 'mru' }, { 'placement.eviction': 'belady' }])(
    'name them when another is given: %j',
    (flags) => {
      expect(() => loadConfig({ flags })).toThrow(
        expect.objectContaining({ code: 'BAD_CONFIG', message: expect.stringContaining('one of') }),
      )
    },
  )
})
