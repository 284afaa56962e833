/** What a copy of a model is worth to a simulated node, as placement/ reckons it from what the node believes. */
import type { LocalTier } from '../../common/index.ts'
import { type CopyNodeFacts, type CopyWorth, copyFacts, type NodeCore } from '../../core/index.ts'
import { missCostMs } from '../../placement/index.ts'
import type { SimModel } from '../world/models.ts'

/** The node that has the copy. */
export interface CopyNode {
  readonly core: Pick<NodeCore, 'copyWorth' | 'sources'>
  readonly copyNode: CopyNodeFacts
  readonly models: { isOnDisk(model: SimModel): boolean }
}

/** @param isBlind as if only the origin had the model: the policy to compare with. */
export function copyWorth(
  node: CopyNode,
  model: SimModel,
  tier: LocalTier,
  isBlind: boolean,
  nowMs: number,
): CopyWorth {
  const { id, sizeBytes, initMs, mayForward } = model
  const facts = copyFacts(
    { model: id, sizeBytes, isOnDisk: node.models.isOnDisk(model), mayForward },
    tier,
    node.copyNode,
  )
  if (!isBlind) return node.core.copyWorth(facts, nowMs)
  const origin = node.core.sources(id, true, nowMs).filter(({ source }) => source === 'origin')
  const fetchMs = missCostMs(model, origin)
  const returnMs = facts.diskMs === null ? fetchMs : facts.diskMs + initMs
  return { missCostMs: Math.min(fetchMs, returnMs), othersLossMsPerS: 0 }
}
