/**
 * What the names that a node has met mean. A name never goes back to an older sequence, from any source, and only the origin can tell that
 * it has a new publisher: a peer could have made up both key and sequence.
 */

import type { ModelId } from '../../common/index.ts'

/** A ref whose form and signature were checked. */
export interface RefFacts<R = unknown> {
  readonly manifest: ModelId
  readonly sequence: number
  readonly publicKey: string
  /** The record itself, for its keeper. */
  readonly record: R
}

export interface KnownRef<R> {
  readonly ref: RefFacts<R>
  /** When the origin or, failing that, a peer said so. */
  readonly checkedAtMs: number
  /** The origin itself said so, in this run. */
  readonly isConfirmed: boolean
}

export class KnownRefs<R> {
  private readonly refs = new Map<string, KnownRef<R>>()

  get(name: string): KnownRef<R> | null {
    return this.refs.get(name) ?? null
  }

  entries(): Iterable<[string, KnownRef<R>]> {
    return this.refs
  }

  /** From an earlier run: it counts as unconfirmed until somebody is asked again. */
  found(name: string, ref: RefFacts<R>): void {
    this.refs.set(name, { ref, checkedAtMs: Number.NEGATIVE_INFINITY, isConfirmed: false })
  }

  isForeign(name: string, ref: RefFacts<R>): boolean {
    const known = this.refs.get(name)
    return known !== undefined && known.ref.publicKey !== ref.publicKey
  }

  /** Keeps the newer of what is known and what was received. True when that is what was received. */
  learn(name: string, ref: RefFacts<R>, isFromOrigin: boolean, nowMs: number): boolean {
    const known = this.refs.get(name)
    const isNewer =
      known === undefined ||
      ref.sequence > known.ref.sequence ||
      // A peer that was first to name the tag could have made up key and sequence: the origin's publisher stands above it.
      (isFromOrigin && !known.isConfirmed && ref.publicKey !== known.ref.publicKey)
    const isConfirmed = isFromOrigin || (known?.isConfirmed ?? false)
    this.refs.set(name, { ref: isNewer ? ref : known.ref, checkedAtMs: nowMs, isConfirmed })
    return isNewer
  }
}
