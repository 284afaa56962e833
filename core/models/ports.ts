/** What the machine of a node's models needs of its adapter. */
import type { LocalTier, ModelId } from '../../common/index.ts'
import type { EvictionPolicy, SessionLimits } from '../../placement/index.ts'
import type { ResidentModel } from '../events.ts'
import type { Failure } from '../failure.ts'
import type { CopyWorth } from '../views/placement-view-builder.ts'
import type { ModelTable } from './model-table.ts'
import type { FormBlob, ModelSpec } from './types.ts'

/** What the machine reads of the world, and never remembers. Without side effects. */
export interface ModelFacts<S extends ModelSpec = ModelSpec> {
  freeBytes(tier: LocalTier): number
  limitBytes(tier: LocalTier): number
  /** The store may have more room than freeBytes: on disk, it gives up the files of interrupted fetches when it must. */
  readonly hasHiddenRoom: Readonly<Record<LocalTier, boolean>>
  /** A client has all of it open. */
  isLeased(spec: S): boolean
  /** Requests of the model that wait or run. */
  queuedCount(model: ModelId): number
  /** Wanted in this tier: not evicted from there to make room. */
  isPinned(model: ModelId, tier: LocalTier): boolean
  /** Of the loaded sessions of the runtime. */
  readonly sessionLimits: SessionLimits
  /** Made by the runtime of this node, as it is now. */
  isFormCurrent(form: FormBlob): boolean
  /** NOT_RUNNABLE, or what its conversion has failed with; null when the model may run. */
  cannotRun(spec: S): Failure | null
}

export interface ModelMachinePorts<S extends ModelSpec = ModelSpec> {
  readonly table: ModelTable<S>
  readonly facts: ModelFacts<S>
  policy(tier: LocalTier): EvictionPolicy
  /** What the copy in the tier is worth, here and to the other nodes. */
  worth(model: ModelId, tier: LocalTier, nowMs: number): CopyWorth
  /** As the cluster is told of it. */
  resident(spec: S, tier: LocalTier): ResidentModel
}
