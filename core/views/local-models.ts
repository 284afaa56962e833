/** What a node has, in the form that placement/ weighs it: each model in its tiers, what may go, and what a model takes here. */

import {
  byTier,
  fastestWith,
  freeBytesOf,
  type LocalTier,
  localTiers,
  type ModelId,
  type TierState,
} from '../../common/index.ts'
import type { TierView } from '../../placement/index.ts'
import type { LocalCopy, LocalPlacement } from './placement-view-builder.ts'

/** What a node has and is about to have, without what only its replication knows. */
export type LocalModels = Omit<LocalPlacement, 'resolvePin' | 'replaced'>

/** What a runtime runs: a form derived from the files on disk, the files as they are, or nothing, because programs open the files. */
export type RunForm = 'derived' | 'files' | 'none'

export interface KnownModel {
  readonly sizeBytes: number
  readonly form: RunForm
  readonly mayForward: boolean
}

export interface LocalModelFacts {
  readonly isDraining: boolean
  readonly originAllowed: boolean
  readonly tiers: Readonly<Record<LocalTier, TierState>>
  /** Models of this node, those in no tier included. */
  readonly copies: readonly LocalCopy[]
  /** Models on their way here. */
  readonly arriving: readonly ModelId[]
  /** Eviction order, first victim first. Called at most once, and only by a plan that needs it. */
  evictionOrder(tier: LocalTier): readonly ModelId[]
  /** Null for a model of which this node knows no manifest. */
  known(model: ModelId): KnownModel | null
  initMs(model: ModelId, sizeBytes: number): number
  diskMs(sizeBytes: number): number
  soonRatePerS(model: ModelId): number | null
}

/** A derived form is about as large as the files that it is made from, and lies on the disk beside them. */
const derivedDiskFactor = 2

export function localModels(facts: LocalModelFacts): LocalModels {
  const hasDisk = facts.tiers.disk.limitBytes > 0
  return {
    isDraining: facts.isDraining,
    originAllowed: facts.originAllowed,
    // A node without a disk tier has nothing to weigh there.
    rooms: localTiers.filter((tier) => facts.tiers[tier].limitBytes > 0).map((tier) => tierView(tier, facts)),
    held: facts.copies.filter(({ bytes }) => fastestWith(bytes) !== null),
    arriving: facts.arriving,
    sizeOf: (model) => facts.known(model)?.sizeBytes ?? null,
    needOf: (model, sizeBytes) => {
      // Of a model that is not known here nothing is known but its size: most run.
      const form = facts.known(model)?.form ?? 'derived'
      const diskBytes = hasDisk ? diskFactor(form) * sizeBytes : 0
      return byTier((tier) => (tier === 'disk' ? diskBytes : sizeBytes))
    },
    initMs: (model, sizeBytes) => facts.initMs(model, sizeBytes),
    diskMs: (sizeBytes) => facts.diskMs(sizeBytes),
    mayForward: (model) => facts.known(model)?.mayForward ?? true,
    soonRatePerS: (model) => facts.soonRatePerS(model),
  }
}

/** Models that programs open come to memory without a place on the disk. */
function diskFactor(form: RunForm): number {
  if (form === 'none') return 0
  return form === 'derived' ? derivedDiskFactor : 1
}

function tierView(tier: LocalTier, facts: LocalModelFacts): TierView {
  const state = facts.tiers[tier]
  let order: readonly ModelId[] | null = null
  return {
    tier,
    limitBytes: state.limitBytes,
    freeBytes: freeBytesOf(state),
    // Most rounds displace nothing, and an order weighs every copy of the tier.
    get order() {
      order ??= facts.evictionOrder(tier)
      return order
    },
  }
}
