/** What has to be known of a copy on this node to weigh it: what coming back to it would take, and who would miss it. */
import type { LocalTier, ModelId } from '../../common/index.ts'
import type { LoadTimes } from '../requests/load-times.ts'
import type { CopyFacts } from '../views/placement-view-builder.ts'

export interface LocalCopyFacts {
  readonly model: ModelId
  readonly sizeBytes: number
  readonly isOnDisk: boolean
  /** False for what programs map: another node cannot answer for it. */
  readonly mayForward: boolean
}

export interface CopyNodeFacts {
  readonly times: Pick<LoadTimes, 'initMs'>
  readonly diskBytesPerS: number
  readonly hasOrigin: boolean
  /** One over the time until the model is expected to be asked for here; null when the policy does not predict. */
  soonRatePerS(model: ModelId): number | null
}

/** @param tier the one that the copy would leave: what is gone from memory may still be on the own disk. */
export function copyFacts(copy: LocalCopyFacts, tier: LocalTier, node: CopyNodeFacts): CopyFacts {
  const { model, sizeBytes, isOnDisk, mayForward } = copy
  return {
    model,
    sizeBytes,
    initMs: node.times.initMs(model, sizeBytes),
    diskMs: tier === 'memory' && isOnDisk ? diskMs(sizeBytes, node.diskBytesPerS) : null,
    mayForward,
    originAllowed: node.hasOrigin,
    soonRatePerS: node.soonRatePerS(model),
  }
}

/** Reading so many bytes from the disk of this node. */
export function diskMs(sizeBytes: number, diskBytesPerS: number): number {
  return (sizeBytes / diskBytesPerS) * 1_000
}
