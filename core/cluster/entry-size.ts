/**
 * How many bytes an entry or a version summary takes on the wire: the encodings of node/net, counted without encoding. The simulator has
 * no envelopes, and what it says of gossip is to be true of the network. test/node/net/entry-size.test.ts compares.
 */
import type { Entry, SignedEntry, SummaryItem, SummaryRange } from '../events.ts'
import type { IdPacker } from './entry-field.ts'
import { encodeBody } from './entry-format.ts'

/** An envelope, in a batch of one. */
export function entryBytes(entry: Entry): number {
  const body = 1 + keyBytes('kind', textBytes(entry.kind)) + keyBytes('node', stringBytes(publicKeyBytes))
  const version = keyBytes('epoch', headBytes(entry.epoch)) + keyBytes('sequence', headBytes(entry.sequence))
  const signed = body + version + keyBytes('body', valueBytes(encodeBody(entry, countedIds)))
  const envelope = 2 + stringBytes(signed) + stringBytes(signatureBytes)
  return 3 + stringBytes(envelope)
}

/** A batch: what one 'send-entries' sends. */
export function entriesBytes(entries: readonly SignedEntry[]): number {
  let bytes = 2 + headBytes(entries.length)
  for (const { entry, envelope } of entries)
    bytes += envelope === null ? entryBytes(entry) - 3 : stringBytes(envelope.byteLength)
  return bytes
}

export function summaryBytes(summary: {
  readonly items: readonly SummaryItem[]
  readonly range?: SummaryRange
  readonly groups?: readonly number[]
  readonly sums?: readonly number[]
}): number {
  const { items, range, groups, sums } = summary
  let nodeCount = 0
  let versionsBytes = 0
  for (let at = 0; at < items.length; at += 1) {
    if (groups === undefined || at === 0 || items[at]!.node !== items[at - 1]!.node) nodeCount += 1
    versionsBytes += headBytes(items[at]!.epoch) + headBytes(items[at]!.sequence)
  }
  const columns =
    keyBytes('nodes', stringBytes(nodeCount * publicKeyBytes)) +
    keyBytes('kinds', stringBytes(nodeCount)) +
    keyBytes('epochs', headBytes(items.length)) +
    keyBytes('sequences', headBytes(items.length))
  return (
    1 +
    keyBytes('version', 1) +
    keyBytes('wantsDigest', 1) +
    columns +
    versionsBytes +
    (range === undefined ? 0 : keyBytes('range', 1 + endBytes(range.after) + endBytes(range.through))) +
    (groups === undefined ? 0 : keyBytes('groups', stringBytes(groups.length))) +
    (sums === undefined ? 0 : keyBytes('sums', stringBytes(4 * sums.length)))
  )
}

const publicKeyBytes = 32
const signatureBytes = 64
const digestBytesEach = 32

/** Ids take their room, whatever they are. */
const countedIds: IdPacker = {
  packNodes: (nodes) => new Uint8Array(nodes.length * publicKeyBytes),
  packDigests: (digests) => new Uint8Array(digests.length * digestBytesEach),
  unpackNodes: () => [],
  unpackDigests: () => [],
}

/** Of whatever fields there are. */
function valueBytes(value: unknown): number {
  if (typeof value === 'number') return numberBytes(value)
  if (typeof value === 'string') return textBytes(value)
  if (typeof value !== 'object' || value === null) return 1
  if (value instanceof Uint8Array) return stringBytes(value.byteLength)
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + valueBytes(item), headBytes(value.length))
  let bytes = 0
  let count = 0
  for (const [key, item] of Object.entries(value)) {
    if (item === undefined) continue
    bytes += keyBytes(key, valueBytes(item))
    count += 1
  }
  return bytes + headBytes(count)
}

/** The shortest form that keeps the value: a count, or a float of 16, 32 or 64 bits; of 16 bits are hardly any. */
function numberBytes(value: number): number {
  if (Number.isSafeInteger(value)) return headBytes(Math.abs(value))
  return Math.fround(value) === value ? 5 : 9
}

function keyBytes(key: string, valueLength: number): number {
  return textBytes(key) + valueLength
}

/** Characters outside ASCII take more, and are rare. */
function textBytes(text: string): number {
  return stringBytes(text.length)
}

function stringBytes(length: number): number {
  return headBytes(length) + length
}

function endBytes(end: string | null): number {
  return end === null ? 1 : stringBytes(publicKeyBytes)
}

function headBytes(count: number): number {
  return count < 24 ? 1 : count < 256 ? 2 : count < 65_536 ? 3 : count < 4_294_967_296 ? 5 : 9
}
