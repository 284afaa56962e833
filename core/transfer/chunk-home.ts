/**
 * Rendezvous hashing (Thaler and Ravishankar, "A Name-Based Mapping Scheme for Rendezvous", 1996): every node that knows the
 * same members names the same one as the home of a chunk, and a member that comes or goes moves only its own chunks.
 *
 * Ids and digests are hashed once; a weight is then a few integer operations, since every step of a fetch asks for many.
 */
export { hashText } from '../../common/index.ts'

export interface Member {
  readonly key: string
  readonly keyHash: number
}

export function homeOf(chunkHash: number, members: readonly Member[]): string {
  let home = ''
  let highest = -1
  for (const { key, keyHash } of members) {
    const weight = mix(chunkHash ^ keyHash)
    if (weight > highest || (weight === highest && key < home)) {
      highest = weight
      home = key
    }
  }
  return home
}

/** The finalizer of murmur3. */
function mix(word: number): number {
  let value = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return (value ^ (value >>> 16)) >>> 0
}
