/**
 * Tells a browser page of another site from a program of this machine. A page that talks to 127.0.0.1 shows itself by its Origin,
 * or, when its own name was made to resolve to 127.0.0.1 (DNS rebinding), by its Host.
 */
import { isLoopbackHost } from '../../config/index.ts'

const loopbackNames: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])

export interface PageHeaders {
  readonly host?: string | undefined
  readonly origin?: string | undefined
}

export function isForeignPage(headers: PageHeaders, boundHost: string): boolean {
  if (!isLoopbackHost(boundHost)) return false
  if (headers.host !== undefined && !loopbackNames.has(nameOf(headers.host))) return true
  return headers.origin !== undefined && !loopbackNames.has(nameOf(headers.origin.replace(/^https?:\/\//, '')))
}

function nameOf(hostAndPort: string): string {
  return hostAndPort.replace(/:\d+$/, '').toLowerCase()
}
