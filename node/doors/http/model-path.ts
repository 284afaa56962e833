/**
 * Model names in paths. `acme%2Fresnet50`, `acme%2Fresnet50:v3` and `.../versions/v3` all name a model; slashes may also stand unescaped,
 * because people type them so.
 */

import { HoldfastError } from '../../../common/index.ts'
import { type ModelName, parseModelName } from '../../../origin/index.ts'

export interface ModelPath {
  readonly name: ModelName
  /** What follows the name: '' or one of the verbs. */
  readonly verb: string
}

const noVerbs: ReadonlySet<string> = new Set()

/** `rest` is what follows the fixed part of the path, percent-decoded. */
export function parseModelPath(rest: string, verbs = noVerbs): ModelPath {
  const parts = rest.split('/')
  const verb = verbs.has(parts.at(-1)!) && parts.length > 2 ? parts.pop()! : ''
  const version = parts.length > 3 && parts.at(-2) === 'versions' ? parts.splice(-2)[1]! : null
  const text = parts.join('/')
  if (version === null) return { name: parseModelName(text), verb }
  if (text.includes(':')) throw new HoldfastError('BAD_MODEL_NAME', `${rest} names a tag twice; leave out one of them.`)
  return { name: parseModelName(`${text}:${version}`), verb }
}
