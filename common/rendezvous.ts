/**
 * Rendezvous hashing (Thaler and Ravishankar, "A Name-Based Mapping Scheme for Rendezvous", 1996): every node that knows the same
 * nodes ranks them alike for a key, without a word between them, and a node that comes or goes changes only its own places.
 *
 * Texts are hashed once; a weight is then a few integer operations.
 */

/** FNV-1a, 32 bits: the same on every node and machine. */
export function hashText(text: string): number {
  let value = 0x811c9dc5
  for (let at = 0; at < text.length; at += 1) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193)
  return value >>> 0
}

/** A 32-bit weight of a pair, independent of that of any other pair. */
export function pairWeight(keyHash: number, nodeHash: number): number {
  return mix(Math.imul(keyHash, 0x9e3779b1) ^ nodeHash)
}

/**
 * The score of a node of some capacity for a key: of several nodes, each has the highest with a chance in proportion to its
 * capacity (Schindler and Schomaker, "Weighted distributed hash tables", 2005).
 */
export function weightedScore(keyHash: number, nodeHash: number, capacity: number): number {
  return capacity / -Math.log((pairWeight(keyHash, nodeHash) + 0.5) / 2 ** 32)
}

/** The finalizer of murmur3. */
function mix(word: number): number {
  let value = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return (value ^ (value >>> 16)) >>> 0
}
