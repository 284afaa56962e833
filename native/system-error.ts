/** An error of the operating system as node:fs throws it: callers tell a full disk the same way, whatever wrote to it. */
import { getSystemErrorName } from 'node:util'

/** @param what failed: 'read', 'write'. */
export function systemError(errno: number, what: string, cause?: unknown): Error {
  const code = getSystemErrorName(-errno)
  return Object.assign(new Error(`${code}: ${what}`, { cause }), { code, errno: -errno })
}
