/** What a copy of a model is worth to a simulated node, as placement/ reckons it from what the node believes. */
import type { LocalTier } from '../../common/index.ts'
import { missCostMs } from '../../placement/index.ts'
import type { SimModel } from '../world/models.ts'
import type { SimNode } from './sim-node.ts'
import type { CopyWorth } from './tier.ts'

/**
 * @param tier the one that the copy lies in: what is gone from memory may still be on the own disk.
 * @param isBlind as if only the origin had the model: the policy to compare with.
 */
export function copyWorth(node: SimNode, model: SimModel, tier: LocalTier, isBlind: boolean, nowMs: number): CopyWorth {
  const { id, sizeBytes, initMs } = model
  const isOnDisk = tier === 'memory' && node.disk?.has(model) === true
  const diskMs = isOnDisk ? node.diskMs(sizeBytes) : null
  if (isBlind) {
    const origin = node.core.sources(id, true, nowMs).filter(({ source }) => source === 'origin')
    const fetchMs = missCostMs(model, origin)
    return { missCostMs: Math.min(fetchMs, diskMs === null ? fetchMs : diskMs + initMs), othersLossMsPerS: 0 }
  }
  const soonRatePerS = node.memory.policy.expectedRatePerS?.(id, nowMs) ?? null
  const facts = {
    model: id,
    sizeBytes,
    initMs,
    diskMs,
    mayForward: model.mayForward,
    originAllowed: true,
    soonRatePerS,
  }
  return node.core.copyWorth(facts, nowMs)
}
