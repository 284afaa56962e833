/** What the admin interface needs of the node. Narrow, so that its parts are tested without one. */

import type { LocalTier, ModelId, NodeId, RequestContext, Source } from '../../common/index.ts'
import type { ModelName, ModelReference, Ref } from '../../origin/index.ts'
import type { ResolvedModel } from '../models/index.ts'

/** Names and what they mean. */
export interface AdminDirectory {
  resolve(name: ModelName): Promise<ResolvedModel>
  resolveDigest(digest: ModelId): Promise<ResolvedModel>
  /** What this node believes already, without asking anybody. */
  knownRef(name: ModelName): Ref | null
  /** Looks the tag up again, however fresh it is. `unconfirmed`: why the origin has not said so itself; null when it has. */
  refresh(name: ModelName): Promise<{ ref: Ref; unconfirmed: { code: string; message: string } | null }>
  /** A peer says what the tag means; checked like everything a peer says. */
  receiveRef(node: NodeId, name: ModelName, refBytes: Uint8Array): Promise<void>
}

/** The tiers of this node. */
export interface AdminCache {
  /** It is complete there, in the form in which it is used: for a model that runs, 'memory' is the runtime's. */
  isHeld(model: ModelId, tier: LocalTier): boolean
  /** Anything of it is there. */
  occupies(model: ModelId, tier: LocalTier): boolean
  bring(resolved: ResolvedModel, tier: LocalTier, context: RequestContext): Promise<Source>
  /** Holds, leases, running and queued requests. */
  isInUse(model: ModelId): boolean
  /** False when the model came into use meanwhile. */
  leave(model: ModelId, tier: LocalTier): Promise<boolean>
}

export function resolveReference(
  directory: Pick<AdminDirectory, 'resolve' | 'resolveDigest'>,
  reference: ModelReference,
): Promise<ResolvedModel> {
  return reference.kind === 'name' ? directory.resolve(reference.name) : directory.resolveDigest(reference.digest)
}
