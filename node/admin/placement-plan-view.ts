/** What placement would do on this node now, for people: every decision with its reason and what its sum is made of. */

import type { ModelId } from '../../common/index.ts'
import type { PlacementDecision } from '../../placement/index.ts'

export interface PlacementPlanView {
  /** False: only what is pinned is placed (placement.replication). */
  readonly replication: boolean
  readonly decisions: readonly (PlacementDecision & { readonly names: readonly string[] })[]
}

const kindRanks = { copy: 0, prefetch: 1, shed: 2, keep: 3, leave: 4 } as const satisfies Record<
  PlacementDecision['kind'],
  number
>

/** What moves comes first; within a kind, in the order in which it was decided. */
export function placementPlanView(
  decisions: readonly PlacementDecision[],
  names: ReadonlyMap<ModelId, readonly string[]>,
  replication: boolean,
): PlacementPlanView {
  return {
    replication,
    decisions: [...decisions]
      .sort((a, b) => kindRanks[a.kind] - kindRanks[b.kind])
      .map((decision) => ({ ...decision, names: namesOf(decision, names) })),
  }
}

function namesOf(
  { model, name }: PlacementDecision,
  names: ReadonlyMap<ModelId, readonly string[]>,
): readonly string[] {
  const known = model === null ? [] : (names.get(model) ?? [])
  return name === undefined || known.includes(name) ? known : [name, ...known]
}
