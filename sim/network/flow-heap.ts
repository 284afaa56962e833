/** Flows by the time at which their first transfer ends; a flow knows its place, so that a new time moves it. */
import { assertInvariant } from '../../common/index.ts'

interface Timed {
  endMs: number
  heapPlace: number
  /** At equal times by ends, never by luck. */
  readonly from: number
  readonly to: number
}

export class FlowHeap<T extends Timed> {
  private readonly items: T[] = []

  get size(): number {
    return this.items.length
  }

  get first(): T | null {
    return this.items[0] ?? null
  }

  push(item: T): void {
    item.heapPlace = this.items.length
    this.items.push(item)
    this.rise(item.heapPlace)
  }

  moved(item: T): void {
    this.rise(item.heapPlace)
    this.sink(item.heapPlace)
  }

  remove(item: T): void {
    const place = item.heapPlace
    const last = this.items.pop()!
    item.heapPlace = -1
    if (last === item) return
    this.items[place] = last
    last.heapPlace = place
    this.moved(last)
  }

  checkInvariants(): void {
    this.items.forEach((item, place) => {
      assertInvariant(item.heapPlace === place, 'a flow knows its place')
      const parent = this.items[(place - 1) >>> 1]
      assertInvariant(place === 0 || !isBefore(item, parent!), 'no flow ends before its parent')
    })
  }

  private rise(from: number): void {
    for (let at = from; at > 0; ) {
      const parent = (at - 1) >>> 1
      if (!isBefore(this.items[at]!, this.items[parent]!)) return
      this.swap(at, parent)
      at = parent
    }
  }

  private sink(from: number): void {
    const { items } = this
    for (let at = from; ; ) {
      let least = at
      const left = 2 * at + 1
      if (left < items.length && isBefore(items[left]!, items[least]!)) least = left
      if (left + 1 < items.length && isBefore(items[left + 1]!, items[least]!)) least = left + 1
      if (least === at) return
      this.swap(at, least)
      at = least
    }
  }

  private swap(a: number, b: number): void {
    const held = this.items[a]!
    this.items[a] = this.items[b]!
    this.items[b] = held
    this.items[a]!.heapPlace = a
    this.items[b]!.heapPlace = b
  }
}

function isBefore(a: Timed, b: Timed): boolean {
  if (a.endMs !== b.endMs) return a.endMs < b.endMs
  return a.from < b.from || (a.from === b.from && a.to < b.to)
}
