/** Fetches that are under way: one for each model, and none of a blob that another has taken upon itself. */
import { assertInvariant, type BlobId, type ModelId } from '../../common/index.ts'
import type { Op } from './track.ts'
import type { BlobRef, ModelSpec } from './types.ts'

export class Fetches<S extends ModelSpec> {
  private readonly running = new Map<ModelId, Op<S>>()
  private readonly claims = new Map<BlobId, ModelId>()

  of(model: ModelId): Op<S> | null {
    return this.running.get(model) ?? null
  }

  /** Another fetch brings one of them. */
  isClaimed(blobs: readonly BlobRef[]): boolean {
    return blobs.some(({ id }) => this.claims.has(id))
  }

  /** Claims are made all at once, and who waits for one has none: nobody waits for anybody in a circle. */
  begin(op: Op<S>): void {
    const { model } = op.track.row.spec
    this.running.set(model, op)
    for (const { id } of op.blobs) this.claims.set(id, model)
  }

  end({ track, blobs }: Op<S>): void {
    this.running.delete(track.row.spec.model)
    for (const { id } of blobs) this.claims.delete(id)
  }

  checkInvariants(): void {
    for (const [id, model] of this.claims) {
      const isFetched = this.running.get(model)?.blobs.some((blob) => blob.id === id)
      assertInvariant(isFetched === true, 'a claim belongs to a fetch')
    }
    for (const { blobs } of this.running.values()) {
      for (const { id } of blobs) assertInvariant(this.claims.has(id), 'a fetch has claimed its blobs')
    }
  }
}
