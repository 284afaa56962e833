/**
 * Node ids and their keys. A Holdfast node id is the base58 text of an Ed25519 libp2p peer id, which contains the public key
 * itself: the id is enough to check a signature, and 32 bytes stand for the id on the wire. Only the canonical text is
 * accepted, so that one identity cannot appear under two names.
 */
import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id'
import type { NodeId } from '../../common/index.ts'

export const publicKeyBytes = 32
export const signatureBytes = 64

/** DER of an Ed25519 SubjectPublicKeyInfo up to the key itself (RFC 8410). */
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex')

/** Both ways of the conversion are kept for the nodes seen last: base58 costs more than the signature's bookkeeping. */
const cacheMax = 16_384
const rawById = new Map<NodeId, Uint8Array | null>()
const idByRaw = new Map<string, NodeId | null>()
const keyById = new Map<NodeId, KeyObject>()

/** The 32 bytes of the public key inside the id; null when the text is not a canonical Ed25519 node id. */
export function publicKeyOfNode(node: NodeId): Uint8Array | null {
  return cached(rawById, node, () => {
    try {
      const peer = peerIdFromString(node)
      return peer.type === 'Ed25519' && peer.toString() === node ? peer.publicKey.raw : null
    } catch {
      return null
    }
  })
}

/** The id whose public key these 32 bytes are; null when they are no Ed25519 key. */
export function nodeOfPublicKey(raw: Uint8Array): NodeId | null {
  if (raw.byteLength !== publicKeyBytes) return null
  return cached(idByRaw, Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString('latin1'), () => {
    try {
      const key = publicKeyFromRaw(Uint8Array.from(raw))
      return key.type === 'Ed25519' ? peerIdFromPublicKey(key).toString() : null
    } catch {
      return null
    }
  })
}

export function isNodeId(text: string): boolean {
  return text.length <= 64 && publicKeyOfNode(text) !== null
}

/** True when `signature` over `bytes` is by the identity `node`; false for anything malformed. */
export function verifyByNode(node: NodeId, bytes: Uint8Array, signature: Uint8Array): boolean {
  if (signature.byteLength !== signatureBytes) return false
  const raw = publicKeyOfNode(node)
  if (raw === null) return false
  try {
    const key = cached(keyById, node, () =>
      createPublicKey({ key: Buffer.concat([spkiPrefix, raw]), format: 'der', type: 'spki' }),
    )
    return verify(null, bytes, key, signature)
  } catch {
    return false
  }
}

function cached<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  if (map.size >= cacheMax) {
    const oldest = map.keys().next()
    if (!oldest.done) map.delete(oldest.value)
  }
  map.set(key, made)
  return made
}
