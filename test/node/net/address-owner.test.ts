/** To whom a connection from an address is counted. */
import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it } from 'vitest'
import { addressOwner, ownerOfHost } from '../../../node/net/address-owner.ts'

describe('the owner of an address', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2::5', '20010db800010002'],
    ['2001:db8:1:2:ffff:ffff:ffff:ffff', '20010db800010002'],
    ['fe80::1%eth0', 'fe80000000000000'],
    ['::1', '0000000000000000'],
    ['unknown', 'unknown'],
  ])('of %s is %s', (host, owner) => {
    expect(ownerOfHost(host)).toBe(owner)
  })

  it('is that of the host in a multiaddr, and one for all that have none', () => {
    expect(addressOwner(multiaddr('/ip4/192.0.2.1/tcp/4001'))).toBe('192.0.2.1')
    expect(addressOwner(multiaddr('/ip6/2001:db8::1/tcp/4001'))).toBe('20010db800000000')
    expect(addressOwner(multiaddr('/unix/%2Ftmp%2Fsock'))).toBe('')
  })
})
