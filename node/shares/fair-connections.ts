/**
 * Decides which connection gives way when there are too many. A newcomer always gets in: among handshakes an honest one is through long
 * before it is the oldest, and one that waits silently is not.
 *
 * An owner, which is an address or a peer, has its share, beyond which it displaces its own connections. When all shares together are too
 * many, owners that are not known give way first, of these the one with the most connections. Of an owner, connections that have said
 * nothing go first, the oldest before the others.
 */
export interface ConnectionShares {
  /** Connections of all owners together. */
  readonly connectionsMax: number
  /** Of one owner, such as the address of a router with a rack of nodes behind it. */
  readonly perOwnerMax: number
}

interface Place {
  readonly owner: string
  hasSpoken: boolean
}

/** Owners that are remembered as known. */
const knownMax = 4_096

export class FairConnections<T> {
  private readonly shares: ConnectionShares
  private readonly giveWay: (connection: T) => void
  /** In the order in which they came. */
  private readonly places = new Map<T, Place>()
  private readonly byOwner = new Map<string, number>()
  private readonly known = new Set<string>()

  /** @param giveWay ends the connection, which is out already. */
  constructor(shares: ConnectionShares, giveWay: (connection: T) => void) {
    this.shares = shares
    this.giveWay = giveWay
  }

  get count(): number {
    return this.places.size
  }

  /** Idempotent. */
  enter(connection: T, owner: string): void {
    if (this.places.has(connection)) return
    if (this.countOf(owner) >= this.shares.perOwnerMax) this.displace(owner)
    else if (this.places.size >= this.shares.connectionsMax) this.displace(this.largest())
    this.places.set(connection, { owner, hasSpoken: false })
    this.byOwner.set(owner, this.countOf(owner) + 1)
  }

  /** It goes on with what it came for. */
  spoke(connection: T): void {
    const place = this.places.get(connection)
    if (place !== undefined) place.hasSpoken = true
  }

  /** It is through, and its owner is known from now on. True when it had a place. */
  passed(connection: T): boolean {
    const owner = this.places.get(connection)?.owner
    if (owner === undefined) return false
    this.leave(connection)
    this.known.delete(owner)
    this.known.add(owner)
    if (this.known.size > knownMax) this.known.delete(this.known.values().next().value!)
    return true
  }

  /** True when it had a place. */
  leave(connection: T): boolean {
    const place = this.places.get(connection)
    if (place === undefined) return false
    this.places.delete(connection)
    const count = this.countOf(place.owner) - 1
    if (count === 0) this.byOwner.delete(place.owner)
    else this.byOwner.set(place.owner, count)
    return true
  }

  private displace(owner: string): void {
    let victim: T | null = null
    for (const [connection, place] of this.places) {
      if (place.owner !== owner) continue
      if (!place.hasSpoken) {
        victim = connection
        break
      }
      victim ??= connection
    }
    if (victim === null) return
    this.leave(victim)
    this.giveWay(victim)
  }

  private largest(): string {
    const all = [...this.byOwner]
    const strangers = all.filter(([owner]) => !this.known.has(owner))
    const [owner] = (strangers.length > 0 ? strangers : all).reduce((a, b) => (b[1] > a[1] ? b : a))
    return owner
  }

  private countOf(owner: string): number {
    return this.byOwner.get(owner) ?? 0
  }
}
