/** To whom connections from an address are counted. */
import { isIPv6 } from 'node:net'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'

/** All connections of a host that has none in its address share one place. */
export function addressOwner(address: Multiaddr): string {
  const part = address.getComponents().find(({ name }) => name === 'ip4' || name === 'ip6')
  return ownerOfHost(part?.value ?? '')
}

/** An IPv4 address; of an IPv6 one its first 64 bits, because one machine may take any address that begins with them. */
export function ownerOfHost(host: string): string {
  const [address = ''] = host.split('%')
  if (!isIPv6(address)) return host
  const bytes = Buffer.from(multiaddr(`/ip6/${address}`).bytes).subarray(-16)
  const isMapped = bytes.subarray(0, 12).equals(mappedPrefix)
  return isMapped ? bytes.subarray(12).join('.') : bytes.toString('hex', 0, 8)
}

/** Prefix of an IPv4 address as a dual-stack socket shows it: ::ffff:0:0/96. */
const mappedPrefix = Buffer.from('00000000000000000000ffff', 'hex')
