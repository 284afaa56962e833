/**
 * Digests on the wire: who is known with which (epoch, sequence) per kind, as columns. 10,000 items take about 500 KB.
 *
 *   {version: 1, nodes: 32-byte keys, kinds: bytes, epochs: [...], sequences: [...], range: [after, through], wantsDigest}
 *
 * Sums of all groups come with no items and an empty range, which says nothing to a node that does not know them:
 *
 *   {..., sums: 4 bytes each, big-endian}
 *
 * A summary of some groups answers sums, so that its reader knows the form: each node once, with a bit for each kind that it has.
 *
 *   {version: 1, groups: bytes, nodes: 32-byte keys, kinds: bytes of bits, epochs: [...], sequences: [...], wantsDigest}
 */

import { entryKinds, type SummaryItem, type SummaryRange, sumCount } from '../../core/index.ts'
import { isReadableVersion, spokenVersion } from '../system/index.ts'
import { decodeCbor, encodeCbor, isBytes, isPlainMap, malformed, type PlainMap } from './cbor.ts'
import { counts, packNodes, unpackNodes } from './entry-ids.ts'
import { publicKeyBytes } from './node-id.ts'

export interface VersionSummary {
  readonly items: readonly SummaryItem[]
  readonly range?: SummaryRange
  readonly groups?: readonly number[]
  readonly sums?: readonly number[]
  readonly wantsSummary: boolean
}

export interface VersionSummaryLimits {
  readonly items: number
}

const sumBytes = 4

/** Four kinds of 10,000 nodes, which is the largest cluster aimed at. */
export const defaultVersionSummaryLimits: VersionSummaryLimits = { items: 40_000 }

export function encodeVersionSummary(summary: VersionSummary): Uint8Array {
  const { items, range, sums } = summary
  if (summary.groups !== undefined) return encodeGroups(summary, summary.groups)
  return encodeCbor({
    version: spokenVersion,
    nodes: packNodes(items.map((item) => item.node)),
    kinds: Uint8Array.from(items, (item) => entryKinds.indexOf(item.kind)),
    epochs: items.map((item) => item.epoch),
    sequences: items.map((item) => item.sequence),
    wantsDigest: summary.wantsSummary,
    ...(range === undefined ? {} : { range: [packEnd(range.after), packEnd(range.through)] }),
    ...(sums === undefined ? {} : { sums: packSums(sums) }),
  })
}

/** PEER_PROTOCOL unless the form is right. Kinds of a later version are left out. */
export function decodeVersionSummary(
  message: Uint8Array,
  limits: VersionSummaryLimits = defaultVersionSummaryLimits,
): VersionSummary {
  const value = decodeCbor(message, 'version summary')
  if (!isPlainMap(value) || !isReadableVersion(value.version) || typeof value.wantsDigest !== 'boolean') {
    throw malformed('version summary', 'it has another form')
  }
  if (isBytes(value.nodes) && value.nodes.byteLength > limits.items * publicKeyBytes) {
    throw malformed('version summary', `it has more than ${limits.items} items`)
  }
  if (value.groups !== undefined) return decodeGroups(value, value.groups, value.wantsDigest)
  const nodes = unpackNodes(value.nodes)
  const kinds = value.kinds
  if (!isBytes(kinds, nodes.length)) throw malformed('version summary', 'its columns differ in length')
  const epochs = counts(value.epochs, nodes.length)
  const sequences = counts(value.sequences, nodes.length)
  const items = nodes.flatMap((node, index): SummaryItem[] => {
    const kind = entryKinds[kinds[index] as number]
    return kind === undefined
      ? []
      : [{ node, kind, epoch: epochs[index] as number, sequence: sequences[index] as number }]
  })
  const { wantsDigest: wantsSummary } = value
  return {
    items,
    ...(value.range === undefined ? {} : { range: decodeRange(value.range) }),
    ...(value.sums === undefined ? {} : { sums: unpackSums(value.sums) }),
    wantsSummary,
  }
}

/** Items of a node stand together, as the ledger gives them. */
function encodeGroups({ items, wantsSummary }: VersionSummary, groups: readonly number[]): Uint8Array {
  const nodes: string[] = []
  const bits: number[] = []
  for (const { node, kind } of items) {
    if (nodes.at(-1) !== node) {
      nodes.push(node)
      bits.push(0)
    }
    bits[bits.length - 1]! |= 1 << entryKinds.indexOf(kind)
  }
  return encodeCbor({
    version: spokenVersion,
    groups: Uint8Array.from(groups),
    nodes: packNodes(nodes),
    kinds: Uint8Array.from(bits),
    epochs: items.map((item) => item.epoch),
    sequences: items.map((item) => item.sequence),
    wantsDigest: wantsSummary,
  })
}

function decodeGroups(value: PlainMap, groups: unknown, wantsSummary: boolean): VersionSummary {
  if (!isBytes(groups)) throw malformed('version summary', 'its groups are no bytes')
  const nodes = unpackNodes(value.nodes)
  const bits = value.kinds
  if (!isBytes(bits, nodes.length)) throw malformed('version summary', 'its columns differ in length')
  // Bits of kinds of a later version count too: their versions stand in the columns, and are left out.
  const places = nodes.flatMap((node, at) =>
    Array.from({ length: 8 }, (_, kind) => ({ node, kind })).filter(({ kind }) => (bits[at]! & (1 << kind)) !== 0),
  )
  const epochs = counts(value.epochs, places.length)
  const sequences = counts(value.sequences, places.length)
  const items = places.flatMap(({ node, kind }, at): SummaryItem[] => {
    const known = entryKinds[kind]
    return known === undefined ? [] : [{ node, kind: known, epoch: epochs[at]!, sequence: sequences[at]! }]
  })
  return { items, groups: [...groups], wantsSummary }
}

function packSums(sums: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(sumBytes * sums.length)
  for (const [at, sum] of sums.entries()) bytes.writeInt32BE(sum, sumBytes * at)
  return bytes
}

function unpackSums(value: unknown): number[] {
  if (!isBytes(value, sumBytes * sumCount))
    throw malformed('version summary', `its sums are not ${sumCount} of 4 bytes`)
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  return Array.from({ length: sumCount }, (_, at) => bytes.readInt32BE(sumBytes * at))
}

function packEnd(node: string | null): Uint8Array | null {
  return node === null ? null : packNodes([node])
}

function decodeRange(value: unknown): SummaryRange {
  if (!Array.isArray(value) || value.length !== 2) throw malformed('version summary', 'its range has no two ends')
  return { after: decodeEnd(value[0]), through: decodeEnd(value[1]) }
}

function decodeEnd(value: unknown): string | null {
  if (value === null) return null
  const [node, ...rest] = unpackNodes(value)
  if (node === undefined || rest.length > 0) throw malformed('version summary', 'an end of its range is no node')
  return node
}
