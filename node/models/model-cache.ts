/**
 * The models of this node, over the native store. What is done for a model, in which order and in whose room, the machine of
 * core/models decides; here its effects are carried out. What is here is told to the cluster through `onResidency`.
 */

import {
  type BlobId,
  byTier,
  freeBytesOf,
  type LocalTier,
  type ModelId,
  type RequestContext,
  type Source,
} from '../../common/index.ts'
import {
  type CopyWorth,
  errorOf,
  failureOf,
  type Goal,
  type ModelEffect,
  type ModelEvent,
  ModelMachine,
  type OpId,
  type ResidentModel,
  StepQueue,
  type Timeless,
  type WantId,
} from '../../core/index.ts'
import type { ReattachedBlob, Store } from '../../native/index.ts'
import type { Manifest } from '../../origin/index.ts'
import type { EvictionPolicy, SessionLimits } from '../../placement/index.ts'
import type { ModelSignature, Runtime } from '../ports/index.ts'
import type { Clock, Log } from '../system/index.ts'
import type { BlobFetcher, FetchOutcome } from '../transfer/index.ts'
import { publishedFiles } from './blob-files.ts'
import type { DerivedForms } from './derived-forms.ts'
import type { LeaseTracker } from './lease-tracker.ts'
import { type Loading, type LoadingWatcher, LoadProgress } from './load-progress.ts'
import { type HeldSpec, type ModelRow, type ModelTable, specOf } from './model-table.ts'
import { ModelWork } from './model-work.ts'
import type { OwnBytes } from './own-bytes.ts'
import { type Session, Sessions } from './sessions.ts'

export interface ModelCachePorts {
  readonly store: Store
  readonly table: ModelTable
  readonly fetcher: BlobFetcher
  readonly derivedForms: DerivedForms
  readonly leases: LeaseTracker
  readonly runtime: Runtime
  readonly memoryPolicy: EvictionPolicy
  readonly diskPolicy: EvictionPolicy
  /** What the copy in the tier is worth, here and to the other nodes; knows the cluster. */
  readonly worth: (model: ModelId, tier: LocalTier) => CopyWorth
  /** An operator wants the model in this tier: it is not evicted from there to make room. */
  readonly isPinned?: (model: ModelId, tier: LocalTier) => boolean
  /** Of the loaded sessions of the runtime. */
  readonly sessionLimits: SessionLimits
  readonly clock: Clock
  readonly log: Log
  readonly onResidency: (models: readonly ResidentModel[]) => void
  readonly onEvicted: (tier: LocalTier, model: ModelId, reason: string) => void
  readonly onFetched: (outcome: FetchOutcome) => void
  /** Asked before a model is brought and when it is here; null where everybody may open everything. */
  readonly ownBytes: () => Pick<OwnBytes, 'check' | 'note'> | null
  /** Whether bytes are hashed as they come from the disk to memory. */
  readonly verifiesReads: boolean
  /** A model that is being made openable is in memory or on its way there, and published: who waits for ranges may have it. */
  readonly onArriving?: (model: ModelId) => void
}

/** A model as it came to be usable, and from where: 'memory' when it was already. */
export interface Ready {
  readonly source: Source
}

export interface Runnable extends Ready, Session {}

/** Says of which blobs a client's segments were taken back; reserves their memory before it returns. */
type TakeBack = (blobs: readonly BlobId[]) => Promise<ReattachedBlob[]>

export class ModelCache {
  private readonly ports: ModelCachePorts
  private readonly machine: ModelMachine<HeldSpec>
  private readonly queue: StepQueue<Timeless<ModelEvent<HeldSpec>>, ModelEffect>
  private readonly work: ModelWork
  private readonly sessions: Sessions
  private readonly freedListeners: (() => void)[] = []
  private readonly progress: LoadProgress
  private readonly wants = new Map<WantId, PromiseWithResolvers<Source>>()
  private readonly releases = new Map<WantId, PromiseWithResolvers<boolean>>()
  private readonly takes = new Map<WantId, TakeBack>()
  private readonly running = new Set<Promise<void>>()
  private lastWant: WantId = 0

