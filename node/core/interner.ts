/**
 * Dense indices for node ids, so that a ledger is an array and not a map of strings.
 *
 * One interner serves all nodes of one process: in the simulator ten thousand ledgers share the ids and their sorted order.
 * Indices are given in order of first sight and never taken back; they are local to the process and never travel.
 */
import { assertInvariant } from '../../placement/errors.ts'
import type { NodeId } from '../../placement/types.ts'

export class Interner {
  private readonly indexById = new Map<NodeId, number>()
  private readonly ids: NodeId[] = []
  private sorted: number[] | null = null

  get count(): number {
    return this.ids.length
  }

  index(id: NodeId): number {
    const known = this.indexById.get(id)
    if (known !== undefined) return known
    const index = this.ids.length
    this.indexById.set(id, index)
    this.ids.push(id)
    this.sorted = null
    return index
  }

  /** Undefined for an id never interned; asking does not intern it. */
  lookup(id: NodeId): number | undefined {
    return this.indexById.get(id)
  }

  id(index: number): NodeId {
    const id = this.ids[index]
    assertInvariant(id !== undefined, `node index ${index} was never given`)
    return id
  }

  /** All indices in the order of their ids. Rebuilt only when an id was added since. */
  inOrder(): readonly number[] {
    this.sorted ??= this.ids.map((_, index) => index).sort((a, b) => compareIds(this.id(a), this.id(b)))
    return this.sorted
  }
}

/** Code-unit order: the one order of ids and digests everywhere, independent of locale. */
export function compareIds(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Index of the item with this key in a list sorted by key, or -1. */
export function indexOfSorted<T>(items: readonly T[], key: string, keyOf: (item: T) => string): number {
  let low = 0
  let high = items.length - 1
  while (low <= high) {
    const middle = (low + high) >>> 1
    const order = compareIds(keyOf(items[middle]!), key)
    if (order === 0) return middle
    if (order < 0) low = middle + 1
    else high = middle - 1
  }
  return -1
}
