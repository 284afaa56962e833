/**
 * What lies in the tiers of one simulated node, blob by blob, as the native store of a daemon keeps it: room is reserved before bytes
 * come, and counts at once; no tier takes more than its limit.
 */
import { assertInvariant, byTier, type LocalTier, localTiers, type Sha256 } from '../../common/index.ts'
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
  private readonly blobs = new Map<Sha256, StoredBlob>()
  /** Bytes on disk of interrupted fetches, the oldest first: for the next try, and given up when others need the room. */
  private readonly parts = new Map<Sha256, number>()
  private readonly onGivenUp: (sha256: Sha256) => void

  constructor(limitBytes: Readonly<Record<LocalTier, number>>, onGivenUp: (sha256: Sha256) => void = () => {}) {
    this.tiers = byTier((tier) => new SimTier(limitBytes[tier]))
    this.onGivenUp = onGivenUp
  }

  blob(sha256: Sha256): BlobPlaces | null {
    return this.blobs.get(sha256) ?? null
  }

  isIn(sha256: Sha256, tier: LocalTier): boolean {
    return this.blobs.get(sha256)?.isIn[tier] === true
  }

  isHeld(sha256: Sha256): boolean {
    const blob = this.blobs.get(sha256)
    return blob !== undefined && localTiers.some((tier) => blob.isIn[tier])
  }

  /** What an interrupted fetch left of it is on the disk. */
  hasPart(sha256: Sha256): boolean {
    return this.parts.has(sha256)
  }

  /** Takes the room of all of them, or none. What is left of them on the disk is taken over. */
  reserve(refs: readonly BlobRef[], tier: LocalTier): boolean {
    let neededBytes = 0
    for (const { sha256, sizeBytes } of refs) if (!this.occupies(sha256, tier)) neededBytes += sizeBytes
    if (tier === 'disk' && this.parts.size > 0) this.makeRoom(refs, neededBytes)
    if (neededBytes > this.tiers[tier].freeBytes) return false
    this.tiers[tier].usedBytes += neededBytes
    for (const ref of refs) if (!this.occupies(ref.sha256, tier)) this.known(ref).isComing[tier] = true
    return true
  }

  /** The bytes of what was reserved are here. */
  settle(refs: readonly BlobRef[]): void {
    for (const { sha256 } of refs) {
      const blob = this.blobs.get(sha256)
      assertInvariant(blob !== undefined, 'room is reserved before it is filled')
      for (const tier of localTiers) {
        blob.isIn[tier] ||= blob.isComing[tier]
        blob.isComing[tier] = false
      }
    }
  }

  /** The bytes of what was reserved will not come now. What came to the disk stays. */
  interrupt(refs: readonly BlobRef[]): void {
    for (const { sha256 } of refs) {
      for (const tier of localTiers) if (this.blobs.get(sha256)?.isComing[tier] === true) this.stop(sha256, tier)
    }
  }

  drop(sha256: Sha256, tier: LocalTier): void {
    if (this.isIn(sha256, tier)) this.free(sha256, tier)
  }

  /** Power is lost. What lies on a disk stays. */
  crash(): void {
    for (const [sha256, blob] of this.blobs) {
      for (const tier of localTiers) {
        if (blob.isComing[tier]) this.stop(sha256, tier)
        else if (tier !== 'disk' && blob.isIn[tier]) this.free(sha256, tier)
      }
    }
  }

  checkInvariants(): void {
    for (const tier of localTiers) {
      let bytes = 0
      for (const [sha256, { sizeBytes }] of this.blobs) if (this.occupies(sha256, tier)) bytes += sizeBytes
      if (tier === 'disk') for (const partBytes of this.parts.values()) bytes += partBytes
      const { usedBytes } = this.tiers[tier]
      assertInvariant(bytes === usedBytes, `the ${tier} tier has ${bytes} bytes, not ${usedBytes}`)
    }
  }

  private occupies(sha256: Sha256, tier: LocalTier): boolean {
    const blob = this.blobs.get(sha256)
    return blob !== undefined && (blob.isIn[tier] || blob.isComing[tier])
  }

  private known({ sha256, sizeBytes }: BlobRef): StoredBlob {
    const known = this.blobs.get(sha256)
    if (known !== undefined) return known
    const blob = { sizeBytes, isIn: byTier(() => false), isComing: byTier(() => false) }
    this.blobs.set(sha256, blob)
    return blob
  }

  private stop(sha256: Sha256, tier: LocalTier): void {
    const { sizeBytes } = this.blobs.get(sha256)!
    this.free(sha256, tier)
    if (tier !== 'disk') return
    this.parts.set(sha256, sizeBytes)
    this.tiers.disk.usedBytes += sizeBytes
  }

  /**
   * Gives up parts, oldest first, until the bytes fit. When they never will, only parts of the wanted blobs go: they are of no use alone.
   */
  private makeRoom(refs: readonly BlobRef[], neededBytes: number): void {
    const { disk } = this.tiers
    const own = refs.filter(({ sha256 }) => this.parts.has(sha256))
    for (const { sha256 } of own) this.removePart(sha256)
    let hiddenBytes = 0
    for (const partBytes of this.parts.values()) hiddenBytes += partBytes
    if (neededBytes > disk.freeBytes + hiddenBytes) {
      for (const { sha256 } of own) this.onGivenUp(sha256)
      return
    }
    for (const sha256 of this.parts.keys()) {
      if (neededBytes <= disk.freeBytes) return
      this.removePart(sha256)
      this.onGivenUp(sha256)
    }
  }

  private removePart(sha256: Sha256): void {
    this.tiers.disk.usedBytes -= this.parts.get(sha256)!
    this.parts.delete(sha256)
  }

  private free(sha256: Sha256, tier: LocalTier): void {
    const blob = this.blobs.get(sha256)!
    blob.isIn[tier] = blob.isComing[tier] = false
    this.tiers[tier].usedBytes -= blob.sizeBytes
    if (!localTiers.some((one) => this.occupies(sha256, one))) this.blobs.delete(sha256)
  }
}