  constructor(ports: ModelCachePorts) {
    this.ports = ports
    const { store, table, runtime, clock } = ports
    this.progress = new LoadProgress(() => clock.nowMs())
    this.sessions = new Sessions({ store, runtime })
    this.machine = createMachine(ports, this.sessions)
    this.queue = new StepQueue(
      (event) => this.machine.step({ ...event, nowMs: clock.nowMs() } as ModelEvent<HeldSpec>),
      (effect) => this.execute(effect),
    )
    const { sessions, progress } = this
    this.work = new ModelWork({ ...ports, table, sessions, progress, dispatch: (event) => this.queue.dispatch(event) })
  }

  /** Takes up the models whose files a former run left on disk. */
  start(rows: Iterable<ModelRow>): void {
    this.queue.dispatch({ kind: 'found', rows: [...rows] })
  }

  /** Looks again at what is where, after something else than this cache has removed blobs. */
  recheck(): void {
    this.queue.dispatch({ kind: 'found', rows: [] })
  }

  /** Keeps the model from being evicted until the hold is disposed: a request is under way. Disposing it twice is once. */
  hold(model: ModelId): Disposable {
    // Not by the queue: it holds from this moment, and nothing follows from it.
    this.machine.step({ kind: 'hold', model, nowMs: this.ports.clock.nowMs() })
    let isHeld = true
    return {
      [Symbol.dispose]: () => {
        if (isHeld) this.queue.dispatch({ kind: 'unhold', model })
        isHeld = false
      },
    }
  }

  /** Tells of every sign that there may be room: what was in the way is not in use any more, a client has closed a model. */
  onRoomFreed(listener: () => void): void {
    this.freedListeners.push(listener)
  }

  /** A client has closed a model. */
  noteLeaseClosed(): void {
    this.queue.dispatch({ kind: 'use-ended' })
  }

  /** Counts a request, hit or miss, for the eviction policies. */
  noteRequest(model: ModelId): void {
    const nowMs = this.ports.clock.nowMs()
    this.ports.memoryPolicy.onRequest(model, nowMs)
    this.ports.diskPolicy.onRequest(model, nowMs)
  }

  /** Tells the policy of the tier what its copies are worth now: before one of its plans is shown. */
  refreshCosts(tier: LocalTier): void {
    this.machine.refreshCosts(tier, this.ports.clock.nowMs())
  }

  /** Work on bringing or starting it is under way. */
  isComing(model: ModelId): boolean {
    return this.machine.isComing(model)
  }

  loading(model: ModelId): Loading | null {
    return this.progress.get(model)
  }

  /** Tells what happens to the model, now and at each change, until the function that is returned is called. */
  watchLoading(model: ModelId, watcher: LoadingWatcher): () => void {
    return this.progress.watch(model, watcher)
  }

  isRunnable(model: ModelId): boolean {
    return this.sessions.get(model) !== null
  }

  /** The manifest of a model that is in some tier of this node, so that it can be used without a fetch; else null. */
  heldManifest(model: ModelId): Manifest | null {
    const { table } = this.ports
    return table.tierOf(model) === null ? null : (table.get(model)?.spec.manifest ?? null)
  }

  /** Models that the runtime has loaded. */
  loaded(): Iterable<readonly [ModelId, Session]> {
    return this.sessions.all()
  }

  signatureOf(model: ModelId): ModelSignature | null {
    return this.sessions.get(model)?.signature ?? null
  }

  residency(): ResidentModel[] {
    return this.machine.residency()
  }

  /** The model's files are in memory, published for clients. */
  async ensureOpenable(model: ModelId, manifest: Manifest, context: RequestContext): Promise<Ready> {
    return { source: await this.want('memory', specOf(model, manifest), context) }
  }

  /** Takes over segments of the model that a client kept while this node was away: what `take` finds good is in memory, and counts. */
  async reattach(model: ModelId, manifest: Manifest, take: TakeBack): Promise<ReattachedBlob[]> {
    let taken: ReattachedBlob[] = []
    const keep: TakeBack = async (blobs) => {
      taken = await take(blobs)
      return taken
    }
    await this.want(
      'reattach',
      specOf(model, manifest),
      { tenant: 'public', deadlineMs: Number.POSITIVE_INFINITY },
      keep,
    )
    return taken
  }

