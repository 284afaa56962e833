/** Carries out, over the native store and the runtime, what the machine of the models wants done, and tells it how each piece of work ended. */
import { HoldfastError, type ModelId } from '../../common/index.ts'
import {
  type BlobRef,
  type FormBlob,
  failureOf,
  type ModelEffect,
  type ModelEvent,
  type OpId,
  type Timeless,
} from '../../core/index.ts'
import type { BlobProof, Store } from '../../native/index.ts'
import { baseOf, blobIdOf } from '../../origin/index.ts'
import type { Log } from '../system/index.ts'
import type { BlobFetcher, FetchOutcome } from '../transfer/index.ts'
import { formCut, formProof, proofOf } from './blob-files.ts'
import type { DerivedForms, MadeForm } from './derived-forms.ts'
import type { LeaseTracker } from './lease-tracker.ts'
import type { LoadProgress } from './load-progress.ts'
import type { HeldSpec, ModelTable } from './model-table.ts'
import type { Session, Sessions } from './sessions.ts'

type EffectOf<K extends ModelEffect['kind']> = Extract<ModelEffect, { kind: K }>

export interface ModelWorkPorts {
  readonly store: Store
  readonly table: ModelTable
  readonly fetcher: BlobFetcher
  readonly derivedForms: DerivedForms
  readonly leases: LeaseTracker
  readonly sessions: Sessions
  readonly progress: LoadProgress
  readonly dispatch: (event: Timeless<ModelEvent<HeldSpec>>) => void
  readonly onFetched: (outcome: FetchOutcome) => void
  /** Whether bytes are hashed as they come from the disk to memory. */
  readonly verifiesReads: boolean
  readonly log: Log
}

export class ModelWork {
  private readonly ports: ModelWorkPorts
  private readonly made = new Map<OpId, MadeForm>()

  constructor(ports: ModelWorkPorts) {
    this.ports = ports
  }

  async fetch({ op, model, blobs, into, isDiskShort, context }: EffectOf<'fetch'>): Promise<void> {
    const { fetcher, progress, store, log, dispatch } = this.ports
    if (isDiskShort && store.stats().tiers.disk.limitBytes > 0) {
      log.warn({ model }, 'the disk tier has no room; the model is kept in memory only')
    }
    const { manifest } = this.specOf(model)
    const wanted = new Set(blobs.map(({ id }) => id))
    const files = manifest.files.filter((file) => wanted.has(blobIdOf(file)))
    const onProgress = (bytes: { doneBytes: number; totalBytes: number }) => progress.note(model, 'fetching', bytes)
    const job = await fetcher
      .open({ model: baseOf(model, manifest), manifest, files, into, context, onProgress })
      .catch((error: unknown) => {
        dispatch({ kind: 'room-refused', op, failure: failureOf(error) })
        return null
      })
    if (job === null) return
    dispatch({ kind: 'room-taken', op })
    const ended = await this.orFailed(op, fetcher.run(job))
    if (ended === null) return
    log.debug({ model, ...ended }, 'fetched')
    this.ports.onFetched(ended)
    dispatch({ kind: 'fetched', op, peerBytes: ended.peer, originBytes: ended.origin })
  }

  /** All of the blobs: the store takes the room when a promotion begins. */
  async promote({ op, model, blobs }: EffectOf<'promote'>): Promise<void> {
    const { store, progress, dispatch, table } = this.ports
    if (blobs.length === 1 && blobs[0]!.id === table.get(model)?.form?.id) progress.note(model, 'loading')
    const promotions = Promise.allSettled(blobs.map((blob) => store.promote(blob.id, this.proofOf(model, blob))))
    dispatch({ kind: 'room-taken', op })
    const refused = (await promotions).find((result) => result.status === 'rejected')
    if (refused === undefined) dispatch({ kind: 'promoted', op })
    else dispatch({ kind: 'failed', op, failure: failureOf(refused.reason) })
  }

  async derive({ op, model }: EffectOf<'derive'>): Promise<void> {
    this.ports.progress.note(model, 'deriving')
    const made = await this.orFailed(op, this.ports.derivedForms.make(this.specOf(model)))
    if (made === null) return
    this.made.set(op, made)
    this.ports.dispatch({ kind: 'form-made', op, sizeBytes: made.sizeBytes })
  }

  async keepForm({ op, model, replaces }: EffectOf<'keep-form'>): Promise<void> {
    try {
      const form = await this.ports.derivedForms.keep(model, this.made.get(op)!, replaces)
      this.made.delete(op)
      this.ports.dispatch({ kind: 'form-kept', op, form })
    } catch (error) {
      this.ports.dispatch({ kind: 'room-refused', op, failure: failureOf(error) })
    }
  }

  async discardForm({ op }: EffectOf<'discard-form'>): Promise<void> {
    const made = this.made.get(op)
    this.made.delete(op)
    if (made !== undefined) await this.ports.derivedForms.discard(made)
  }

  async load({ op, model, form }: EffectOf<'load'>): Promise<void> {
    this.ports.progress.note(model, 'loading')
    const session = await this.orFailed(op, this.loadForm(model, form!))
    if (session !== null) this.ports.dispatch({ kind: 'loaded', op, privateBytes: session.signature.privateBytes })
  }

  async unload({ model, form, isSessionOnly }: EffectOf<'unload'>): Promise<void> {
    const { sessions, store, leases, dispatch } = this.ports
    try {
      await sessions.unload(model)
      if (!isSessionOnly) store.unpublish(model)
      // The runtime's own lease ends a moment after the session.
      if (form !== null && !sessions.isInUse(form.id)) await leases.untilFree(form.id)
      dispatch({ kind: 'unloaded', model, failure: null })
    } catch (error) {
      dispatch({ kind: 'unloaded', model, failure: failureOf(error) })
    }
  }

  async drop({ model, tier, blobs }: EffectOf<'drop'>): Promise<void> {
    const { store, dispatch } = this.ports
    let isGone = true
    for (const id of blobs) {
      if (tier === 'memory') isGone = store.dropMemory(id) && isGone
      else await store.dropDisk(id)
    }
    dispatch({ kind: 'dropped', model, isGone })
  }

  /** A form that the disk has damaged is no fault of the model: it is made anew. */
  private async loadForm(model: ModelId, form: FormBlob): Promise<Session> {
    const { sessions, store } = this.ports
    try {
      return await sessions.load(model, form)
    } catch (error) {
      const isDamaged =
        store.blob(form.id)?.isIn.disk === true && (await store.verifyDisk(form.id, formCut(form.sizeBytes))) === null
      if (!isDamaged) throw error
      store.dropMemory(form.id)
      throw new HoldfastError('DISK_FAILED', 'The form that the runtime runs was damaged on disk.', { cause: error })
    }
  }

  private proofOf(model: ModelId, { id, sizeBytes }: BlobRef): BlobProof | undefined {
    if (!this.ports.verifiesReads) return undefined
    const file = this.specOf(model).manifest.files.find((one) => blobIdOf(one) === id)
    return file === undefined ? formProof(sizeBytes) : proofOf(file)
  }

  private specOf(model: ModelId): HeldSpec {
    return this.ports.table.get(model)!.spec
  }

  /** Null when it failed, and the machine was told. */
  private async orFailed<T>(op: OpId, work: Promise<T>): Promise<T | null> {
    try {
      return await work
    } catch (error) {
      this.ports.dispatch({ kind: 'failed', op, failure: failureOf(error) })
      return null
    }
  }
}
