/**
 * Entries as they travel and lie in the ledger: an envelope of the encoded entry and its author's signature, kept byte for byte
 * so that any node can pass it on. The author is the node id inside the entry, and the id contains the public key: an envelope
 * needs no other key to be checked, and only the author can make one.
 *
 *   batch    = [1, [envelope, ...]]
 *   envelope = [1, body, signature]         signature = Ed25519(domain || body)
 *   body     = {kind, node: 32-byte public key, epoch, sequence, body}
 */

import { HoldfastError, type NodeId } from '../../common/index.ts'
import {
  checkEntry,
  decodeBody,
  type Entry,
  type EntryKind,
  type EntrySigner,
  encodeBody,
  entryKinds,
  type SignedEntry,
} from '../../core/index.ts'
import type { ClusterNetwork } from '../ports/index.ts'
import { decodeCbor, encodeCbor, isBytes, isCount, isPlainMap, malformed } from './cbor.ts'
import { entryIds, packNodes } from './entry-ids.ts'
import { nodeOfPublicKey, publicKeyBytes, signatureBytes, verifyByNode } from './node-id.ts'

export interface EnvelopeLimits {
  /** One entry. A residency of 5,000 models takes 190 KB. */
  readonly envelopeBytes: number
  /** Entries in one message. */
  readonly entriesPerBatch: number
}

export const defaultEnvelopeLimits: EnvelopeLimits = { envelopeBytes: 256 * 1024, entriesPerBatch: 4096 }

const envelopeVersion = 1
const batchVersion = 1
const domain = new TextEncoder().encode('holdfast/1 entry\0')

/** Signs entries of the node whose identity the network holds. */
export function createEntrySigner(
  network: Pick<ClusterNetwork, 'self' | 'sign'>,
  limits: EnvelopeLimits = defaultEnvelopeLimits,
): EntrySigner {
  return (entry) => {
    if (entry.node !== network.self) throw new Error(`an entry of ${entry.node} cannot be signed by ${network.self}`)
    const body = encodeCbor({
      kind: entry.kind,
      node: packNodes([entry.node]),
      epoch: entry.epoch,
      sequence: entry.sequence,
      body: encodeBody(entry, entryIds),
    })
    const envelope = encodeCbor([envelopeVersion, body, network.sign(signed(body))])
    if (envelope.byteLength > limits.envelopeBytes) {
      throw new HoldfastError(
        'REQUEST_TOO_LARGE',
        `A ${entry.kind} entry takes ${envelope.byteLength} bytes; ${limits.envelopeBytes} are allowed.`,
        {
          details: { envelopeBytes: envelope.byteLength, limitBytes: limits.envelopeBytes },
        },
      )
    }
    return { entry, envelope }
  }
}

/** PEER_PROTOCOL unless the form is right and the signature is the author's. Null for an envelope or a kind of a later version. */
export function openEnvelope(envelope: Uint8Array, limits: EnvelopeLimits = defaultEnvelopeLimits): SignedEntry | null {
  if (envelope.byteLength > limits.envelopeBytes) throw malformed('entry', `it takes ${envelope.byteLength} bytes`)
  const parts = decodeCbor(envelope, 'entry')
  if (!Array.isArray(parts) || !isCount(parts[0])) throw malformed('entry', 'it has no version')
  const [version, body, signature] = parts
  if (version > envelopeVersion) return null
  if (version !== envelopeVersion || parts.length !== 3 || !isBytes(body) || !isBytes(signature, signatureBytes)) {
    throw malformed('entry', 'its envelope has another form')
  }
  const value = decodeCbor(body, 'entry')
  if (!isPlainMap(value) || !isBytes(value.node, publicKeyBytes)) throw malformed('entry', 'it has no author')
  const node = nodeOfPublicKey(value.node)
  if (node === null) throw malformed('entry', 'its author is no Ed25519 key')
  if (!verifyByNode(node, signed(body), signature)) throw malformed('entry', `it is not signed by its author ${node}`)
  if (typeof value.kind !== 'string') throw malformed('entry', 'its kind is no text')
  // What this node cannot check it does not keep; who can will hear of it from others.
  if (!isEntryKind(value.kind)) return null
  return { entry: entryOf(node, value.kind, value), envelope: Uint8Array.from(envelope) }
}

export function encodeEntries(entries: readonly SignedEntry[]): Uint8Array {
  return encodeCbor([
    batchVersion,
    entries.map(({ entry, envelope }) => {
      if (envelope === null) throw new Error(`entry ${entry.kind} of ${entry.node} has no envelope`)
      return envelope
    }),
  ])
}

/** All entries of a message, or PEER_PROTOCOL when one of them is malformed; those of a later version are left out. */
export function decodeEntries(message: Uint8Array, limits: EnvelopeLimits = defaultEnvelopeLimits): SignedEntry[] {
  const parts = decodeCbor(message, 'entries')
  if (!Array.isArray(parts) || !isCount(parts[0])) throw malformed('entries', 'they have no version')
  if (parts[0] > batchVersion) return []
  const envelopes: unknown = parts[1]
  if (parts[0] !== batchVersion || !Array.isArray(envelopes) || envelopes.length > limits.entriesPerBatch) {
    throw malformed('entries', `they are no list of at most ${limits.entriesPerBatch}`)
  }
  return envelopes.flatMap((envelope: unknown) => {
    if (!isBytes(envelope)) throw malformed('entries', 'one is no byte string')
    const signed = openEnvelope(envelope, limits)
    return signed === null ? [] : [signed]
  })
}

function isEntryKind(kind: string): kind is EntryKind {
  return (entryKinds as readonly string[]).includes(kind)
}

function entryOf(node: NodeId, kind: EntryKind, value: Readonly<Record<string, unknown>>): Entry {
  if (!isPlainMap(value.body)) throw malformed('entry', 'its body is no map')
  const body = decodeBody(kind, value.body, entryIds)
  return checkEntry({ kind, node, epoch: value.epoch, sequence: value.sequence, body })
}

function signed(body: Uint8Array): Uint8Array {
  return Buffer.concat([domain, body])
}