  /** The model's files are on disk, for peers and for later. */
  ensureHeld(model: ModelId, manifest: Manifest, context: RequestContext): Promise<Source> {
    return this.want('disk', specOf(model, manifest), context)
  }

  /** The model is loaded by the runtime. NOT_RUNNABLE when it has no file that the runtime takes. */
  async ensureRunnable(model: ModelId, manifest: Manifest, context: RequestContext): Promise<Runnable> {
    const session = this.sessions.get(model)
    if (session !== null) return { ...session, source: 'memory' }
    const source = await this.want('ready', specOf(model, manifest), context)
    return { ...this.sessions.get(model)!, source }
  }

  /** True when nobody uses the model in this tier: no lease, no hold, no queued request. */
  mayEvict(model: ModelId, tier: LocalTier): boolean {
    return this.machine.mayLeave(model, tier)
  }

  /** Frees the model's memory, or its disk, now if nobody uses it. What is in memory keeps its files. */
  async release(model: ModelId, tier: LocalTier = 'memory'): Promise<boolean> {
    const released = Promise.withResolvers<boolean>()
    const want = this.nextWant()
    this.releases.set(want, released)
    this.queue.dispatch({ kind: 'release', want, model, tier })
    if (!(await released.promise)) return false
    this.ports.onEvicted(tier, model, 'released')
    return true
  }

  /** Takes all models that have the blob, as a file or as their derived form, out of memory. False when one of them is in use. */
  async dropFromMemory(blob: BlobId): Promise<boolean> {
    const { table, store } = this.ports
    const rows = [...table.all()].filter((row) => table.blobsOf(row).some(({ id }) => id === blob))
    // One after the other: what they share goes with the last.
    for (const { spec } of rows) await this.release(spec.model)
    return store.blob(blob)?.isIn.memory !== true
  }

  /** Waits for work that is under way. */
  async settled(): Promise<void> {
    while (this.running.size > 0) await Promise.allSettled(this.running)
  }

  /** One more for the model's work of this kind, which may be under way. The loss of one who waits does not end it. */
  private async want(goal: Goal, spec: HeldSpec, context: RequestContext, take?: TakeBack): Promise<Source> {
    const ownBytes = this.ports.ownBytes()
    if (ownBytes === null) return this.bring(goal, spec, context, take)
    await ownBytes.check(spec)
    const source = await this.bring(goal, spec, context, take)
    // Another model with the same bytes may have come meanwhile, and these from there.
    await ownBytes.check(spec)
    await ownBytes.note(spec)
    return source
  }

  private bring(goal: Goal, spec: HeldSpec, context: RequestContext, take?: TakeBack): Promise<Source> {
    const want = this.nextWant()
    const ended = Promise.withResolvers<Source>()
    this.wants.set(want, ended)
    if (take !== undefined) this.takes.set(want, take)
    return this.progress.during(spec.model, () => {
      this.queue.dispatch({ kind: 'want', want, spec, goal, context })
      return ended.promise
    })
  }

  private nextWant(): WantId {
    this.lastWant += 1
    return this.lastWant
  }

  private execute(effect: ModelEffect): void {
    const { ports, work } = this
    switch (effect.kind) {
      case 'fetch':
        this.run(work.fetch(effect))
        return
      case 'promote':
        this.run(work.promote(effect))
        return
      case 'derive':
        this.run(work.derive(effect))
        return
      case 'keep-form':
        this.run(work.keepForm(effect))
        return
      case 'discard-form':
        this.run(work.discardForm(effect))
        return
      case 'reattach':
        this.run(this.takeBack(effect.op, effect.want, effect.blobs))
        return
      case 'load':
        this.run(work.load(effect))
        return
      case 'unload':
        this.run(work.unload(effect))
        return
      case 'drop':
        this.run(work.drop(effect))
        return
      case 'publish':
        this.publish(effect.model)
        return
      case 'unpublish':
        ports.store.unpublish(effect.model)
        return
      case 'arriving':
        ports.onArriving?.(effect.model)
        return
      case 'done':
        this.wants.get(effect.want)!.resolve(effect.source)
        this.wants.delete(effect.want)
        return
      case 'not-done':
        this.wants.get(effect.want)!.reject(errorOf(effect.failure))
        this.wants.delete(effect.want)
        return
      case 'released':
        this.onReleased(effect)
        return
      case 'residency':
        ports.onResidency(effect.models)
        return
      case 'room-freed':
        for (const listener of this.freedListeners) listener()
        return
      default:
        this.report(effect)
    }
  }

