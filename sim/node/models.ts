/**
 * Carries out what the machine of the models wants done in one life of a simulated node: bytes come from the simulated cluster, room is the
 * simulated store's, and conversions and starts take the time that the scenario says.
 */
import { byTier, type LocalTier, type ModelId, type RequestContext, type Source } from '../../common/index.ts'
import {
  type BlobRef,
  type CopyWorth,
  type Failure,
  type FetchChunk,
  type FormBlob,
  type ModelEffect,
  type ModelEvent,
  ModelMachine,
  type ModelSpec,
  ModelTable,
  type OpId,
  type ResidentModel,
  StepQueue,
  type Timeless,
  type WantId,
} from '../../core/index.ts'
import type { EvictionPolicy } from '../../placement/index.ts'
import type { Metrics } from '../metrics/metrics.ts'
import type { EventQueue } from '../world/event-queue.ts'
import type { SimModel } from '../world/models.ts'
import { DiskReads } from './disk-reads.ts'
import type { SimStore } from './sim-store.ts'

/** What the models ask of their node. */
export interface ModelsNode {
  readonly store: SimStore
  readonly chunks: {
    begin(model: SimModel): void
    fill(model: SimModel): void
    drop(model: SimModel): void
    interrupt(model: SimModel): void
    lacking(model: SimModel): readonly FetchChunk[]
  }
  policy(tier: LocalTier): EvictionPolicy
  worth(model: SimModel, tier: LocalTier): CopyWorth
  /** How long reading them from the disk takes now. */
  readMs(sizeBytes: number): number
  isPinned(model: SimModel, tier: LocalTier): boolean
  /** Begins a fetch; `fetched` or `fetchFailed` is called in the end. */
  fetch(model: ModelId, chunks: readonly FetchChunk[], context: RequestContext): void
  later(delayMs: number, run: () => void): void
  onResidency(models: readonly ResidentModel[]): void
  onEvicted(model: SimModel, tier: LocalTier, reason: string): void
  onRoomFreed(): void
  /** A request wants a model that is not here, for the first time since it last was. */
  onWanted(model: SimModel): void
}

export interface ModelsWorld {
  readonly queue: EventQueue
  readonly metrics: Metrics
  readonly byId: ReadonlyMap<ModelId, SimModel>
}

/** A model that is ready in memory. */
interface Copy {
  /** Until then requests for it run or wait for a worker here. */
  busyUntilMs: number
  /** Until then such that hold nothing, whose end nobody tells. */
  unheldUntilMs: number
}

type EffectOf<K extends ModelEffect['kind']> = Extract<ModelEffect, { kind: K }>

const forRequest: RequestContext = { tenant: 'public', deadlineMs: Number.POSITIVE_INFINITY }
const full = byTier((tier): Failure => {
  return { code: tier === 'disk' ? 'DISK_FULL' : 'MEMORY_FULL', message: `the ${tier} has no room` }
})

export class SimModels {
  readonly machine: ModelMachine
  /** By the model's index. */
  readonly ready = new Map<number, Copy>()
  private readonly world: ModelsWorld
  private readonly node: ModelsNode
  private readonly queue: StepQueue<Timeless<ModelEvent>, ModelEffect>
  private readonly reads: DiskReads
  private readonly wants = new Map<WantId, (outcome: Source | Failure) => void>()
  private readonly releases = new Map<WantId, (isGone: boolean) => void>()
  private readonly fetches = new Map<SimModel, EffectOf<'fetch'>>()
  /** By the model's index: requests want it, and it has not come yet. */
  private readonly wanted = new Set<number>()
  private lastWant: WantId = 0
  /** Work done now takes no time: its result was there before the run began. */
  private isBefore = false

  constructor(world: ModelsWorld, node: ModelsNode) {
    this.world = world
    this.node = node
    this.machine = createMachine(world, node, this.ready)
    this.queue = new StepQueue(
      (event) => this.machine.step({ ...event, nowMs: world.queue.nowMs } as ModelEvent),
      (effect) => this.execute(effect),
    )
    this.reads = new DiskReads({
      readMs: (sizeBytes) => node.readMs(sizeBytes),
      later: (delayMs, run) => node.later(delayMs, run),
    })
  }

