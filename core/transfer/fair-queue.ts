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

/** Tenants without requests whose use is remembered; the one that was served longest ago is forgotten first. */
const restingMax = 1_024

interface Tenant<T> {
  /** Taken so far, over its weight. */
  virtualBytes: number
  /** In the order of their turns; none is empty. Nothing waits of a tenant that rests. */
  readonly blobs: Map<string, Set<T>>
  isTurnOfUrgent: boolean
}

export class FairQueue<T extends QueueKeys> {
  private readonly weightOf: (tenant: string) => number
  /** In the order of their turns. One that rests is kept until the others have had as much: it may have one request at a time. */
  private readonly tenants = new Map<string, Tenant<T>>()
  private virtualBytes = 0
  private count = 0

  constructor(weightOf: (tenant: string) => number = () => 1) {
    this.weightOf = weightOf
  }

  get length(): number {
    return this.count
  }

  /** Tenants with requests, and resting ones that are remembered. */
  get tenantCount(): number {
    return this.tenants.size
  }

  push(item: T): void {
    const { virtualBytes } = this
    const tenant = this.tenants.get(item.tenant) ?? { virtualBytes, blobs: new Map(), isTurnOfUrgent: true }
    // A tenant earns nothing while it rests.
    if (tenant.blobs.size === 0) tenant.virtualBytes = Math.max(tenant.virtualBytes, virtualBytes)
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
    this.forgetResting()
    return item
  }

  delete(item: T): boolean {
    const tenant = this.tenants.get(item.tenant)
    const items = tenant?.blobs.get(item.blob)
    if (tenant === undefined || items === undefined || !items.delete(item)) return false
    if (items.size === 0) tenant.blobs.delete(item.blob)
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
    for (const [name, { virtualBytes, blobs }] of this.tenants) {
      if (blobs.size === 0 || virtualBytes >= leastBytes) continue
      next = name
      leastBytes = virtualBytes
    }
    return next
  }

  private forgetResting(): void {
    const resting = [...this.tenants].filter(([, { blobs }]) => blobs.size === 0)
    const tooMany = resting.length - restingMax
    for (const [at, [name, { virtualBytes }]] of resting.entries()) {
      if (at < tooMany || virtualBytes <= this.virtualBytes) this.tenants.delete(name)
    }
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
