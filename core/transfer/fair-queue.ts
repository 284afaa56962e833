/**
 * Requests for chunks that wait for a place on a connection: tenants take turns, and within a tenant its blobs do. One that asks for a
 * thousand chunks delays another by one chunk, not by a thousand.
 */

export interface QueueKeys {
  readonly tenant: string
  readonly blob: string
}

export class FairQueue<T extends QueueKeys> {
  /** In the order of their turns; none is empty. */
  private readonly tenants = new Map<string, Map<string, Set<T>>>()
  private count = 0

  get length(): number {
    return this.count
  }

  push(item: T): void {
    const blobs = this.tenants.get(item.tenant) ?? new Map<string, Set<T>>()
    this.tenants.set(item.tenant, blobs)
    const items = blobs.get(item.blob) ?? new Set<T>()
    blobs.set(item.blob, items)
    if (items.has(item)) return
    items.add(item)
    this.count += 1
  }

  /** The one whose turn it is; its tenant and its blob have theirs again after the others. */
  shift(): T | undefined {
    for (const [tenant, blobs] of this.tenants) {
      for (const [blob, items] of blobs) {
        for (const item of items) {
          this.delete(item)
          moveToEnd(blobs, blob)
          moveToEnd(this.tenants, tenant)
          return item
        }
      }
    }
    return undefined
  }

  delete(item: T): boolean {
    const blobs = this.tenants.get(item.tenant)
    const items = blobs?.get(item.blob)
    if (blobs === undefined || items === undefined || !items.delete(item)) return false
    if (items.size === 0) blobs.delete(item.blob)
    if (blobs.size === 0) this.tenants.delete(item.tenant)
    this.count -= 1
    return true
  }

  /** Empties the queue. */
  takeAll(): T[] {
    const items = [...this.tenants.values()].flatMap((blobs) => [...blobs.values()].flatMap((set) => [...set]))
    this.tenants.clear()
    this.count = 0
    return items
  }
}

function moveToEnd<V>(map: Map<string, V>, key: string): void {
  const value = map.get(key)
  if (value === undefined) return
  map.delete(key)
  map.set(key, value)
}