  /** What a former life has left on the disk. */
  takeOver(former: SimModels): void {
    const { store } = this.node
    const rows = [...former.machine.table.all()]
      .filter(({ spec }) => spec.files.some(({ id }) => store.isHeld(id)))
      .map(({ spec, form }) => ({ spec, form: form !== null && store.isHeld(form.id) ? form : null }))
    this.queue.dispatch({ kind: 'found', rows })
  }

  /** Has the models from the start: their bytes lie where a former run would have left them, and each is made ready. */
  preload(models: readonly SimModel[]): void {
    this.isBefore = true
    this.queue.dispatch({ kind: 'found', rows: this.place(models) })
    for (const model of models) this.makeReady(model, () => {})
    this.isBefore = false
  }

  /** As many, in order, as find room where nothing has to leave for it: the rest has to be brought. */
  private place(models: readonly SimModel[]): { spec: ModelSpec; form: FormBlob | null }[] {
    const { store, chunks } = this.node
    const rows: { spec: ModelSpec; form: FormBlob | null }[] = []
    for (const model of models) {
      const spec = this.specOf(model)
      const form = spec.runs === 'form' ? model.specs.form : null
      const blobs = form === null ? spec.files : [...spec.files, form]
      // What runs as it is lies in memory, and on the disk besides where there is one.
      const isPlaced =
        (form !== null || store.reserve(blobs, 'memory')) &&
        (store.tiers.disk.limitBytes === 0 || store.reserve(blobs, 'disk'))
      if (!isPlaced) {
        store.interrupt(blobs)
        break
      }
      store.settle(blobs)
      chunks.fill(model)
      rows.push({ spec, form })
    }
    return rows
  }

  isHere(model: SimModel): boolean {
    return this.machine.table.tierOf(model.id) !== null
  }

  isFetching(model: SimModel): boolean {
    return this.fetches.has(model)
  }

  makeReady(model: SimModel, end: (outcome: Source | Failure) => void): void {
    if (this.ready.has(model.index)) {
      end('memory')
      return
    }
    if (!this.isBefore) this.noteWanted(model)
    this.want(model, 'ready', forRequest, end)
  }

  /** A copy for later. A node without a disk has models in memory alone. */
  bring(model: SimModel, tier: LocalTier, context: RequestContext, end: (failure: Failure | null) => void): void {
    const goal = tier === 'disk' && this.node.store.tiers.disk.limitBytes > 0 ? 'disk' : 'ready'
    this.want(model, goal, context, (outcome) => end(typeof outcome === 'string' ? null : outcome))
  }

  /** On the disk of the node, whole. */
  isOnDisk({ specs }: SimModel): boolean {
    return specs.asIs.files.every(({ id }) => this.node.store.isIn(id, 'disk'))
  }

  /** Frees the model's memory or disk if nobody uses it. */
  release(model: SimModel, tier: LocalTier, end: (isGone: boolean) => void): void {
    const want = this.nextWant()
    this.releases.set(want, end)
    this.queue.dispatch({ kind: 'release', want, model: model.id, tier })
  }

  hold(model: SimModel): void {
    // Not by the queue: it holds from this moment, and nothing follows from it.
    this.machine.step({ kind: 'hold', model: model.id, nowMs: this.world.queue.nowMs })
  }

  unhold(model: SimModel): void {
    this.queue.dispatch({ kind: 'unhold', model: model.id })
  }

  busy({ index }: SimModel, untilMs: number, isHeld: boolean): void {
    const copy = this.ready.get(index)!
    if (untilMs > copy.busyUntilMs) copy.busyUntilMs = untilMs
    if (!isHeld && untilMs > copy.unheldUntilMs) copy.unheldUntilMs = untilMs
  }

  /** When the next of the requests ends that run or wait for a worker and hold nothing. */
  nextIdleMs(nowMs: number): number {
    let nextMs = Number.POSITIVE_INFINITY
    for (const { unheldUntilMs } of this.ready.values()) {
      if (unheldUntilMs > nowMs) nextMs = Math.min(nextMs, unheldUntilMs)
    }
    return nextMs
  }

  useEnded(): void {
    this.queue.dispatch({ kind: 'use-ended' })
  }

