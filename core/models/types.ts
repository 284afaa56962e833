/** What goes into the machine of a node's models and comes out of it. See model-machine.ts for what it does with it. */
import type { BlobId, LocalTier, ModelId, RequestContext, Source } from '../../common/index.ts'
import type { ResidentModel } from '../events.ts'
import type { Failure } from '../failure.ts'

export interface BlobRef {
  readonly id: BlobId
  readonly sizeBytes: number
}

/** A blob made here from a model's files, in the form that the runtime runs in place; good for one fingerprint only. */
export interface FormBlob extends BlobRef {
  readonly fingerprint: string
}

/** A model as its manifest describes it. */
export interface ModelSpec {
  readonly model: ModelId
  /** The blobs of its files, each once. */
  readonly files: readonly BlobRef[]
  /** Sum of the files as the manifest says. */
  readonly sizeBytes: number
  /** What the runtime runs: a form derived from files on disk, or the files as they lie in memory. */
  readonly runs: 'form' | 'files'
}

/** A goal for a model: files on disk, files in memory, ready to run, or taking back the memory that a client kept. */
export type Goal = 'disk' | 'memory' | 'ready' | 'reattach'

/** Given by the adapter, never twice in the life of a machine. */
export type WantId = number
/** Given by the machine to a piece of work that an effect begins. */
export type OpId = number

export type ModelEvent<S extends ModelSpec = ModelSpec> = {
  readonly nowMs: number
} /** At the start, or after something else than the machine's effects has added or removed blobs. */ & (
  | { readonly kind: 'found'; readonly rows: readonly { readonly spec: S; readonly form: FormBlob | null }[] }
  /** Ends in done or not-done. */
  | {
      readonly kind: 'want'
      readonly want: WantId
      readonly spec: S
      readonly goal: Goal
      readonly context: RequestContext
    }
  /** While it is held, nothing of the model leaves any tier. */
  | { readonly kind: 'hold'; readonly model: ModelId }
  | { readonly kind: 'unhold'; readonly model: ModelId }
  /** A client has closed a model, or requests of one have ended. */
  | { readonly kind: 'use-ended' }
  /** Ends in released. */
  | { readonly kind: 'release'; readonly want: WantId; readonly model: ModelId; readonly tier: LocalTier }
  /** The store has reserved what the effect needs: others may have the rest. */
  | { readonly kind: 'room-taken'; readonly op: OpId }
  | { readonly kind: 'room-refused'; readonly op: OpId; readonly failure: Failure }
  | { readonly kind: 'fetched'; readonly op: OpId; readonly peerBytes: number; readonly originBytes: number }
  | { readonly kind: 'form-made'; readonly op: OpId; readonly sizeBytes: number }
  | { readonly kind: 'form-kept'; readonly op: OpId; readonly form: FormBlob }
  | { readonly kind: 'promoted'; readonly op: OpId }
  | { readonly kind: 'reattached'; readonly op: OpId }
  /** `privateBytes`: memory that the session takes besides the shared bytes, in all workers together. */
  | { readonly kind: 'loaded'; readonly op: OpId; readonly privateBytes: number }
  | { readonly kind: 'failed'; readonly op: OpId; readonly failure: Failure }
  | { readonly kind: 'unloaded'; readonly model: ModelId; readonly failure: Failure | null }
  /** `isGone` is false when a part came into use meanwhile and stayed. */
  | { readonly kind: 'dropped'; readonly model: ModelId; readonly isGone: boolean }
)

export type ModelEffect =
  /** room-taken or room-refused, then fetched or failed. `disk` besides memory: where the disk has room. */
  | {
      readonly kind: 'fetch'
      readonly op: OpId
      readonly model: ModelId
      readonly blobs: readonly BlobRef[]
      readonly into: { readonly memory: boolean; readonly disk: boolean }
      /** No room could be made on the disk for what goes to memory. */
      readonly isDiskShort: boolean
      readonly context: RequestContext
    }
  /** room-taken, then promoted or failed. */
  | { readonly kind: 'promote'; readonly op: OpId; readonly model: ModelId; readonly blobs: readonly BlobRef[] }
  /** form-made or failed. */
  | { readonly kind: 'derive'; readonly op: OpId; readonly model: ModelId }
  /** form-kept, room-refused or failed. `replaces` goes with its tier once the new form is kept. */
  | { readonly kind: 'keep-form'; readonly op: OpId; readonly model: ModelId; readonly replaces: BlobId | null }
  /** The form that was made finds no room. No answer. */
  | { readonly kind: 'discard-form'; readonly op: OpId }
  /** room-taken, then reattached or failed. */
  | {
      readonly kind: 'reattach'
      readonly op: OpId
      readonly model: ModelId
      readonly want: WantId
      readonly blobs: readonly BlobRef[]
    }
  /** loaded or failed. `form` null: the files run as they lie in memory. */
  | { readonly kind: 'load'; readonly op: OpId; readonly model: ModelId; readonly form: FormBlob | null }
  /** unloaded: its session has ended, and unless `isSessionOnly` nobody can open it any more. */
  | {
      readonly kind: 'unload'
      readonly model: ModelId
      readonly form: FormBlob | null
      readonly isSessionOnly: boolean
    }
  /** dropped. */
  | { readonly kind: 'drop'; readonly model: ModelId; readonly tier: LocalTier; readonly blobs: readonly BlobId[] }
  /** For clients that open the files: they may, they may no more. No answer. */
  | { readonly kind: 'publish' | 'unpublish'; readonly model: ModelId }
  /** Published, and all of it is in memory or on its way there. No answer. */
  | { readonly kind: 'arriving'; readonly model: ModelId }
  | { readonly kind: 'done'; readonly want: WantId; readonly source: Source }
  | { readonly kind: 'not-done'; readonly want: WantId; readonly failure: Failure }
  /** A file on disk was lost; the work begins again without it. */
  | { readonly kind: 'brought-again'; readonly model: ModelId; readonly failure: Failure }
  | { readonly kind: 'evicted'; readonly model: ModelId; readonly tier: LocalTier; readonly reason: string }
  | { readonly kind: 'eviction-failed'; readonly model: ModelId; readonly tier: LocalTier; readonly failure: Failure }
  /** The session has ended for others; its bytes are where they were. */
  | {
      readonly kind: 'session-ended'
      readonly model: ModelId
      readonly reason: string
      readonly failure: Failure | null
    }
  | {
      readonly kind: 'released'
      readonly want: WantId
      readonly isGone: boolean
      readonly failure: Failure | null
    }
  /** All that is here now, sorted by model; only when it has changed. */
  | { readonly kind: 'residency'; readonly models: readonly ResidentModel[] }
  /** Those who were refused for want of room may ask again. At most once a step. */
  | { readonly kind: 'room-freed' }
