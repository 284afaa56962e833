/** What the copies of this node are worth, for the eviction policies. */
import type { LocalTier, ModelId } from '../../common/index.ts'
import { type CopyNodeFacts, type CopyWorth, copyFacts, type NodeCore } from '../../core/index.ts'
import type { Manifest } from '../../origin/index.ts'
import type { Clock } from '../system/index.ts'
import type { ModelTable } from './model-table.ts'

export interface CopyValuePorts {
  readonly core: Pick<NodeCore, 'copyWorth'>
  readonly table: ModelTable
  readonly node: CopyNodeFacts
  readonly isRunnable: (manifest: Manifest) => boolean
  readonly clock: Clock
}

/** The loss without the copy in the tier, here and at other nodes. */
export function copyWorth(
  { core, table, node, isRunnable, clock }: CopyValuePorts,
  model: ModelId,
  tier: LocalTier,
): CopyWorth {
  const row = table.get(model)
  if (row === null) return { missCostMs: Number.POSITIVE_INFINITY, othersLossMsPerS: 0 }
  const { sizeBytes, manifest } = row.spec
  const mayForward = isRunnable(manifest)
  return core.copyWorth(
    copyFacts({ model, sizeBytes, isOnDisk: table.filesIn(row, 'disk'), mayForward }, tier, node),
    clock.nowMs(),
  )
}
