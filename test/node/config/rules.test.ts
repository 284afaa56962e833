import { describe, expect, it } from 'vitest'
import { checkOptions, findingsOf, loadConfig } from '../../../node/config/index.ts'

const secrets = { 'cluster.keyFile': '/k', 'admin.tokenFile': '/t' }
const options = (flags: Record<string, string>) =>
  loadConfig({ flags: { 'origin.url': 'file:///srv/models', ...flags } }).options

describe('options that contradict each other', () => {
  it.each([
    { id: 'two keys', flags: { 'cluster.key': 'x', 'cluster.keyFile': '/k' }, says: /cluster.key and cluster.keyFile/ },
    {
      id: 'two tokens',
      flags: { 'admin.token': 'x', 'admin.tokenFile': '/t' },
      says: /admin.token and admin.tokenFile/,
    },
    {
      id: 'HTTP for everybody',
      flags: { 'http.host': '0.0.0.0' },
      says: /http.host 0.0.0.0 reaches .* set cluster.keyFile and admin.tokenFile/,
    },
    {
      id: 'HTTP for everybody, with a key',
      flags: { 'http.host': '192.0.2.1', 'cluster.keyFile': '/k' },
      says: /set admin.tokenFile\. `holdfast init`/,
    },
    {
      id: 'a name that is not known to be this machine',
      flags: { 'http.host': 'box7' },
      says: /http.host box7 reaches/,
    },
    { id: 'cluster for everybody', flags: { 'cluster.listen': '/ip4/192.0.2.1/tcp/4001' }, says: /cluster.listen/ },
    { id: 'IPv6 wildcard', flags: { 'cluster.listen': '/ip6/::/tcp/4001' }, says: /cluster.listen \/ip6\/::/ },
    {
      id: 'one address of two',
      flags: { 'cluster.listen': '/ip4/127.0.0.1/tcp/1,/ip4/10.0.0.1/tcp/1' },
      says: /10\.0\.0\.1/,
    },
    {
      id: 'weights for everybody',
      flags: { 'cluster.bulkHost': '10.0.0.1' },
      says: /cluster.bulkHost 10.0.0.1 reaches/,
    },
    { id: 'an address without a host', flags: { 'cluster.listen': '/unix/tmp/x' }, says: /cluster.listen/ },
    {
      id: 'a wildcard that nobody can connect to',
      flags: { ...secrets, 'cluster.listen': '/ip4/0.0.0.0/tcp/4001' },
      says: /set cluster.advertiseHost/,
    },
  ])('keep the node from starting: $id', ({ flags, says }) => {
    expect(() => checkOptions(options(flags))).toThrow(
      expect.objectContaining({ code: 'BAD_CONFIG', message: expect.stringMatching(says) }),
    )
  })

  it('are told all at once', () => {
    const findings = findingsOf(options({ 'http.host': '0.0.0.0', 'cluster.key': 'x', 'cluster.keyFile': '/k' }))
    expect(findings.filter(({ level }) => level === 'error')).toHaveLength(2)
  })
})

describe('options that work', () => {
  it.each([
    { id: 'the defaults', flags: {} },
    { id: 'IPv6 loopback', flags: { 'http.host': '::1', 'cluster.listen': '/ip6/::1/tcp/0' } },
    { id: 'another loopback address', flags: { 'cluster.listen': '/ip4/127.0.0.2/tcp/0', 'http.host': 'localhost' } },
    { id: 'beyond loopback with both secrets', flags: { ...secrets, 'cluster.listen': '/ip4/192.0.2.1/tcp/4001' } },
    {
      id: 'a wildcard with the address to tell others',
      flags: { ...secrets, 'cluster.listen': '/ip4/0.0.0.0/tcp/4001', 'cluster.advertiseHost': '192.0.2.1' },
    },
  ])('start the node without a word: $id', ({ flags }) => {
    expect(checkOptions(options(flags))).toEqual([])
  })

  it.each([
    { id: 'no source of models', flags: { 'origin.url': '' }, says: /no model can come here/ },
    { id: 'no disk tier', flags: { 'disk.limitBytes': '0' }, says: /running one needs the disk tier/ },
    {
      id: 'peers that can ask and not fetch',
      flags: { ...secrets, 'cluster.listen': '/ip4/192.0.2.1/tcp/4001', 'cluster.bulkHost': '127.0.0.1' },
      says: /could not fetch weights/,
    },
  ])('but may not be meant so, are told: $id', ({ flags, says }) => {
    expect(checkOptions(options(flags))).toEqual([expect.stringMatching(says)])
  })
})
