/**
 * A machine of models over a store of bytes that are only counted. What an effect begins stays under way until the test lets it end, in
 * any order, well or not.
 */
import { byTier, type LocalTier, type ModelId, type Source, toBlobId } from '../../../common/index.ts'
import type { Failure } from '../../../core/failure.ts'
import { ModelMachine } from '../../../core/models/model-machine.ts'
import { ModelTable } from '../../../core/models/model-table.ts'
import type { BlobRef, Goal, ModelEffect, ModelEvent, ModelSpec, OpId } from '../../../core/models/types.ts'
import { StepQueue, type Timeless } from '../../../core/queue.ts'
import { LruPolicy } from '../../../placement/eviction/lru.ts'
import type { SessionLimits } from '../../../placement/index.ts'
import { SimStore } from '../../../sim/node/sim-store.ts'

export const anyone = { tenant: 'public', deadlineMs: Number.POSITIVE_INFINITY }

interface Work {
  readonly name: string
  readonly end: (failure: Failure | null) => void
}

const full: Record<LocalTier, Failure> = {
  memory: { code: 'MEMORY_FULL', message: 'no room' },
  disk: { code: 'DISK_FULL', message: 'no room' },
}

/** @param blobs names and sizes: 'a3' is a blob of three bytes. */
export function specOf(model: ModelId, blobs: readonly string[], runs: ModelSpec['runs'] = 'form'): ModelSpec {
  const files = blobs.map((name) => ({ id: toBlobId(name), sizeBytes: Number(name.slice(1)) }))
  return { model, files, sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0), runs }
}

const unlimited: SessionLimits = { sessionsMax: Number.POSITIVE_INFINITY, privateBytesMax: Number.POSITIVE_INFINITY }

export class MachineFixture {
  readonly store: SimStore
  readonly machine: ModelMachine
  /** Under way, oldest first. */
  readonly works: Work[] = []
  readonly log: string[] = []
  readonly ended = new Map<number, Source | Failure>()
  readonly released: boolean[] = []
  readonly leased = new Set<ModelId>()
  readonly queued = new Set<ModelId>()
  readonly policies = byTier(() => new LruPolicy())
  /** Of every session that is loaded. */
  privateBytes = 0
  /** Every step, for what has to hold always. */
  onStep: () => void = () => {}
  private readonly queue: StepQueue<Timeless<ModelEvent>, ModelEffect>
  /** How many works move a blob. */
  private readonly moving = new Map<string, number>()
  private wantCount = 0
  private nowMs = 0

  constructor(limitBytes: Readonly<Record<LocalTier, number>>, sessionLimits: SessionLimits = unlimited) {
    this.store = new SimStore(limitBytes)
    const { store } = this
    this.machine = new ModelMachine({
      table: new ModelTable({ blob: (id) => store.blob(id), pageBytes: 1 }),
      policy: (tier) => this.policies[tier],
      worth: () => ({ missCostMs: 1, othersLossMsPerS: 0 }),
      resident: ({ model, sizeBytes }, tier) => ({ model, tier, sizeBytes }),
      facts: {
        freeBytes: (tier) => store.tiers[tier].freeBytes,
        limitBytes: (tier) => store.tiers[tier].limitBytes,
        hasHiddenRoom: { memory: false, disk: true },
        isLeased: ({ model }) => this.leased.has(model),
        queuedCount: (model) => (this.queued.has(model) ? 1 : 0),
        isPinned: () => false,
        isFormCurrent: () => true,
        cannotRun: () => null,
        sessionLimits,
      },
    })
    this.queue = new StepQueue(
      (event) => {
        const effects = this.machine.step({ ...event, nowMs: this.nowMs } as ModelEvent)
        this.onStep()
        return effects
      },
      (effect) => this.execute(effect),
    )
  }

  want(spec: ModelSpec, goal: Goal): number {
    this.nowMs += 1
    for (const policy of Object.values(this.policies)) policy.onRequest(spec.model, this.nowMs)
    this.wantCount += 1
    this.queue.dispatch({ kind: 'want', want: this.wantCount, spec, goal, context: anyone })
    return this.wantCount
  }

  hold(model: ModelId): void {
    this.queue.dispatch({ kind: 'hold', model })
  }

  unhold(model: ModelId): void {
    this.queue.dispatch({ kind: 'unhold', model })
  }

  release(model: ModelId, tier: LocalTier): void {
    this.queue.dispatch({ kind: 'release', want: 0, model, tier })
  }

  useEnded(): void {
    this.queue.dispatch({ kind: 'use-ended' })
  }

  /** Ends the work of this name that began first. */
  end(name: string, failure: Failure | null = null): void {
    const at = this.works.findIndex((work) => work.name === name)
    if (at === -1) throw new Error(`no ${name} is under way, but ${this.works.map((work) => work.name).join(', ')}`)
    this.endAt(at, failure)
  }

  endAt(at: number, failure: Failure | null = null): void {
    const [work] = this.works.splice(at, 1)
    work!.end(failure)
  }

