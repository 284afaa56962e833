/**
 * What travels with a call besides its content, as fields that every protocol can carry: headers over HTTP, metadata elsewhere. The same
 * fields go along when the call is forwarded.
 */
import { HoldfastError, type RequestContext } from '../../common/index.ts'

const tenantLengthMax = 128

/** Names are in lower case. Values of other types than text count as absent. */
export type CallFields = Readonly<Record<string, unknown>>

/** `holdfast-tenant` and `holdfast-deadline-ms`. */
export function contextOf(fields: CallFields): RequestContext {
  const tenant = textOf(fields, 'holdfast-tenant') ?? 'public'
  const deadline = textOf(fields, 'holdfast-deadline-ms')
  if (tenant.length === 0 || tenant.length > tenantLengthMax) {
    throw new HoldfastError('BAD_REQUEST', `holdfast-tenant has to have 1 to ${tenantLengthMax} characters.`)
  }
  const deadlineMs = deadline === null ? Number.POSITIVE_INFINITY : Number(deadline)
  if (!(deadlineMs > 0)) throw new HoldfastError('BAD_REQUEST', 'holdfast-deadline-ms has to be a positive number.')
  return { tenant, deadlineMs }
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
