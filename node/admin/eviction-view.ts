/** What one tier would give up now, and why: the policy's own plan and the parts of its scores. Nothing is evicted. */

import type { LocalTier, ModelId } from '../../common/index.ts'
import type { EvictionPolicy, EvictionReason } from '../../placement/index.ts'

export interface EvictionViewPorts {
  readonly policy: Pick<EvictionPolicy, 'name' | 'planEviction' | 'score'>
  /** Models that might be in the tier. */
  readonly models: () => Iterable<ModelId>
  readonly namesOf: (model: ModelId) => readonly string[]
  readonly isPinned: (model: ModelId) => boolean
  readonly isInUse: (model: ModelId) => boolean
  readonly usedBytes: () => number
  readonly limitBytes: () => number
  readonly nowMs: () => number
}

export interface EvictionView {
  readonly tier: LocalTier
  readonly policy: string
  readonly usedBytes: number
  readonly limitBytes: number
  /** What had to be freed; null: everything that may go, in the order in which it would. */
  readonly neededBytes: number | null
  /** False: what may go is not enough, and nothing would be evicted. */
  readonly enough: boolean
  readonly models: readonly EvictionViewModel[]
}

export interface EvictionViewModel {
  readonly model: ModelId
  readonly names: readonly string[]
  readonly sizeBytes: number | null
  /** 1 goes first; null stays. */
  readonly place: number | null
  readonly reason: EvictionReason | 'pinned' | 'in-use' | 'not-needed'
  readonly score: number
  /** What the score is made of, with units in the names. */
  readonly parts: Readonly<Record<string, number>>
}

/** In the order of going; those that stay follow, the least wanted first. */
export function evictionView(tier: LocalTier, ports: EvictionViewPorts, neededBytes: number | null): EvictionView {
  const nowMs = ports.nowMs()
  const freeBytes = ports.limitBytes() - ports.usedBytes()
  const plan = ports.policy.planEviction({
    // One more byte than there is: no plan can be enough, so it names all that may go.
    neededBytes: neededBytes === null ? Number.MAX_SAFE_INTEGER : Math.max(0, neededBytes - freeBytes),
    nowMs,
    mayEvict: (model) => !ports.isPinned(model) && !ports.isInUse(model),
  })
  const places = new Map(plan.victims.map((victim, index) => [victim.model, { ...victim, place: index + 1 }]))
  const models: EvictionViewModel[] = []
  for (const model of ports.models()) {
    const scored = ports.policy.score(model, nowMs)
    if (scored === null) continue
    const victim = places.get(model)
    models.push({
      model,
      names: ports.namesOf(model),
      sizeBytes: victim?.sizeBytes ?? scored.parts.sizeBytes ?? null,
      place: victim?.place ?? null,
      reason: victim?.reason ?? (ports.isPinned(model) ? 'pinned' : ports.isInUse(model) ? 'in-use' : 'not-needed'),
      ...scored,
    })
  }
  models.sort(
    (a, b) =>
      (a.place ?? Number.POSITIVE_INFINITY) - (b.place ?? Number.POSITIVE_INFINITY) ||
      a.score - b.score ||
      (a.model < b.model ? -1 : 1),
  )
  return {
    tier,
    policy: ports.policy.name,
    usedBytes: ports.usedBytes(),
    limitBytes: ports.limitBytes(),
    neededBytes,
    enough: neededBytes === null || plan.enough,
    models,
  }
}
