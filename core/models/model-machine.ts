/**
 * The models of one node as a state machine: what is wanted of them in, what has to be done for it out. It decides what is fetched,
 * derived, promoted and loaded in which order, who gets room and what leaves for it; the daemon and the simulator carry that out.
 *
 * Work on one model is shared by all who want the same of it, and goes on when one of them gives up. A blob that two models share
 * is fetched for one of them, and the other waits. Nothing with a hold, a lease, queued work or work under way is evicted.
 */
import { type LocalTier, localTiers, type ModelId } from '../../common/index.ts'
import type { SessionPlan } from '../../placement/index.ts'
import type { ResidentModel } from '../events.ts'
import type { Failure } from '../failure.ts'
import { type Leaving, Leavings } from './leaving.ts'
import type { ModelRow, ModelTable } from './model-table.ts'
import type { ModelMachinePorts } from './ports.ts'
import { Presence } from './presence.ts'
import { Rooms } from './rooms.ts'
import { SessionRoom } from './session-room.ts'
import type { RoomOutcome } from './tier-allocator.ts'
import { Tracks } from './tracks.ts'
import { Turn } from './turn.ts'
import type { ModelEffect, ModelEvent, ModelSpec } from './types.ts'
import { UseCounts } from './use-counts.ts'

type EventOf<S extends ModelSpec, K extends ModelEvent['kind']> = Extract<ModelEvent<S>, { kind: K }>

export class ModelMachine<S extends ModelSpec = ModelSpec> {
  readonly table: ModelTable<S>
  private readonly turn = new Turn()
  private readonly presence: Presence<S>
  private readonly rooms: Rooms<S>
  private readonly leavings: Leavings<S>
  private readonly tracks: Tracks<S>
  private readonly sessions: SessionRoom
  private readonly uses = new UseCounts()
  private isRoomFreed = false

  constructor(ports: ModelMachinePorts<S>) {
    const { table, facts } = ports
    const { turn } = this
    this.table = table
    const presence = new Presence(ports)
    const isHeld = (model: ModelId) => this.isHeld(model)
    this.presence = presence
    this.rooms = new Rooms({
      machine: ports,
      turn,
      presence,
      isHeld,
      isLeaving: (model) => this.leavings.has(model),
    })
    this.leavings = new Leavings({
      table,
      feeds: presence.feeds,
      isHeld,
      emit: (effect) => turn.emit(effect),
      noteTiers: (row) => presence.note(row, turn.nowMs),
      forgetIfGone: (row) => this.forgetIfGone(row),
      onUnloaded: (model) => this.sessions.ended(model),
      onEnd: (leaving, isGone, failure) => this.onLeft(leaving, isGone, failure),
    })
    this.sessions = new SessionRoom({
      limits: () => facts.sessionLimits,
      ratePerS: (model, nowMs) => ports.policy('memory').expectedRatePerS?.(model, nowMs) ?? null,
      mayEnd: (model) => table.get(model)?.session === 'loaded' && !isHeld(model) && facts.queuedCount(model) === 0,
      isEnding: (model) => (table.get(model)?.session ?? 'none') === 'none',
    })
    this.tracks = new Tracks({
      table,
      facts,
      turn,
      presence,
      rooms: this.rooms,
      sessions: this.sessions,
      endSessions: (victims) => this.endSessions(victims),
      isMoving: (row) => this.leavings.concerns(row),
      onIdle: (model) => this.onIdle(model),
    })
  }

  step(event: ModelEvent<S>): readonly ModelEffect[] {
    this.turn.begin(event.nowMs)
    this.handle(event)
    this.settle()
    const models = this.presence.pending()
    if (models !== null) this.turn.emit({ kind: 'residency', models })
    if (this.isRoomFreed) this.turn.emit({ kind: 'room-freed' })
    this.isRoomFreed = false
    return this.turn.effects
  }

  isReady(model: ModelId): boolean {
    return this.table.get(model)?.session === 'loaded'
  }

  /** Work on bringing or starting it is under way. */
  isComing(model: ModelId): boolean {
    return this.tracks.has(model)
  }

  /** Models on which work is under way. */
  loading(): IterableIterator<ModelId> {
    return this.tracks.models()
  }

  /** The models that are here now, sorted by id. */
  residency(): ResidentModel[] {
    return this.presence.residency()
  }

  /** True when nobody uses the model in this tier: no lease, no hold, no queued request. What is in memory keeps its files on disk. */
  mayLeave(model: ModelId, tier: LocalTier): boolean {
    return this.rooms.mayLeave(model, tier)
  }

  /** Tells the policy of the tier what its copies are worth now: before one of its plans is shown. */
  refreshCosts(tier: LocalTier, nowMs: number): void {
    this.presence.refreshCosts(tier, nowMs)
  }

