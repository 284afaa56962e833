/**
 * What lies in the tiers of one simulated node, blob by blob, as the native store of a daemon keeps it: room is reserved before bytes
 * come, and counts at once; no tier takes more than its limit.
 */
import { assertInvariant, type BlobId, byTier, type LocalTier, localTiers } from '../../common/index.ts'
import type { BlobPlaces, BlobRef } from '../../core/index.ts'

interface StoredBlob extends BlobPlaces {
  readonly sizeBytes: number
  readonly isIn: Record<LocalTier, boolean>
  /** Reserved, and the bytes are not all there yet. */
  readonly isComing: Record<LocalTier, boolean>
}

export class SimTier {
  readonly limitBytes: number
  usedBytes = 0

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes
  }

  get freeBytes(): number {
    return this.limitBytes - this.usedBytes
  }
}

export class SimStore {
  readonly tiers: Readonly<Record<LocalTier, SimTier>>
  private readonly blobs = new Map<BlobId, StoredBlob>()
  /** Bytes on disk of interrupted fetches, the oldest first: for the next try, and given up when others need the room. */
  private readonly parts = new Map<BlobId, number>()
  private readonly onGivenUp: (id: BlobId) => void

  constructor(limitBytes: Readonly<Record<LocalTier, number>>, onGivenUp: (id: BlobId) => void = () => {}) {
    this.tiers = byTier((tier) => new SimTier(limitBytes[tier]))
    this.onGivenUp = onGivenUp
  }

  blob(id: BlobId): BlobPlaces | null {
    return this.blobs.get(id) ?? null
  }

  isIn(id: BlobId, tier: LocalTier): boolean {
    return this.blobs.get(id)?.isIn[tier] === true
  }

  isHeld(id: BlobId): boolean {
    const blob = this.blobs.get(id)
    return blob !== undefined && localTiers.some((tier) => blob.isIn[tier])
  }

  /** What an interrupted fetch left of it is on the disk. */
  hasPart(id: BlobId): boolean {
    return this.parts.has(id)
  }

  /** Takes the room of all of them, or none. What is left of them on the disk is taken over. */
  reserve(refs: readonly BlobRef[], tier: LocalTier): boolean {
    let neededBytes = 0
    for (const { id, sizeBytes } of refs) if (!this.occupies(id, tier)) neededBytes += sizeBytes
    if (tier === 'disk' && this.parts.size > 0) this.makeRoom(refs, neededBytes)
    if (neededBytes > this.tiers[tier].freeBytes) return false
    this.tiers[tier].usedBytes += neededBytes
    for (const ref of refs) if (!this.occupies(ref.id, tier)) this.known(ref).isComing[tier] = true
    return true
  }

  /** The bytes of what was reserved are here. */
  settle(refs: readonly BlobRef[]): void {
    for (const { id } of refs) {
      const blob = this.blobs.get(id)
      assertInvariant(blob !== undefined, 'room is reserved before it is filled')
      for (const tier of localTiers) {
        blob.isIn[tier] ||= blob.isComing[tier]
        blob.isComing[tier] = false
      }
    }
  }

  /** The bytes of what was reserved will not come now. What came to the disk stays. */
  interrupt(refs: readonly BlobRef[]): void {
    for (const { id } of refs) {
      for (const tier of localTiers) if (this.blobs.get(id)?.isComing[tier] === true) this.stop(id, tier)
    }
  }

  drop(id: BlobId, tier: LocalTier): void {
    if (this.isIn(id, tier)) this.free(id, tier)
  }

  /** Power is lost. What lies on a disk stays. */
  crash(): void {
    for (const [id, blob] of this.blobs) {
      for (const tier of localTiers) {
        if (blob.isComing[tier]) this.stop(id, tier)
        else if (tier !== 'disk' && blob.isIn[tier]) this.free(id, tier)
      }
    }
  }

  checkInvariants(): void {
    for (const tier of localTiers) {
      let bytes = 0
      for (const [id, { sizeBytes }] of this.blobs) if (this.occupies(id, tier)) bytes += sizeBytes
      if (tier === 'disk') for (const partBytes of this.parts.values()) bytes += partBytes
      const { usedBytes } = this.tiers[tier]
      assertInvariant(bytes === usedBytes, `the ${tier} tier has ${bytes} bytes, not ${usedBytes}`)
    }
  }

  private occupies(id: BlobId, tier: LocalTier): boolean {
    const blob = this.blobs.get(id)
    return blob !== undefined && (blob.isIn[tier] || blob.isComing[tier])
  }

  private known({ id, sizeBytes }: BlobRef): StoredBlob {
    const known = this.blobs.get(id)
    if (known !== undefined) return known
    const blob = { sizeBytes, isIn: byTier(() => false), isComing: byTier(() => false) }
    this.blobs.set(id, blob)
    return blob
  }

  private stop(id: BlobId, tier: LocalTier): void {
    const { sizeBytes } = this.blobs.get(id)!
    this.free(id, tier)
    if (tier !== 'disk') return
    this.parts.set(id, sizeBytes)
    this.tiers.disk.usedBytes += sizeBytes
  }

  /**
   * Gives up parts, oldest first, until the bytes fit. When they never will, only parts of the wanted blobs go: they are of no use alone.
   */
  private makeRoom(refs: readonly BlobRef[], neededBytes: number): void {
    const { disk } = this.tiers
    const own = refs.filter(({ id }) => this.parts.has(id))
    for (const { id } of own) this.removePart(id)
    let hiddenBytes = 0
    for (const partBytes of this.parts.values()) hiddenBytes += partBytes
    if (neededBytes > disk.freeBytes + hiddenBytes) {
      for (const { id } of own) this.onGivenUp(id)
      return
    }
    for (const id of this.parts.keys()) {
      if (neededBytes <= disk.freeBytes) return
      this.removePart(id)
      this.onGivenUp(id)
    }
  }

  private removePart(id: BlobId): void {
    this.tiers.disk.usedBytes -= this.parts.get(id)!
    this.parts.delete(id)
  }

  private free(id: BlobId, tier: LocalTier): void {
    const blob = this.blobs.get(id)!
    blob.isIn[tier] = blob.isComing[tier] = false
    this.tiers[tier].usedBytes -= blob.sizeBytes
    if (!localTiers.some((one) => this.occupies(id, one))) this.blobs.delete(id)
  }
}
