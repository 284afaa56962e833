/** Fields of bodies and queries of the admin interface. */
import { HoldfastError } from '../../../common/index.ts'

/** The named fields of a body or query; a misspelt one must not silently be no field. */
export function fieldsOf<K extends string>(value: unknown, known: readonly K[]): Partial<Record<K, unknown>> {
  if (value === undefined || value === null) return {}
  if (typeof value !== 'object' || Array.isArray(value))
    throw new HoldfastError('BAD_REQUEST', 'The body has to be a JSON object.')
  const unknown = Object.keys(value).find((key) => !(known as readonly string[]).includes(key))
  if (unknown === undefined) return value
  throw new HoldfastError(
    'BAD_REQUEST',
    `There is no field ${JSON.stringify(unknown)} here; there is ${known.join(', ')}.`,
  )
}