  fetched(model: SimModel, peerBytes: number, originBytes: number): void {
    const fetch = this.fetches.get(model)
    if (fetch === undefined) return
    this.fetches.delete(model)
    this.node.store.settle(fetch.blobs)
    this.queue.dispatch({ kind: 'fetched', op: fetch.op, peerBytes, originBytes })
  }

  fetchFailed(model: SimModel, failure: Failure): void {
    const fetch = this.fetches.get(model)
    if (fetch === undefined) return
    this.fetches.delete(model)
    this.node.store.interrupt(fetch.blobs)
    this.dropChunks(model)
    this.queue.dispatch({ kind: 'failed', op: fetch.op, failure })
  }

  /** Nobody hears the end of what was under way. */
  crash(): void {
    this.fetches.clear()
    this.ready.clear()
    this.node.store.crash()
    for (const { spec } of this.machine.table.all()) this.dropChunks(this.modelOf(spec.model))
  }

  /** Until it is here somebody wants it, whatever becomes of one request. */
  private noteWanted(model: SimModel): void {
    if (this.isHere(model) || this.wanted.has(model.index)) return
    this.wanted.add(model.index)
    this.node.onWanted(model)
  }

  private want(
    model: SimModel,
    goal: 'disk' | 'ready',
    context: RequestContext,
    end: (outcome: Source | Failure) => void,
  ): void {
    const want = this.nextWant()
    this.wants.set(want, end)
    this.queue.dispatch({ kind: 'want', want, spec: this.specOf(model), goal, context })
  }

  private nextWant(): WantId {
    this.lastWant += 1
    return this.lastWant
  }

  /** Where the disk has no place for a derived form, as where there is none, models run from their files. */
  private specOf({ sizeBytes, mayForward, specs }: SimModel): ModelSpec {
    return mayForward && 2 * sizeBytes <= this.node.store.tiers.disk.limitBytes ? specs.derived : specs.asIs
  }

  private execute(effect: ModelEffect): void {
    switch (effect.kind) {
      case 'fetch':
        this.fetch(effect)
        return
      case 'promote':
        this.promote(effect)
        return
      case 'derive':
        this.derive(effect)
        return
      case 'keep-form':
        this.keepForm(effect)
        return
      case 'load':
        this.load(effect)
        return
      case 'unload':
        this.ready.delete(this.modelOf(effect.model).index)
        this.queue.dispatch({ kind: 'unloaded', model: effect.model, failure: null })
        return
      case 'drop':
        this.drop(effect)
        return
      case 'done':
        this.end(effect.want, effect.source)
        return
      case 'not-done':
        this.end(effect.want, effect.failure)
        return
      case 'evicted':
        this.node.onEvicted(this.modelOf(effect.model), effect.tier, effect.reason)
        return
      case 'released':
        this.releases.get(effect.want)!(effect.isGone)
        this.releases.delete(effect.want)
        return
      case 'residency':
        this.node.onResidency(effect.models)
        return
      case 'room-freed':
        this.node.onRoomFreed()
        return
      default:
      // No client of a simulated node opens files, and no file is lost.
    }
  }

  private end(want: WantId, outcome: Source | Failure): void {
    const end = this.wants.get(want)!
    this.wants.delete(want)
    end(outcome)
  }

  private fetch(effect: EffectOf<'fetch'>): void {
    const { op, blobs, into } = effect
    const { node } = this
    const model = this.modelOf(effect.model)
    if (!this.takeRoom(op, blobs, into.memory ? 'memory' : 'disk')) return
    // What goes to memory has a place on the disk besides where there is one.
    if (into.memory && into.disk) node.store.reserve(blobs, 'disk')
    const isHere = blobs.every(({ id }) => node.store.isHeld(id))
    this.fetches.set(model, effect)
    if (this.isBefore || isHere) {
      node.chunks.fill(model)
      this.fetched(model, 0, 0)
      return
    }
    node.chunks.begin(model)
    const lacking = node.chunks.lacking(model)
    if (lacking.length === 0) this.fetched(model, 0, 0)
    else node.fetch(model.id, lacking, effect.context)
  }

