/** What this node has, in the form that placement/ weighs it: each model in its tiers, what may go, and what a model takes here. */

import type { LocalTier, ModelId } from '../../common/index.ts'
import type { LocalCopy, NodeCore } from '../../core/index.ts'
import type { Store } from '../../native/index.ts'
import { type Manifest, manifestSizeBytes } from '../../origin/index.ts'
import type { EvictionPolicy, TierView } from '../../placement/index.ts'
import type { ModelCache, ModelRow, ModelTable } from '../models/index.ts'
import type { Clock } from '../system/index.ts'
import type { LocalModels } from './types.ts'

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
  const { store, table, policies, core, clock } = ports
  const stats = store.stats()
  const rooms = [
    roomOf('memory', stats.memoryLimitBytes, stats.memoryUsedBytes, ports),
    // A node without a disk tier has nothing to weigh there.
    ...(stats.diskLimitBytes === 0 ? [] : [roomOf('disk', stats.diskLimitBytes, stats.diskUsedBytes, ports)]),
  ]
  const manifestOf = (model: ModelId) => table.get(model)?.manifest ?? null
  return {
    isDraining: ports.isDraining(),
    originAllowed: ports.hasOrigin,
    rooms,
    held: [...table.all()].flatMap((row) => {
      const copy = copyOf(row, ports)
      return copy.memoryBytes + copy.diskBytes === 0 ? [] : [copy]
    }),
    arriving: core.fetchingModels(),
    sizeOf: (model) => {
      const manifest = manifestOf(model)
      return manifest === null ? null : manifestSizeBytes(manifest)
    },
    needOf: (model, sizeBytes) => {
      const manifest = manifestOf(model)
      // A model that runs is fetched to disk and converted to a form about as large; of a stranger nothing else is known.
      const runs = manifest === null || ports.isRunnable(manifest)
      return { memoryBytes: sizeBytes, diskBytes: runs && stats.diskLimitBytes > 0 ? 2 * sizeBytes : 0 }
    },
    initMs: ports.initMs,
    diskMs: ports.diskMs,
    mayForward: (model) => {
      const manifest = manifestOf(model)
      return manifest === null || ports.isRunnable(manifest)
    },
    soonRatePerS: (model) => policies.memory.expectedRatePerS?.(model, clock.nowMs()) ?? null,
  }
}

function copyOf(row: ModelRow, { table, cache, isPinnedHere }: LocalModelsPorts): LocalCopy {
  const { model } = row
  const isInMemory = cache.isRunnable(model) || table.tierOf(model) === 'memory'
  return {
    model,
    sizeBytes: manifestSizeBytes(row.manifest),
    memoryBytes: isInMemory ? table.memoryBytesOf(row) : 0,
    diskBytes: table.filesOnDisk(row) ? table.diskBytesOf(row) : 0,
    isInUse: !cache.mayEvict(model, 'memory'),
    isPinned: isPinnedHere(model),
  }
}

function roomOf(tier: LocalTier, limitBytes: number, usedBytes: number, ports: LocalModelsPorts): TierView {
  const { cache, policies, isPinned, clock } = ports
  cache.refreshCosts(tier)
  const plan = policies[tier].planEviction({
    // More than there is: the plan names all that may go, in order.
    neededBytes: Number.MAX_SAFE_INTEGER,
    nowMs: clock.nowMs(),
    mayEvict: (model) => !isPinned(model, tier) && cache.mayEvict(model, tier),
  })
  return {
    tier,
    limitBytes,
    freeBytes: Math.max(0, limitBytes - usedBytes),
    order: plan.victims.map(({ model }) => model),
  }
}