  /** Models that may leave the tier, first victim first. */
  evictionOrder(tier: LocalTier, nowMs: number): ModelId[] {
    return this.rooms.evictionOrder(tier, nowMs)
  }

  checkInvariants(): void {
    this.table.checkInvariants()
    this.tracks.checkInvariants((model) => this.leavings.has(model))
    // The store has dropped shared blobs before this machine is told, so models that share them count as leaving.
    const isLeaving = (row: ModelRow<S> | null) => row !== null && this.leavings.concerns(row)
    const isUnderWay = (model: ModelId) => this.tracks.has(model) || isLeaving(this.table.get(model))
    this.presence.checkInvariants(isUnderWay, this.tracks.isIdle && !this.leavings.isAny)
  }

  private handle(event: ModelEvent<S>): void {
    switch (event.kind) {
      case 'found':
        this.onFound(event)
        break
      case 'want':
        this.tracks.want(event)
        break
      case 'hold':
        this.uses.hold(event.model)
        this.sessions.noteUse(event.model, event.nowMs)
        break
      case 'unhold':
        if (this.uses.unhold(event.model)) this.onIdle(event.model)
        break
      case 'use-ended':
        this.isRoomFreed = true
        break
      case 'release':
        this.onRelease(event)
        break
      case 'unloaded':
        this.leavings.unloaded(event.model, event.failure)
        break
      case 'dropped':
        this.leavings.dropped(event.model, event.isGone, this.turn.nowMs)
        break
      default:
        this.tracks.onOp(event)
    }
  }

  private onFound({ rows }: EventOf<S, 'found'>): void {
    for (const { spec, form } of rows) this.table.add(spec, form)
    for (const row of [...this.table.all()]) {
      this.presence.note(row, this.turn.nowMs)
      this.forgetIfGone(row)
    }
    this.presence.mayHaveChanged()
  }

  private onRelease({ want, model, tier }: EventOf<S, 'release'>): void {
    const row = this.table.get(model)
    if (row !== null && this.mayLeave(model, tier)) this.leavings.begin(row, tier, { by: 'release', want })
    else this.turn.emit({ kind: 'released', want, isGone: false, failure: null })
  }

  /** Goes on until nothing more follows from what has happened. */
  private settle(): void {
    let isMoving = true
    while (isMoving) {
      isMoving = this.tracks.unblock()
      for (const tier of localTiers) {
        for (let room = this.rooms.next(tier); room !== null; room = this.rooms.next(tier)) {
          this.onRoom(tier, room)
          isMoving = true
        }
      }
    }
  }

  private onRoom(tier: LocalTier, outcome: RoomOutcome): void {
    switch (outcome.kind) {
      case 'granted':
        this.tracks.onGranted(outcome.ask, tier, outcome.isShort)
        break
      case 'refused':
        this.tracks.onRefused(outcome.ask, tier, outcome.failure)
        break
      case 'leave': {
        const row = this.table.get(outcome.model)
        if (row === null) this.rooms.left(tier)
        else this.leavings.begin(row, tier, { by: 'room', reason: outcome.reason })
      }
    }
  }

  private onLeft({ row, tier, why }: Leaving<S>, isGone: boolean, failure: Failure | null): void {
    const { model } = row.spec
    this.tracks.mayGoOn()
    if (why.by === 'session') {
      this.turn.emit({ kind: 'session-ended', model, reason: why.reason, failure })
      return
    }
    this.presence.mayHaveChanged()
    if (why.by === 'release') {
      this.isRoomFreed ||= isGone
      this.turn.emit({ kind: 'released', want: why.want, isGone, failure })
      return
    }
    if (isGone) this.turn.emit({ kind: 'evicted', model, tier, reason: why.reason })
    if (failure !== null) this.turn.emit({ kind: 'eviction-failed', model, tier, failure })
    this.rooms.left(tier)
  }

  private endSessions(victims: SessionPlan['victims']): void {
    for (const { model, reason } of victims) {
      const row = this.table.get(model)
      if (row !== null && !this.leavings.has(model)) this.leavings.begin(row, 'memory', { by: 'session', reason })
    }
  }

  /** Somebody uses the model no more. */
  private onIdle(model: ModelId): void {
    const row = this.table.get(model)
    if (row !== null) this.forgetIfGone(row)
    if (this.rooms.isFreedBy(model)) this.isRoomFreed = true
  }

  private isHeld(model: ModelId): boolean {
    return this.tracks.has(model) || this.uses.has(model)
  }

  private forgetIfGone(row: ModelRow<S>): void {
    if (!this.isHeld(row.spec.model)) this.presence.forgetIfGone(row)
  }
}
