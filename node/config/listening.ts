/** Where a node listens, as far as its options say: what of it is beyond loopback decides which secrets it must have. */
import type { NodeOptions } from './options.ts'

type ListeningOptions = Pick<NodeOptions, 'http.host' | 'cluster.listen' | 'cluster.bulkHost'>

export const defaultListen: readonly string[] = ['/ip4/127.0.0.1/tcp/0']

export function listenAddressesOf(options: Pick<NodeOptions, 'cluster.listen'>): readonly string[] {
  return options['cluster.listen'].length > 0 ? options['cluster.listen'] : defaultListen
}

/** Where weights are served to peers: on its own port, and without an own setting at the address where peers are met. */
export function bulkHostOf(options: ListeningOptions): string {
  if (options['cluster.bulkHost'] !== '') return options['cluster.bulkHost']
  return hostOfMultiaddr(listenAddressesOf(options)[0]!) ?? '127.0.0.1'
}

/** Each option that lets other machines in, with what it says. */
export function reachesBeyondLoopback(options: ListeningOptions): string[] {
  const beyond = listenAddressesOf(options)
    .filter((address) => !isLoopbackHost(hostOfMultiaddr(address) ?? ''))
    .map((address) => `cluster.listen ${address}`)
  const bulkHost = bulkHostOf(options)
  if (options['cluster.bulkHost'] !== '' && !isLoopbackHost(bulkHost)) beyond.push(`cluster.bulkHost ${bulkHost}`)
  if (!isLoopbackHost(options['http.host'])) beyond.push(`http.host ${options['http.host']}`)
  return beyond
}

/** The host of /ip4/192.0.2.7/tcp/4001; null for what has none, such as /unix. */
export function hostOfMultiaddr(address: string): string | null {
  return /^\/(?:ip4|ip6|dns|dns4|dns6)\/([^/]+)/.exec(address)?.[1] ?? null
}

/** Port of /ip4/192.0.2.7/tcp/4001; null for an address without one. */
export function portOfMultiaddr(address: string): number | null {
  const port = /\/tcp\/(\d{1,5})(?:\/|$)/.exec(address)?.[1]
  return port === undefined ? null : Number(port)
}

export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

export function isWildcardHost(host: string): boolean {
  return host === '0.0.0.0' || host === '::' || host === ''
}
