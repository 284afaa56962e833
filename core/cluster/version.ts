/** The order of entries: epoch first (it rises with every start of a node), then sequence. Last writer wins. */
import { type EntryKind, entryKinds } from '../events.ts'

export interface Version {
  readonly epoch: number
  readonly sequence: number
}

export function compareVersions(a: Version, b: Version): number {
  return a.epoch - b.epoch || a.sequence - b.sequence
}

/** Groups of nodes that are summed together; a node's group is the remainder of its id's hash. Part of the protocol. */
export const sumCount = 256

export const kindNumbers = Object.fromEntries(entryKinds.map((kind, at) => [kind, at])) as Record<EntryKind, number>

const twoTo32 = 0x1_0000_0000

/**
 * 32 bits for one version of one entry: what the sums of ledgers are made of. `nodeHash` is the hash of the node's id, and the number
 * of a kind its position in `entryKinds`; both, and this function, are part of the protocol.
 */
export function versionHash(nodeHash: number, kind: EntryKind, version: Version): number {
  let hash = mix(nodeHash + Math.imul(kindNumbers[kind] + 1, 0x9e3779b1))
  hash = mix(hash ^ (version.epoch | 0) ^ Math.imul((version.epoch / twoTo32) | 0, 0x85ebca6b))
  return mix(hash ^ (version.sequence | 0) ^ Math.imul((version.sequence / twoTo32) | 0, 0xc2b2ae35))
}

/** The finalizer of murmur3, its steps started from a constant so that zero is not kept. */
function mix(word: number): number {
  let value = (word ^ 0x5bd1e995) | 0
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return value ^ (value >>> 16)
}
