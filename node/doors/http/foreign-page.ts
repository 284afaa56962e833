/**
 * Tells a browser page of another site from a program of this machine. A page that talks to 127.0.0.1 shows itself by its Origin,
 * or, when its own name was made to resolve to 127.0.0.1 (DNS rebinding), by its Host. Images, links and forms have no Origin, but a
 * browser says with each request, to whichever host, which site it comes from: https://www.w3.org/TR/fetch-metadata/.
 */
import { isLoopbackHost } from '../../config/index.ts'

const loopbackNames: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])

export interface PageHeaders {
  readonly host?: string | undefined
  readonly origin?: string | undefined
  readonly 'sec-fetch-site'?: string | string[] | undefined
}

/** Of the node's own pages, other ports of the same host, and what a person typed. */
const ownSites: ReadonlySet<unknown> = new Set([undefined, 'same-origin', 'same-site', 'none'])

export function isForeignPage(headers: PageHeaders, boundHost: string): boolean {
  const isOwnSite = ownSites.has(headers['sec-fetch-site'])
  if (!isLoopbackHost(boundHost)) return !isOwnSite
  if (headers.host !== undefined && !loopbackNames.has(nameOf(headers.host))) return true
  // A page of localhost that asks 127.0.0.1 is of another site by name only.
  if (headers.origin === undefined) return !isOwnSite
  return !loopbackNames.has(nameOf(headers.origin.replace(/^https?:\/\//, '')))
}

function nameOf(hostAndPort: string): string {
  return hostAndPort.replace(/:\d+$/, '').toLowerCase()
}
