/**
 * News of a fetch on the wire (core/transfer/progress.ts):
 *
 *   {version: 1, model, sequence, lacks: [[blob, [from, to, ...]], ...] or null, got: likewise, asks: [[blob, index, node], ...], wantsAll}
 *
 * Digests are 32 raw bytes, nodes their public keys; an ask of the origin has null for the node.
 */
import type { ChunkAsk, ChunkRanges, Progress } from '../../core/index.ts'
import { isReadableVersion, spokenVersion } from '../system/index.ts'
import { decodeCbor, encodeCbor, isBytes, isCount, isPlainMap, malformed } from './cbor.ts'
import { packNodes, unpackNodes } from './entry-ids.ts'

export interface ProgressLimits {
  /** Blobs of a model, and chunks asked for at one time. */
  readonly blobs: number
  readonly asks: number
  /** Numbers of all ranges together. */
  readonly ends: number
}

/** A model of a terabyte in chunks of 8 MiB, every second of which is there. */
export const defaultProgressLimits: ProgressLimits = { blobs: 65_536, asks: 1_024, ends: 262_144 }

const what = 'progress'
const digestBytes = 32

export function encodeProgress({ model, sequence, lacks, got, asks, wantsAll }: Progress): Uint8Array {
  return encodeCbor({
    version: spokenVersion,
    model: digestOf(model),
    sequence,
    lacks: lacks === null ? null : lacks.map(packRanges),
    got: got.map(packRanges),
    asks: asks.map(({ blob, index, node }) => [digestOf(blob), index, node === null ? null : packNodes([node])]),
    wantsAll,
  })
}

/** PEER_PROTOCOL unless the form is right. */
export function decodeProgress(message: Uint8Array, limits: ProgressLimits = defaultProgressLimits): Progress {
  const value = decodeCbor(message, what)
  if (!isPlainMap(value) || !isReadableVersion(value.version) || typeof value.wantsAll !== 'boolean') {
    throw malformed(what, 'it has another form')
  }
  const { sequence, wantsAll } = value
  if (!isBytes(value.model, digestBytes) || !isCount(sequence)) throw malformed(what, 'it names no model')
  const lacks = value.lacks === null ? null : unpackAll(value.lacks, limits)
  const got = unpackAll(value.got, limits)
  return { model: hexOf(value.model), sequence, lacks, got, asks: unpackAsks(value.asks, limits), wantsAll }
}

function packRanges({ blob, ranges }: ChunkRanges): [Uint8Array, readonly number[]] {
  return [digestOf(blob), ranges]
}

function unpackAll(value: unknown, limits: ProgressLimits): ChunkRanges[] {
  if (!Array.isArray(value) || value.length > limits.blobs) throw malformed(what, 'its blobs are no short list')
  let endCount = 0
  return value.map((one: unknown): ChunkRanges => {
    if (!Array.isArray(one) || one.length !== 2) throw malformed(what, 'a blob has another form')
    const [blob, ranges] = one as [unknown, unknown]
    if (!isBytes(blob, digestBytes) || !Array.isArray(ranges)) throw malformed(what, 'a blob has another form')
    endCount += ranges.length
    if (endCount > limits.ends || !isRising(ranges)) throw malformed(what, 'its ranges do not rise')
    return { blob: hexOf(blob), ranges }
  })
}

function isRising(ranges: readonly unknown[]): ranges is readonly number[] {
  return (
    ranges.length % 2 === 0 && ranges.every((end, at) => isCount(end) && (at === 0 || end > (ranges[at - 1] as number)))
  )
}

function unpackAsks(value: unknown, limits: ProgressLimits): ChunkAsk[] {
  if (!Array.isArray(value) || value.length > limits.asks) throw malformed(what, 'its requests are no short list')
  return value.map((one: unknown): ChunkAsk => {
    if (!Array.isArray(one) || one.length !== 3) throw malformed(what, 'a request has another form')
    const [blob, index, node] = one as [unknown, unknown, unknown]
    if (!isBytes(blob, digestBytes) || !isCount(index)) throw malformed(what, 'a request has another form')
    return { blob: hexOf(blob), index, node: node === null ? null : (unpackNodes(node)[0] ?? null) }
  })
}

function digestOf(hex: string): Uint8Array {
  return Buffer.from(hex, 'hex')
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}
