/**
 * Which publisher a model belongs to: the one by whose name it first came to this node. Knowing the digest of somebody else's model is
 * enough to sign a ref to it, and a name that is open to everybody must not open what it was pointed at.
 */

import type { ModelId } from '../../common/index.ts'

export interface ModelClaim {
  /** `namespace/name`; a tag of its own does not make a model another's. */
  readonly model: string
  /** Public key of the publisher, as in the ref. */
  readonly publicKey: string
}

/** Models whose publisher is remembered; the oldest goes for a new one. */
export const claimsMax = 16_384

export class ModelClaims {
  /** The oldest first. */
  private readonly claims = new Map<ModelId, ModelClaim>()

  /** Kept from an earlier run. */
  found(manifest: ModelId, claim: ModelClaim): void {
    this.claims.set(manifest, claim)
  }

  isForeign(manifest: ModelId, by: ModelClaim): boolean {
    const claim = this.claims.get(manifest)
    return claim !== undefined && claim.publicKey !== by.publicKey && claim.model !== by.model
  }

  /** Changes of the remembered claims. A publisher with a new key keeps the models that came by the same name. */
  claim(manifest: ModelId, by: ModelClaim): { readonly isNew: boolean; readonly forgotten: ModelId | null } {
    const known = this.claims.get(manifest)
    if (known !== undefined && (known.publicKey === by.publicKey || known.model !== by.model))
      return { isNew: false, forgotten: null }
    this.claims.delete(manifest)
    this.claims.set(manifest, by)
    if (this.claims.size <= claimsMax) return { isNew: true, forgotten: null }
    const forgotten = this.claims.keys().next().value!
    this.claims.delete(forgotten)
    return { isNew: true, forgotten }
  }
}
