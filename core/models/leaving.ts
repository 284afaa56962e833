/**
 * Models on their way out of the tiers of a node: first the session and the openings end, then the bytes go. A blob that another
 * model of the tier needs stays with that one. What is in memory leaves it before it leaves the disk.
 */
import { type LocalTier, localTiers, type ModelId } from '../../common/index.ts'
import type { RemovalCause } from '../../placement/index.ts'
import type { Failure } from '../failure.ts'
import type { ModelRow, ModelTable } from './model-table.ts'
import type { PolicyFeed } from './policy-feed.ts'
import type { BlobRef, ModelEffect, ModelSpec, WantId } from './types.ts'

/** Why a model leaves: room is needed, or it is released by an operator or by placement. */
export type LeavingReason =
  /** The session ends for another one; the bytes stay. */
  | { readonly by: 'session'; readonly reason: string }
  | { readonly by: 'room'; readonly reason: string }
  | { readonly by: 'release'; readonly want: WantId }

export interface Leaving<S extends ModelSpec> {
  readonly row: ModelRow<S>
  readonly tier: LocalTier
  readonly why: LeavingReason
  /** Of which it is being dropped; null while it is unloaded. */
  dropping: LocalTier | null
}

export interface LeavingsPorts<S extends ModelSpec> {
  readonly table: ModelTable<S>
  readonly feeds: Readonly<Record<LocalTier, PolicyFeed>>
  /** Somebody is at work on it. */
  isHeld(model: ModelId): boolean
  emit(effect: ModelEffect): void
  /** Tells the policies what of the model is where now. */
  noteTiers(row: ModelRow<S>): void
  /** Nothing of the model is here and nobody works on it: the table need not know it. */
  forgetIfGone(row: ModelRow<S>): void
  /** The session of the model has ended. */
  onUnloaded(model: ModelId): void
  /** @param isGone false when some of it came into use meanwhile; that part stays. */
  onEnd(leaving: Leaving<S>, isGone: boolean, failure: Failure | null): void
}

export class Leavings<S extends ModelSpec> {
  private readonly ports: LeavingsPorts<S>
  private readonly running = new Map<ModelId, Leaving<S>>()

  constructor(ports: LeavingsPorts<S>) {
    this.ports = ports
  }

  get isAny(): boolean {
    return this.running.size > 0
  }

  has(model: ModelId): boolean {
    return this.running.has(model)
  }

  /** The model, or one with which it shares blobs, is leaving: its bytes are where they are for a moment only. */
  concerns(row: ModelRow<S>): boolean {
    if (this.running.size === 0) return false
    if (this.running.has(row.spec.model)) return true
    for (const other of this.ports.table.sharersOf(row)) if (this.running.has(other)) return true
    return false
  }

  begin(row: ModelRow<S>, tier: LocalTier, why: LeavingReason): void {
    const { model } = row.spec
    const leaving: Leaving<S> = { row, tier, why, dropping: null }
    this.running.set(model, leaving)
    if (tier === 'disk' && this.ports.table.tierOf(model) !== 'memory') {
      this.drop(leaving, 'disk')
      return
    }
    const { form } = row
    row.session = 'none'
    this.ports.emit({ kind: 'unload', model, form, isSessionOnly: why.by === 'session' })
  }

  unloaded(model: ModelId, failure: Failure | null): void {
    const leaving = this.running.get(model)
    if (leaving === undefined || leaving.dropping !== null) return
    this.ports.onUnloaded(model)
    if (leaving.why.by === 'session') this.end(leaving, failure === null, failure)
    else if (failure === null) this.drop(leaving, 'memory')
    else this.end(leaving, false, failure)
  }

  dropped(model: ModelId, isGone: boolean, nowMs: number): void {
    const leaving = this.running.get(model)
    if (leaving === undefined || leaving.dropping === null) return
    const { row, tier, why, dropping } = leaving
    const cause: RemovalCause = why.by === 'release' && tier === 'memory' ? 'dropped' : 'evicted'
    if (isGone) this.ports.feeds[dropping].remove(model, cause, nowMs)
    else this.ports.noteTiers(row)
    this.noteSharers(row)
    if (isGone && dropping !== tier) this.drop(leaving, tier)
    else this.end(leaving, isGone, null)
  }

  private drop(leaving: Leaving<S>, tier: LocalTier): void {
    const { table } = this.ports
    const { row } = leaving
    const { model } = row.spec
    leaving.dropping = tier
    const blobs = table
      .blobsOf(row)
      .filter((blob) => (tier === 'disk' || table.isIn(blob, 'memory')) && !this.isNeeded(blob, model, tier))
      .map(({ id }) => id)
    this.ports.emit({ kind: 'drop', model, tier, blobs })
  }

  private end(leaving: Leaving<S>, isGone: boolean, failure: Failure | null): void {
    this.running.delete(leaving.row.spec.model)
    this.ports.forgetIfGone(leaving.row)
    this.ports.onEnd(leaving, isGone, failure)
  }

  private isNeeded(blob: BlobRef, model: ModelId, tier: LocalTier): boolean {
    const { table, isHeld, feeds } = this.ports
    return table.othersWith(blob.id, model).some((other) => {
      const row = table.get(other)!
      if (isHeld(other)) return true
      if (tier === 'disk') return feeds.disk.has(other) && table.filesHeld(row)
      if (row.session !== 'none' && isRunFrom(row, blob)) return true
      const isFile = row.spec.files.some(({ id }) => id === blob.id)
      return isFile && feeds.memory.has(other) && table.filesIn(row, 'memory')
    })
  }

  /** Incomplete models may have lost a blob that they shared. */
  private noteSharers(row: ModelRow<S>): void {
    const { table, feeds } = this.ports
    for (const other of table.sharersOf(row)) {
      const sharer = table.get(other)!
      if (localTiers.some((tier) => feeds[tier].has(other))) this.ports.noteTiers(sharer)
      else this.ports.forgetIfGone(sharer)
    }
  }
}

/** The session of a loaded model maps the blob. */
function isRunFrom<S extends ModelSpec>({ spec, form }: ModelRow<S>, { id }: BlobRef): boolean {
  return spec.runs === 'files' ? spec.files.some((file) => file.id === id) : form?.id === id
}
