/** Fetches that are under way: one for each model, and none of a blob that another has taken upon itself. */
import { assertInvariant, type ModelId, type Sha256 } from '../../common/index.ts'
import type { Op } from './track.ts'
import type { BlobRef, ModelSpec } from './types.ts'

export class Fetches<S extends ModelSpec> {
  private readonly running = new Map<ModelId, Op<S>>()
  private readonly claims = new Map<Sha256, ModelId>()

  of(model: ModelId): Op<S> | null {
    return this.running.get(model) ?? null
  }

  /** Another fetch brings one of them. */
  isClaimed(blobs: readonly BlobRef[]): boolean {
    return blobs.some(({ sha256 }) => this.claims.has(sha256))
  }

  /** Claims are made all at once, and who waits for one has none: nobody waits for anybody in a circle. */
  begin(op: Op<S>): void {
    const { model } = op.track.row.spec
    this.running.set(model, op)
    for (const { sha256 } of op.blobs) this.claims.set(sha256, model)
  }

  end({ track, blobs }: Op<S>): void {
    this.running.delete(track.row.spec.model)
    for (const { sha256 } of blobs) this.claims.delete(sha256)
  }

  checkInvariants(): void {
    for (const [sha256, model] of this.claims) {
      const isFetched = this.running.get(model)?.blobs.some((blob) => blob.sha256 === sha256)
      assertInvariant(isFetched === true, 'a claim belongs to a fetch')
    }
    for (const { blobs } of this.running.values()) {
      for (const { sha256 } of blobs) assertInvariant(this.claims.has(sha256), 'a fetch has claimed its blobs')
    }
  }
}