  private promote({ op, blobs }: EffectOf<'promote'>): void {
    if (!this.takeRoom(op, blobs, 'memory')) return
    const sizeBytes = blobs.reduce((sum, blob) => sum + blob.sizeBytes, 0)
    const end = (): void => {
      this.node.store.settle(blobs)
      this.queue.dispatch({ kind: 'promoted', op })
    }
    if (this.isBefore) {
      end()
      return
    }
    const { queue, metrics } = this.world
    this.reads.read(sizeBytes, end)
    if (metrics.isCounted(queue.nowMs)) metrics.diskReadBytes += sizeBytes
  }

  private derive({ op, model: id }: EffectOf<'derive'>): void {
    const { deriveMs, sizeBytes } = this.modelOf(id)
    this.after(deriveMs, () => this.queue.dispatch({ kind: 'form-made', op, sizeBytes }))
  }

  private keepForm({ op, model: id }: EffectOf<'keep-form'>): void {
    const { form } = this.modelOf(id).specs
    if (!this.node.store.reserve([form], 'disk')) {
      this.queue.dispatch({ kind: 'room-refused', op, failure: full.disk })
      return
    }
    this.node.store.settle([form])
    this.queue.dispatch({ kind: 'form-kept', op, form })
  }

  /** Where the files run as they are though the runtime would want a form, each start converts them anew. */
  private load({ op, model: id, form }: EffectOf<'load'>): void {
    const model = this.modelOf(id)
    const deriveMs = form === null && model.mayForward ? model.deriveMs : 0
    this.after(deriveMs + model.initMs, () => {
      this.wanted.delete(model.index)
      this.ready.set(model.index, { busyUntilMs: 0, unheldUntilMs: 0 })
      this.queue.dispatch({ kind: 'loaded', op, privateBytes: 0 })
    })
  }

  private drop({ model: id, tier, blobs }: EffectOf<'drop'>): void {
    for (const id of blobs) this.node.store.drop(id, tier)
    this.dropChunks(this.modelOf(id))
    this.queue.dispatch({ kind: 'dropped', model: id, isGone: true })
  }

  private takeRoom(op: OpId, blobs: readonly BlobRef[], tier: LocalTier): boolean {
    const isTaken = this.node.store.reserve(blobs, tier)
    if (isTaken) this.queue.dispatch({ kind: 'room-taken', op })
    else this.queue.dispatch({ kind: 'room-refused', op, failure: full[tier] })
    return isTaken
  }

  /** Chunks of a model are served to others as long as its files are here. */
  private dropChunks(model: SimModel): void {
    const { store, chunks } = this.node
    const { files } = model.specs.asIs
    if (this.fetches.has(model) || files.some(({ id }) => store.isHeld(id))) return
    if (files.some(({ id }) => store.hasPart(id))) chunks.interrupt(model)
    else chunks.drop(model)
  }

  private after(delayMs: number, run: () => void): void {
    if (this.isBefore || delayMs === 0) run()
    else this.node.later(delayMs, run)
  }

  private modelOf(id: ModelId): SimModel {
    return this.world.byId.get(id)!
  }
}

function createMachine({ byId, queue }: ModelsWorld, node: ModelsNode, ready: ReadonlyMap<number, Copy>): ModelMachine {
  const { store } = node
  return new ModelMachine({
    table: new ModelTable({ blob: (id) => store.blob(id), pageBytes: 1 }),
    policy: (tier) => node.policy(tier),
    worth: (id, tier) => node.worth(byId.get(id)!, tier),
    resident: ({ model }, tier) => byId.get(model)!.resident[tier],
    facts: {
      freeBytes: (tier) => store.tiers[tier].freeBytes,
      limitBytes: (tier) => store.tiers[tier].limitBytes,
      // The parts of interrupted fetches.
      hasHiddenRoom: byTier((tier) => tier === 'disk'),
      isLeased: () => false,
      queuedCount: (id) => ((ready.get(byId.get(id)!.index)?.busyUntilMs ?? 0) > queue.nowMs ? 1 : 0),
      isPinned: (id, tier) => node.isPinned(byId.get(id)!, tier),
      isFormCurrent: () => true,
      cannotRun: () => null,
      // A simulated runtime has no memory of its own.
      sessionLimits: { sessionsMax: Number.POSITIVE_INFINITY, privateBytesMax: Number.POSITIVE_INFINITY },
    },
  })
}