  private publish(model: ModelId): void {
    const row = this.ports.table.get(model)
    if (row !== null) this.ports.store.publish({ digest: model, files: publishedFiles(row.spec.manifest) }, [])
  }

  private report(
    effect: Extract<ModelEffect, { kind: 'brought-again' | 'evicted' | 'eviction-failed' | 'session-ended' }>,
  ): void {
    const { log, onEvicted } = this.ports
    const { model } = effect
    switch (effect.kind) {
      case 'brought-again':
        log.warn({ model, error: effect.failure.message }, 'a blob on disk cannot be read; it is brought again')
        return
      case 'evicted':
        log.info({ model, tier: effect.tier, reason: effect.reason }, 'evicted')
        onEvicted(effect.tier, model, effect.reason)
        return
      case 'session-ended':
        if (effect.failure === null) log.info({ model, reason: effect.reason }, 'a session has ended for another')
        else log.error({ model, error: errorOf(effect.failure).stack }, 'a session did not end')
        return
      case 'eviction-failed':
        log.error({ model, tier: effect.tier, error: errorOf(effect.failure).stack }, 'an eviction failed')
    }
  }

  private onReleased({ want, isGone, failure }: Extract<ModelEffect, { kind: 'released' }>): void {
    const released = this.releases.get(want)!
    this.releases.delete(want)
    if (failure === null) released.resolve(isGone)
    else released.reject(errorOf(failure))
  }

  private async takeBack(op: OpId, want: WantId, blobs: readonly { readonly id: BlobId }[]): Promise<void> {
    const take = this.takes.get(want)!
    this.takes.delete(want)
    try {
      const taken = take(blobs.map(({ id }) => id))
      this.queue.dispatch({ kind: 'room-taken', op })
      await taken
      this.queue.dispatch({ kind: 'reattached', op })
    } catch (error) {
      this.queue.dispatch({ kind: 'failed', op, failure: failureOf(error) })
    }
  }

  private run(work: Promise<void>): void {
    const ending = work.finally(() => this.running.delete(ending))
    this.running.add(ending)
  }
}

function createMachine(ports: ModelCachePorts, sessions: Sessions): ModelMachine<HeldSpec> {
  const { store, table, derivedForms, memoryPolicy, diskPolicy } = ports
  return new ModelMachine<HeldSpec>({
    table,
    policy: (tier) => (tier === 'memory' ? memoryPolicy : diskPolicy),
    worth: (model, tier) => ports.worth(model, tier),
    resident: ({ model, sizeBytes }, tier) => ({ model, tier, sizeBytes }),
    facts: {
      freeBytes: (tier) => freeBytesOf(store.stats().tiers[tier]),
      limitBytes: (tier) => store.stats().tiers[tier].limitBytes,
      // The files of interrupted fills.
      hasHiddenRoom: byTier((tier) => tier === 'disk'),
      isLeased: (spec) => isLeased(spec, store),
      queuedCount: (model) => sessions.queued(model),
      isPinned: (model, tier) => ports.isPinned?.(model, tier) ?? false,
      sessionLimits: ports.sessionLimits,
      isFormCurrent: (form) => derivedForms.isCurrent(form),
      cannotRun: (spec) => {
        const error = derivedForms.cannotRun(spec)
        return error === null ? null : failureOf(error)
      },
    },
  })
}

/** A lease of the model is one of each of its files. One of some of them is of another model that shares these. */
function isLeased({ files }: HeldSpec, store: Store): boolean {
  const mapped = files.filter(({ sizeBytes }) => sizeBytes > 0)
  return mapped.length > 0 && mapped.every(({ id }) => (store.blob(id)?.leases ?? 0) > 0)
}
