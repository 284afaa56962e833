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

/** How many members come before this one as homes of the chunk. */
export function homeRank(chunkHash: number, key: string, members: readonly Member[]): number {
  const own = members.find((member) => member.key === key)
  if (own === undefined) return members.length
  const ownWeight = mix(chunkHash ^ own.keyHash)
  let rank = 0
  for (const member of members) {
    const weight = mix(chunkHash ^ member.keyHash)
    if (weight > ownWeight || (weight === ownWeight && member.key < key)) rank += 1
  }
  return rank
}

/** The first `count` as homes of the hash, for questions in which not all of a crowd need a part. */
export function firstHomes<M extends Member>(hash: number, members: readonly M[], count: number): readonly M[] {
  if (members.length <= count) return members
  const weighed = members.map((member) => ({ member, weight: mix(hash ^ member.keyHash) }))
  weighed.sort((a, b) => b.weight - a.weight || (a.member.key < b.member.key ? -1 : 1))
  return weighed.slice(0, count).map(({ member }) => member)
}

/** The finalizer of murmur3. */
function mix(word: number): number {
  let value = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return (value ^ (value >>> 16)) >>> 0
}
