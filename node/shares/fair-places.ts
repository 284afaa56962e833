/**
 * Places of work that is under way, shared by owners: nobody takes those of the others. When all places are taken, an owner with few of
 * them still gets one, so that an honest one is served whatever others hold.
 */
export interface PlaceShares {
  /** Of all owners together, but for what perOwnerMin gives. */
  readonly placesMax: number
  readonly perOwnerMax: number
  /** Places that an owner always has, also when the others have all. */
  readonly perOwnerMin: number
}

export class FairPlaces {
  private readonly shares: PlaceShares
  private readonly byOwner = new Map<string, number>()
  private taken = 0

  constructor(shares: PlaceShares) {
    this.shares = shares
  }

  /** Null when the owner has a place now, which it has to leave; else how many there are of the places that are all taken. */
  enter(owner: string): number | null {
    const { placesMax, perOwnerMax, perOwnerMin } = this.shares
    const own = this.byOwner.get(owner) ?? 0
    if (own >= perOwnerMax) return perOwnerMax
    if (this.taken >= placesMax && own >= Math.min(perOwnerMin, placesMax)) return placesMax
    this.byOwner.set(owner, own + 1)
    this.taken += 1
    return null
  }

  leave(owner: string): void {
    const own = this.byOwner.get(owner) ?? 0
    if (own === 0) return
    this.taken -= 1
    if (own === 1) this.byOwner.delete(owner)
    else this.byOwner.set(owner, own - 1)
  }
}
