/**
 * Digests on the wire: who is known with which (epoch, sequence) per kind, as columns. 10,000 items take about 500 KB.
 *
 *   {version: 1, nodes: 32-byte keys, kinds: bytes, epochs: [...], sequences: [...], after, through, wantsDigest}
 */
import { type DigestItem, type DigestRange, entryKinds } from '../core/events.ts'
import { isReadableVersion, spokenVersion } from '../protocol-version.ts'
import { decodeCbor, encodeCbor, isBytes, isPlainMap, malformed } from './cbor.ts'
import { counts, packNodes, unpackNodes } from './entry-body.ts'
import { publicKeyBytes } from './node-id.ts'

export interface Digest {
  readonly items: readonly DigestItem[]
  readonly range?: DigestRange
  readonly wantsDigest: boolean
}

export interface DigestLimits {
  readonly items: number
}

/** Four kinds of 10,000 nodes, which is the largest cluster aimed at. */
export const defaultDigestLimits: DigestLimits = { items: 40_000 }

export function encodeDigest(digest: Digest): Uint8Array {
  const { items, range } = digest
  return encodeCbor({
    version: spokenVersion,
    nodes: packNodes(items.map((item) => item.node)),
    kinds: Uint8Array.from(items, (item) => entryKinds.indexOf(item.kind)),
    epochs: items.map((item) => item.epoch),
    sequences: items.map((item) => item.sequence),
    wantsDigest: digest.wantsDigest,
    ...(range === undefined ? {} : { range: [packEnd(range.after), packEnd(range.through)] }),
  })
}

/** PEER_PROTOCOL unless the form is right. Kinds of a later version are left out. */
export function decodeDigest(message: Uint8Array, limits: DigestLimits = defaultDigestLimits): Digest {
  const value = decodeCbor(message, 'digest')
  if (!isPlainMap(value) || !isReadableVersion(value.version) || typeof value.wantsDigest !== 'boolean') {
    throw malformed('digest', 'it has another form')
  }
  if (isBytes(value.nodes) && value.nodes.byteLength > limits.items * publicKeyBytes) {
    throw malformed('digest', `it has more than ${limits.items} items`)
  }
  const nodes = unpackNodes(value.nodes)
  const kinds = value.kinds
  if (!isBytes(kinds, nodes.length)) throw malformed('digest', 'its columns differ in length')
  const epochs = counts(value.epochs, nodes.length)
  const sequences = counts(value.sequences, nodes.length)
  const items = nodes.flatMap((node, index): DigestItem[] => {
    const kind = entryKinds[kinds[index] as number]
    return kind === undefined
      ? []
      : [{ node, kind, epoch: epochs[index] as number, sequence: sequences[index] as number }]
  })
  const { wantsDigest } = value
  return value.range === undefined ? { items, wantsDigest } : { items, range: decodeRange(value.range), wantsDigest }
}

function packEnd(node: string | null): Uint8Array | null {
  return node === null ? null : packNodes([node])
}

function decodeRange(value: unknown): DigestRange {
  if (!Array.isArray(value) || value.length !== 2) throw malformed('digest', 'its range has no two ends')
  return { after: decodeEnd(value[0]), through: decodeEnd(value[1]) }
}

function decodeEnd(value: unknown): string | null {
  if (value === null) return null
  const [node, ...rest] = unpackNodes(value)
  if (node === undefined || rest.length > 0) throw malformed('digest', 'an end of its range is no node')
  return node
}
