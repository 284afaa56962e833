/**
 * Model names: `namespace/name[:tag]`, or `sha256:<digest>` for a manifest itself.
 *
 * The charset is that of the Hugging Face hub and of OCI tags, and strict because a name becomes part of object keys, URLs, file paths
 * and gossip. Names differ by case; keyPartOf keeps them apart where file systems do not.
 */

import {
  HoldfastError,
  isModelNamePart,
  type ModelId,
  modelNamePartLengthMax,
  type Sha256,
} from '../../common/index.ts'
import type { ModelName } from '../types.ts'

/** Longest tag, as in the OCI distribution specification. */
export const tagLengthMax = 128
/** Of a part as keyPartOf writes it. File names have 255 bytes, and folder origins add to them while they write. */
export const keyPartLengthMax = 192
export const defaultTag = 'latest'

const sha256Pattern = /^[0-9a-f]{64}$/

export type ModelReference =
  | { readonly kind: 'name'; readonly name: ModelName }
  | { readonly kind: 'digest'; readonly digest: ModelId }

export function isSha256(value: unknown): value is Sha256 {
  return typeof value === 'string' && sha256Pattern.test(value)
}

/** Parses `namespace/name[:tag]`; BAD_MODEL_NAME says which part is wrong. */
export function parseModelName(text: string): ModelName {
  if (typeof text !== 'string' || text === '') throw badName(String(text), 'it is empty')
  const [path, ...tags] = text.split(':')
  if (tags.length > 1) throw badName(text, "it has more than one ':'")
  const parts = path!.split('/')
  if (parts.length !== 2) throw badName(text, `it has ${parts.length === 1 ? 'no namespace' : "more than one '/'"}`)
  const name = { namespace: parts[0]!, name: parts[1]!, tag: tags[0] ?? defaultTag }
  checkPart(text, 'namespace', name.namespace, modelNamePartLengthMax)
  checkPart(text, 'name', name.name, modelNamePartLengthMax)
  checkPart(text, 'tag', name.tag, tagLengthMax)
  return name
}

/** Parses what a user may write where a model is meant: a name, or `sha256:<digest>`. */
export function parseModelReference(text: string): ModelReference {
  if (!text.startsWith('sha256:')) return { kind: 'name', name: parseModelName(text) }
  const digest = text.slice('sha256:'.length)
  if (!isSha256(digest)) throw badName(text, 'a digest has 64 lower-case hex digits')
  return { kind: 'digest', digest }
}

export function formatModelName(name: ModelName): string {
  return `${name.namespace}/${name.name}:${name.tag}`
}

/**
 * A part of a name in an object key: capitals as `!` and the small letter, as Go's module proxies write them. Two names are two keys also in
 * a folder of a file system that does not tell capitals from small letters, and names without capitals stand as they are.
 */
export function keyPartOf(part: string): string {
  return part.replaceAll(/[A-Z]/g, (letter) => `!${letter.toLowerCase()}`)
}

/** The reverse of keyPartOf; null for what it cannot have written. */
export function partOfKey(keyPart: string): string | null {
  const part = keyPart.replaceAll(/!([a-z])/g, (_, letter: string) => letter.toUpperCase())
  return keyPartOf(part) === keyPart ? part : null
}

export function formatDigest(digest: ModelId): string {
  return `sha256:${digest}`
}

function checkPart(text: string, part: string, value: string, lengthMax: number): void {
  if (value === '') throw badName(text, `the ${part} is empty`)
  if (value.length > lengthMax) throw badName(text, `the ${part} has ${value.length} characters, at most ${lengthMax}`)
  const keyLength = keyPartOf(value).length
  if (keyLength > keyPartLengthMax)
    throw badName(
      text,
      `the ${part} takes ${keyLength} characters, capitals counted twice, at most ${keyPartLengthMax}`,
    )
  if (!isModelNamePart(value)) throw badName(text, `the ${part} ${JSON.stringify(value)} has other characters`)
}

function badName(text: string, why: string): HoldfastError {
  const shown = text.length > 80 ? `${text.slice(0, 80)}...` : text
  return new HoldfastError(
    'BAD_MODEL_NAME',
    `${JSON.stringify(shown)} is not a model name: ${why}. Write namespace/name[:tag] with letters, digits, '.', '_' and '-', ` +
      `each part starting with a letter, digit or '_', as in acme/resnet50:v3.`,
    { details: { name: shown } },
  )
}
