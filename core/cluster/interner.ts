/**
 * Dense indices for node ids, so that a ledger is an array and not a map of strings.
 *
 * One interner may serve all nodes of one process: in the simulator ten thousand ledgers share the ids and their sorted order.
 * Indices are given in order of first sight and never taken back; they are local to the process and never travel.
 */

import { assertInvariant, type NodeId } from '../../common/index.ts'
import { hashText } from '../transfer/chunk-home.ts'
import { compareIds } from './order.ts'

export { compareIds, indexOfSorted } from './order.ts'

export class Interner {
  private readonly indexById = new Map<NodeId, number>()
  private readonly ids: NodeId[] = []
  private readonly hashes: number[] = []
  private sorted: Sorted | null = null
  // A message comes to one ledger after another, and each looks for the same id several times.
  private lastId: NodeId | null = null
  private lastIndex = 0
  private readonly groups: { count: number; seen: number; members: number[][] } = { count: 0, seen: 0, members: [] }

  get count(): number {
    return this.ids.length
  }

  index(id: NodeId): number {
    const known = this.lookup(id)
    if (known !== undefined) return known
    const index = this.ids.length
    this.indexById.set(id, index)
    this.ids.push(id)
    this.hashes.push(hashText(id))
    this.sorted = null
    return index
  }

  /** Undefined for an id never interned; asking does not intern it. */
  lookup(id: NodeId): number | undefined {
    if (id === this.lastId) return this.lastIndex
    const index = this.indexById.get(id)
    if (index !== undefined) {
      this.lastId = id
      this.lastIndex = index
    }
    return index
  }

  id(index: number): NodeId {
    const id = this.ids[index]
    assertInvariant(id !== undefined, `node index ${index} was never given`)
    return id
  }

  /** The same for an id in every process. */
  hash(index: number): number {
    return this.hashes[index]!
  }

  /** Those whose hash leaves this remainder (nobody where it is none), in the order in which they were given. */
  inGroup(group: number, groupCount: number): readonly number[] {
    const groups = this.groups
    if (groups.count !== groupCount) {
      groups.count = groupCount
      groups.seen = 0
      groups.members = Array.from({ length: groupCount }, () => [])
    }
    for (; groups.seen < this.ids.length; groups.seen += 1) {
      groups.members[this.hashes[groups.seen]! % groupCount]!.push(groups.seen)
    }
    return groups.members[group] ?? nobody
  }

  /** All indices in the order of their ids. Rebuilt only when an id was added since. */
  inOrder(): readonly number[] {
    return (this.sorted ?? this.sort()).order
  }

  /** The place of the index in that order: comparing two of them is comparing the ids. */
  rank(index: number): number {
    return (this.sorted ?? this.sort()).ranks[index]!
  }

  private sort(): Sorted {
    const order = this.ids.map((_, index) => index).sort((a, b) => compareIds(this.id(a), this.id(b)))
    const ranks = new Uint32Array(order.length)
    for (const [rank, index] of order.entries()) ranks[index] = rank
    this.sorted = { order, ranks }
    return this.sorted
  }
}

const nobody: readonly number[] = []

interface Sorted {
  readonly order: readonly number[]
  readonly ranks: Uint32Array
}
