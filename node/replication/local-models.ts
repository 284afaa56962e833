/** What this node has, from its store, its cache and its policies: the facts from which core/ builds what placement/ weighs. */

import { byTier, type LocalTier, type ModelId } from '../../common/index.ts'
import { type LocalCopy, type LocalModels, localModels as modelsOf, type NodeCore } from '../../core/index.ts'
import type { Store } from '../../native/index.ts'
import type { Manifest } from '../../origin/index.ts'
import type { EvictionPolicy } from '../../placement/index.ts'
import type { ModelCache, ModelRow, ModelTable } from '../models/index.ts'
import type { Clock } from '../system/index.ts'

export interface LocalModelsPorts {
  readonly store: Pick<Store, 'stats'>
  readonly table: ModelTable
  readonly cache: Pick<ModelCache, 'isRunnable' | 'mayEvict' | 'refreshCosts'>
  readonly policies: Readonly<Record<LocalTier, EvictionPolicy>>
  readonly core: Pick<NodeCore, 'fetchingModels'>
  readonly initMs: (model: ModelId, sizeBytes: number) => number
  readonly diskMs: (sizeBytes: number) => number
  readonly isRunnable: (manifest: Manifest) => boolean
  /** By this node's operator, or because the cluster keeps it here. */
  readonly isPinned: (model: ModelId, tier: LocalTier) => boolean
  /** By this node's operator. */
  readonly isPinnedHere: (model: ModelId) => boolean
  readonly hasOrigin: boolean
  readonly isDraining: () => boolean
  readonly clock: Clock
}

export function localModels(ports: LocalModelsPorts): LocalModels {
  const { store, table, policies, core, clock, isRunnable } = ports
  const stats = store.stats()
  return modelsOf({
    isDraining: ports.isDraining(),
    originAllowed: ports.hasOrigin,
    tiers: stats.tiers,
    copies: [...table.all()].map((row) => copyOf(row, ports)),
    arriving: core.fetchingModels(),
    evictionOrder: (tier) => evictionOrder(tier, ports),
    known: (model) => {
      const row = table.get(model)
      if (row === null) return null
      const { sizeBytes, manifest } = row.spec
      const runs = isRunnable(manifest)
      return { sizeBytes, form: runs ? 'derived' : 'none', mayForward: runs }
    },
    initMs: ports.initMs,
    diskMs: ports.diskMs,
    soonRatePerS: (model) => policies.memory.expectedRatePerS?.(model, clock.nowMs()) ?? null,
  })
}

function copyOf(row: ModelRow, { table, cache, isPinnedHere }: LocalModelsPorts): LocalCopy {
  const { model, sizeBytes } = row.spec
  const isComplete = (tier: LocalTier): boolean => {
    if (tier === 'disk') return table.filesIn(row, 'disk')
    return cache.isRunnable(model) || table.tierOf(model) === tier
  }
  return {
    model,
    sizeBytes,
    bytes: byTier((tier) => (isComplete(tier) ? table.bytesIn(row, tier) : 0)),
    isInUse: !cache.mayEvict(model, 'memory'),
    isPinned: isPinnedHere(model),
  }
}

function evictionOrder(tier: LocalTier, { cache, policies, isPinned, clock }: LocalModelsPorts): ModelId[] {
  cache.refreshCosts(tier)
  const plan = policies[tier].planEviction({
    // More than there is: the plan names all that may go, in order.
    neededBytes: Number.MAX_SAFE_INTEGER,
    nowMs: clock.nowMs(),
    mayEvict: (model) => !isPinned(model, tier) && cache.mayEvict(model, tier),
  })
  return plan.victims.map(({ model }) => model)
}
