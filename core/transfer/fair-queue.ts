/**
 * Requests for chunks that wait for a place on a connection: tenants share it by bytes and weight, in virtual time, and within a tenant its
 * blobs take turns. One that asks for a thousand chunks delays another by one chunk, not by a thousand.
 *
 * Every second place of a tenant goes to the blob that is needed first, where some are needed by a time; so the urgent overtake the others,
 * and these still move.
 */

export interface QueueKeys {
  readonly tenant: string
  readonly blob: string
  /** Absent: 1, for turns by requests. */
  readonly sizeBytes?: number
  /** When it is needed. Absent, or Infinity: at no certain time. */
  readonly dueMs?: number
}

interface Tenant<T> {
  /** Taken so far, over its weight. */
  virtualBytes: number
  /** In the order of their turns; none is empty. */
  readonly blobs: Map<string, Set<T>>
  isTurnOfUrgent: boolean
}

export class FairQueue<T extends QueueKeys> {
  private readonly weightOf: (tenant: string) => number
  /** None is empty. In the order of their turns. */
  private readonly tenants = new Map<string, Tenant<T>>()
  private virtualBytes = 0
  private count = 0

  constructor(weightOf: (tenant: string) => number = () => 1) {
    this.weightOf = weightOf
  }

  get length(): number {
    return this.count
  }

  push(item: T): void {
    // One that comes back has saved nothing while it wanted nothing.
    const { virtualBytes } = this
    const tenant = this.tenants.get(item.tenant) ?? { virtualBytes, blobs: new Map(), isTurnOfUrgent: true }
    this.tenants.set(item.tenant, tenant)
    const items = tenant.blobs.get(item.blob) ?? new Set<T>()
    tenant.blobs.set(item.blob, items)
    if (items.has(item)) return
    items.add(item)
    this.count += 1
  }

  /** The one whose turn it is; its tenant and its blob have theirs again after the others. */
  shift(): T | undefined {
    const name = this.nextTenant()
    if (name === null) return undefined
    const tenant = this.tenants.get(name)!
    const blob = this.nextBlob(tenant)
    const item = firstOf(tenant.blobs.get(blob)!)
    this.virtualBytes = tenant.virtualBytes
    tenant.virtualBytes += (item.sizeBytes ?? 1) / this.weightOf(name)
    this.delete(item)
    moveToEnd(tenant.blobs, blob)
    moveToEnd(this.tenants, name)
    return item
  }

  delete(item: T): boolean {
    const tenant = this.tenants.get(item.tenant)
    const items = tenant?.blobs.get(item.blob)
    if (tenant === undefined || items === undefined || !items.delete(item)) return false
    if (items.size === 0) tenant.blobs.delete(item.blob)
    if (tenant.blobs.size === 0) this.tenants.delete(item.tenant)
    this.count -= 1
    return true
  }

  /** Empties the queue. */
  takeAll(): T[] {
    const items = [...this.tenants.values()].flatMap(({ blobs }) => [...blobs.values()].flatMap((set) => [...set]))
    this.tenants.clear()
    this.count = 0
    return items
  }

  /** The one that has had least. */
  private nextTenant(): string | null {
    let next: string | null = null
    let leastBytes = Number.POSITIVE_INFINITY
    for (const [name, { virtualBytes }] of this.tenants) {
      if (virtualBytes >= leastBytes) continue
      next = name
      leastBytes = virtualBytes
    }
    return next
  }

  private nextBlob(tenant: Tenant<T>): string {
    const { blobs, isTurnOfUrgent } = tenant
    const urgent = isTurnOfUrgent ? mostUrgent(blobs) : null
    tenant.isTurnOfUrgent = urgent === null
    return urgent ?? firstOf(blobs.keys())
  }
}

/** Null where nothing is needed by a time. */
function mostUrgent<T extends QueueKeys>(blobs: ReadonlyMap<string, ReadonlySet<T>>): string | null {
  let most: string | null = null
  let leastMs = Number.POSITIVE_INFINITY
  for (const [blob, items] of blobs) {
    const dueMs = firstOf(items).dueMs ?? Number.POSITIVE_INFINITY
    if (dueMs >= leastMs) continue
    most = blob
    leastMs = dueMs
  }
  return most
}

function firstOf<V>(values: Iterable<V>): V {
  for (const value of values) return value
  throw new Error('it is not empty')
}

function moveToEnd<V>(map: Map<string, V>, key: string): void {
  const value = map.get(key)
  if (value === undefined) return
  map.delete(key)
  map.set(key, value)
}
