/**
 * A ref: which manifest a tag means now, signed by who published it. The sequence rises with every move, so that a reader
 * who has seen a later one is not led back by a stale peer.
 */
import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import type { ModelId } from '../../common/index.ts'
import { canonicalBytes } from '../manifest/canonical-json.ts'
import { HostileJson } from '../manifest/hostile-json.ts'
import type { ModelName, Ref } from '../types.ts'
import { keyPartOf, parseModelName, partOfKey } from './model-name.ts'

export const refSchema = 'holdfast.ref.v1'
/** A ref is some 400 bytes; more is not one. */
export const refBytesMax = 4096

const json = new HostileJson('BAD_REF', 'ref')
const refKeys = new Set(['schema', 'model', 'tag', 'manifest', 'sequence', 'publicKey', 'signature'])
/** DER head of an Ed25519 SubjectPublicKeyInfo (RFC 8410); the 32 raw bytes follow. */
const spkiHead = Buffer.from('302a300506032b6570032100', 'hex')

export interface RefContent {
  readonly name: ModelName
  readonly manifest: ModelId
  readonly sequence: number
}

export function signRef(content: RefContent, privateKey: KeyObject): Ref {
  const unsigned = {
    schema: refSchema,
    model: `${content.name.namespace}/${content.name.name}`,
    tag: content.name.tag,
    manifest: content.manifest,
    sequence: content.sequence,
    publicKey: publicKeyText(privateKey),
  } as const
  return { ...unsigned, signature: sign(null, canonicalBytes(unsigned), privateKey).toString('base64') }
}

export function encodeRef(ref: Ref): Uint8Array {
  return canonicalBytes(ref)
}

/** BAD_REF unless the bytes are a ref for exactly this name with a signature by the key it carries. */
export function parseRef(bytes: Uint8Array, name: ModelName): Ref {
  const { object } = json.parse(bytes, refBytesMax)
  json.schema(object, refSchema)
  json.keys(object, '', refKeys)
  const ref: Ref = {
    schema: refSchema,
    model: json.string(object.model, 'model', 256),
    tag: json.string(object.tag, 'tag', 128),
    manifest: json.sha256(object.manifest, 'manifest'),
    sequence: json.integer(object.sequence, 'sequence', 1),
    publicKey: json.string(object.publicKey, 'publicKey', 64),
    signature: json.string(object.signature, 'signature', 128),
  }
  if (ref.model !== `${name.namespace}/${name.name}` || ref.tag !== name.tag) {
    throw json.fail('model', `is ${JSON.stringify(`${ref.model}:${ref.tag}`)}, another was asked for`)
  }
  if (!hasValidSignature(ref)) throw json.fail('signature', 'is not by the public key of the ref')
  return ref
}

/** The sequence of a ref that is otherwise beyond repair, so that a new push rises above it; 0 when it tells none. */
export function salvageSequence(bytes: Uint8Array): number {
  const match = /"sequence":(\d{1,15})[,}]/.exec(Buffer.from(bytes.subarray(0, refBytesMax)).toString('latin1'))
  return match ? Number(match[1]) : 0
}

export function refKey(name: ModelName): string {
  return `refs/${keyTailOf(name)}`
}

/** The last sequence of a tag that was removed: one that comes back goes on above it, or nodes that remember would refuse it. */
export function removedKey(name: ModelName): string {
  return `removed/${keyTailOf(name)}`
}

function keyTailOf({ namespace, name, tag }: ModelName): string {
  return `${keyPartOf(namespace)}/${keyPartOf(name)}/${keyPartOf(tag)}`
}

/** The name behind a key below refs/, or null when the key is not of a ref. */
export function nameOfRefKey(key: string): ModelName | null {
  const [folder, ...keyParts] = key.split('/')
  const parts = keyParts.map(partOfKey)
  if (parts.length !== 3 || folder !== 'refs' || parts.includes(null)) return null
  try {
    return parseModelName(`${parts[0]}/${parts[1]}:${parts[2]}`)
  } catch {
    return null // Somebody's own file in the origin; it is not ours to complain about.
  }
}

function hasValidSignature(ref: Ref): boolean {
  const raw = Buffer.from(ref.publicKey, 'base64')
  const signature = Buffer.from(ref.signature, 'base64')
  if (raw.length !== 32 || signature.length !== 64) return false
  const { signature: _, ...unsigned } = ref
  return verify(null, canonicalBytes(unsigned), publicKeyOf(ref.publicKey, raw), signature)
}

/** Most refs of an origin are of few publishers. */
const publicKeysMax = 256
const publicKeys = new Map<string, KeyObject>()

function publicKeyOf(text: string, raw: Uint8Array): KeyObject {
  let key = publicKeys.get(text)
  if (key === undefined) {
    key = createPublicKey({ key: Buffer.concat([spkiHead, raw]), format: 'der', type: 'spki' })
    if (publicKeys.size === publicKeysMax) publicKeys.clear()
    publicKeys.set(text, key)
  }
  return key
}

function publicKeyText(privateKey: KeyObject): string {
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' })
  return spki.subarray(spkiHead.length).toString('base64')
}
