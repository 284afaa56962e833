/**
 * A binary heap in which keys may rise without the heap being told.
 *
 * The stored key of an entry is a lower bound of its present key. A hit, which only ever raises a key, therefore costs the heap
 * nothing; when the least entry is wanted, the root is brought up to date and sifted down until the root is up to date
 * already. Then no other entry can be less, since its lower bound is not. A key that falls must be told (`lowered`).
 *
 * Order: key, then tie, then model id; so it is total, and equal on every machine.
 */

import { assertInvariant, type ModelId } from '../../common/index.ts'
import { compareIds } from '../cost/cost.ts'

export interface HeapEntry {
  readonly model: ModelId
  /** Lower bound of the present key; the heap orders by it. */
  key: number
  /** Decides between equal keys; like the key it may only rise unannounced. */
  tie: number
  /** Where the heap keeps the entry; -1 when it is not in one. Written by the heap only. */
  position: number
}

/** Sets key and tie of an entry to their values at nowMs; true when that changed one of them. */
export type RefreshEntry<E extends HeapEntry> = (entry: E, nowMs: number) => boolean

export class LazyHeap<E extends HeapEntry> {
  private readonly entries: E[] = []
  private readonly refresh: RefreshEntry<E>

  constructor(refresh: RefreshEntry<E>) {
    this.refresh = refresh
  }

  get size(): number {
    return this.entries.length
  }

  push(entry: E): void {
    this.entries.push(entry)
    this.siftUp(entry, this.entries.length - 1)
  }

  /** The entry with the least present key, up to date, still in the heap. */
  min(nowMs: number): E | undefined {
    for (;;) {
      const root = this.entries[0]
      if (root === undefined || !this.refresh(root, nowMs)) return root
      this.siftDown(root, 0)
    }
  }

  remove(entry: E): void {
    const position = entry.position
    const last = this.entries.pop()
    assertInvariant(last !== undefined && position >= 0, `${entry.model} is not in the heap`)
    entry.position = -1
    if (last === entry) return
    if (isLess(last, entry)) this.siftUp(last, position)
    else this.siftDown(last, position)
  }

  /** The key of the entry has fallen. */
  lowered(entry: E): void {
    this.siftUp(entry, entry.position)
  }

  checkInvariants(): void {
    this.entries.forEach((entry, position) => {
      assertInvariant(entry.position === position, `${entry.model} is not where it says`)
      const parent = this.entries[(position - 1) >> 1]
      assertInvariant(
        position === 0 || (parent !== undefined && !isLess(entry, parent)),
        `${entry.model} is below its parent`,
      )
    })
  }

  private siftUp(entry: E, from: number): void {
    const { entries } = this
    let position = from
    while (position > 0) {
      const parentPosition = (position - 1) >> 1
      const parent = entries[parentPosition]!
      if (!isLess(entry, parent)) break
      entries[position] = parent
      parent.position = position
      position = parentPosition
    }
    entries[position] = entry
    entry.position = position
  }

  private siftDown(entry: E, from: number): void {
    const { entries } = this
    const count = entries.length
    let position = from
    for (;;) {
      let childPosition = 2 * position + 1
      if (childPosition >= count) break
      let child = entries[childPosition]!
      const rightPosition = childPosition + 1
      if (rightPosition < count && isLess(entries[rightPosition]!, child)) {
        childPosition = rightPosition
        child = entries[rightPosition]!
      }
      if (!isLess(child, entry)) break
      entries[position] = child
      child.position = position
      position = childPosition
    }
    entries[position] = entry
    entry.position = position
  }
}

function isLess(left: HeapEntry, right: HeapEntry): boolean {
  if (left.key !== right.key) return left.key < right.key
  if (left.tie !== right.tie) return left.tie < right.tie
  return compareIds(left.model, right.model) < 0
}
