/** Work on models as the machine keeps account of it. */
import type { LocalTier, RequestContext, Source } from '../../common/index.ts'
import type { ModelRow } from './model-table.ts'
import type { BlobRef, Goal, ModelSpec, OpId, WantId } from './types.ts'

/** The wants for one model, of all requests, clients and copies. */
export interface Track<S extends ModelSpec> {
  readonly row: ModelRow<S>
  readonly goal: Goal
  readonly wants: WantId[]
  /** Of the first who asked. */
  readonly context: RequestContext
  /** Where the bytes came from; null while none were moved. */
  source: Source | null
  /** How often something on the disk was found lost or damaged, and the work began again. */
  retries: number
  /** Something of the store was reserved for it: others may have been refused because of it. */
  hasTaken: boolean
}

/** One step of a track that is under way. */
export interface Op<S extends ModelSpec> {
  readonly id: OpId
  readonly track: Track<S>
  /** A form that was made becomes one to be kept. */
  kind: 'fetch' | 'promote' | 'derive' | 'keep-form' | 'reattach' | 'load'
  readonly blobs: readonly BlobRef[]
  /** The tier whose line it stands in, or keeps from others. */
  readonly tier: LocalTier
  /** Of a fetch: others of the model that wait for it. */
  readonly joined: Track<S>[]
}
