/** What the driver of placement needs of the node. Narrow, so that it is tested without one. */

import type { LocalTier, ModelId } from '../../common/index.ts'
import type { ResolvedModel } from '../models/index.ts'

/** Names and what they mean. */
export interface PlacementDirectory {
  /** UNKNOWN_MODEL, or NO_SOURCE when nobody answers. */
  resolve(name: string): Promise<ResolvedModel>
  /** What this node believes already, without asking anybody; null when that is nothing. */
  known(name: string): ModelId | null
}

/** The tiers of this node. */
export interface PlacementCache {
  bring(resolved: ResolvedModel, tier: LocalTier): Promise<unknown>
  /** False when the model came into use meanwhile. */
  leave(model: ModelId, tier: LocalTier): Promise<boolean>
}
