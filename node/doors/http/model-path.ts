/**
 * Model names in paths. `acme%2Fresnet50`, `acme%2Fresnet50:v3` and `.../versions/v3` all name a model; slashes may also stand unescaped,
 * because people type them so. `resnet50` alone is a model of the default namespace, as clients of Triton and KServe name models.
 */

import { HoldfastError, withNamespace } from '../../../common/index.ts'
import { type ModelName, parseModelName } from '../../../origin/index.ts'

export interface ModelPath {
  readonly name: ModelName
  /** The name as the caller wrote it, without tag and version. */
  readonly spelled: string
  /** What follows the name: '' or one of the verbs. */
  readonly verb: string
}

const noVerbs: ReadonlySet<string> = new Set()

/**
 * `rest` is what follows the fixed part of the path, as it stands in the URL: an escaped slash belongs to a name. With a default namespace
 * `resnet50/infer` is a verb of a model without a namespace, and `acme%2Finfer` a model that has the name of a verb.
 */
export function parseModelPath(rest: string, verbs = noVerbs, defaultNamespace = ''): ModelPath {
  const parts = rest.split('/')
  const namePartsMin = defaultNamespace === '' ? 2 : 1
  const verb = verbs.has(parts.at(-1)!) && parts.length > namePartsMin ? parts.pop()! : ''
  const hasVersion = parts.length > namePartsMin + 1 && parts.at(-2) === 'versions'
  const version = hasVersion ? decoded(parts.splice(-2)[1]!) : null
  const text = decoded(parts.join('/'))
  if (version !== null && text.includes(':'))
    throw new HoldfastError('BAD_MODEL_NAME', `${decoded(rest)} names a tag twice; leave out one of them.`)
  const name = parseModelName(withNamespace(version === null ? text : `${text}:${version}`, defaultNamespace))
  return { name, spelled: text.split(':')[0]!, verb }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new HoldfastError('BAD_MODEL_NAME', 'The path of the model is not percent-encoded right.')
  }
}

/** What follows the first `fixedCount` parts of a path: 2 of `/v2/models/...`. */
export function restOfPath(url: string, fixedCount: number): string {
  return url
    .split(/[?#]/)[0]!
    .split('/')
    .slice(fixedCount + 1)
    .join('/')
}
