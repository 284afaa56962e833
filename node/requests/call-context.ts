/**
 * What travels with a call besides its content, as fields that every protocol can carry: headers over HTTP, metadata elsewhere. The same
 * fields go along when the call is forwarded.
 */
import { HoldfastError, type RequestContext } from '../../common/index.ts'

/** Names are in lower case. Values of other types than text count as absent. */
export type CallFields = Readonly<Record<string, unknown>>

/**
 * `holdfast-deadline-ms`. @param tenant by the token of the caller, never by a field that anybody may set. @param from the caller's address.
 */
export function contextOf(fields: CallFields, tenant: string, from: string): RequestContext {
  const deadline = textOf(fields, 'holdfast-deadline-ms')
  const deadlineMs = deadline === null ? Number.POSITIVE_INFINITY : Number(deadline)
  if (!(deadlineMs > 0)) throw new HoldfastError('BAD_REQUEST', 'holdfast-deadline-ms has to be a positive number.')
  return { tenant, deadlineMs, from }
}

/** `holdfast-forward: never` asks this node to serve the request itself. */
export function mayForward(fields: CallFields): boolean {
  const value = textOf(fields, 'holdfast-forward')
  if (value !== null && value !== 'never')
    throw new HoldfastError('BAD_REQUEST', 'holdfast-forward can only be `never`.')
  return value === null
}

function textOf(fields: CallFields, name: string): string | null {
  const value = fields[name]
  return typeof value === 'string' ? value : null
}