  /** Ends everything well, until nothing is under way. */
  drain(): void {
    while (this.works.length > 0) this.endAt(0)
  }

  /** Want, and all that follows at once. */
  bring(spec: ModelSpec, goal: Goal): Source | Failure {
    const want = this.want(spec, goal)
    this.drain()
    return this.ended.get(want)!
  }

  isIn(spec: ModelSpec, tier: LocalTier): boolean {
    return spec.files.every(({ id }) => this.store.isIn(id, tier))
  }

  private execute(effect: ModelEffect): void {
    this.note(effect)
    switch (effect.kind) {
      case 'fetch':
        this.fetch(effect)
        return
      case 'promote':
        this.move(effect.op, `promote ${effect.model}`, effect.blobs, ['memory'], { kind: 'promoted', op: effect.op })
        return
      case 'derive':
        this.begin(`derive ${effect.model}`, effect.op, () => ({ kind: 'form-made', op: effect.op, sizeBytes: 1 }))
        return
      case 'keep-form': {
        const form = { id: toBlobId(`form ${effect.model}`), sizeBytes: 1, fingerprint: 'now' }
        if (!this.store.reserve([form], 'disk')) {
          this.queue.dispatch({ kind: 'room-refused', op: effect.op, failure: full.disk })
          return
        }
        this.store.settle([form])
        this.queue.dispatch({ kind: 'form-kept', op: effect.op, form })
        return
      }
      case 'reattach':
        this.move(effect.op, `reattach ${effect.model}`, effect.blobs, ['memory'], {
          kind: 'reattached',
          op: effect.op,
        })
        return
      case 'load':
        this.begin(`load ${effect.model}`, effect.op, () => ({
          kind: 'loaded',
          op: effect.op,
          privateBytes: this.privateBytes,
        }))
        return
      case 'unload': {
        const { model } = effect
        const end = (failure: Failure | null) => this.queue.dispatch({ kind: 'unloaded', model, failure })
        this.works.push({ name: `unload ${model}`, end })
        return
      }
      case 'drop': {
        for (const id of effect.blobs) this.store.drop(id, effect.tier)
        this.queue.dispatch({ kind: 'dropped', model: effect.model, isGone: true })
        return
      }
      case 'done':
        this.onEnded(effect.want, effect.source)
        return
      case 'not-done':
        this.onEnded(effect.want, effect.failure)
        return
      case 'released':
        this.released.push(effect.isGone)
        return
      default:
    }
  }

  private note(effect: ModelEffect): void {
    if (effect.kind === 'residency')
      this.log.push(effect.models.map(({ model, tier }) => `${model} ${tier}`).join(', '))
    else if ('model' in effect) this.log.push(`${effect.kind} ${effect.model}`)
    else if (effect.kind === 'room-freed') this.log.push(effect.kind)
  }

  private fetch({ op, model, blobs, into }: Extract<ModelEffect, { kind: 'fetch' }>): void {
    const isDiskWanted = into.disk && (!into.memory || this.store.tiers.disk.freeBytes >= sizeOf(blobs))
    const tiers: LocalTier[] = [
      ...(into.memory ? (['memory'] as const) : []),
      ...(isDiskWanted ? (['disk'] as const) : []),
    ]
    this.move(op, `fetch ${model}`, blobs, tiers, { kind: 'fetched', op, peerBytes: 1, originBytes: 0 })
  }

  private move(
    op: OpId,
    name: string,
    blobs: readonly BlobRef[],
    tiers: readonly LocalTier[],
    moved: Timeless<ModelEvent>,
  ): void {
    if (!this.store.reserve(blobs, tiers[0]!)) {
      this.queue.dispatch({ kind: 'room-refused', op, failure: full[tiers[0]!] })
      return
    }
    for (const tier of tiers.slice(1)) this.store.reserve(blobs, tier)
    for (const { id } of blobs) this.moving.set(id, (this.moving.get(id) ?? 0) + 1)
    this.queue.dispatch({ kind: 'room-taken', op })
    this.works.push({
      name,
      end: (failure) => {
        for (const { id } of blobs) this.moving.set(id, this.moving.get(id)! - 1)
        // Others may be at work on the same blob: for them it still comes, if it is not here now.
        if (failure === null) this.store.settle(blobs.filter(({ id }) => this.store.blob(id) !== null))
        else this.store.interrupt(blobs.filter(({ id }) => this.moving.get(id) === 0))
        this.queue.dispatch(failure === null ? moved : { kind: 'failed', op, failure })
      },
    })
  }

  private begin(name: string, op: OpId, ended: () => Timeless<ModelEvent>): void {
    const end = (failure: Failure | null) =>
      this.queue.dispatch(failure === null ? ended() : { kind: 'failed', op, failure })
    this.works.push({ name, end })
  }

  private onEnded(want: number, outcome: Source | Failure): void {
    if (this.ended.has(want)) throw new Error(`want ${want} ended twice`)
    this.ended.set(want, outcome)
  }
}

function sizeOf(blobs: readonly BlobRef[]): number {
  return blobs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
}
