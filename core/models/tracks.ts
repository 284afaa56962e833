/**
 * The tracks of a node: each brings one model to where it is wanted. A track takes the step that next-step.ts names, asks for its room,
 * and looks again when the step has ended.
 */
import { assertInvariant, type BlobId, type LocalTier, type ModelId, type Source } from '../../common/index.ts'
import type { SessionPlan } from '../../placement/index.ts'
import type { Failure } from '../failure.ts'
import { Fetches } from './fetches.ts'
import type { ModelRow, ModelTable } from './model-table.ts'
import { isLost, type Look, nextStep, type Step } from './next-step.ts'
import type { ModelFacts } from './ports.ts'
import type { Presence } from './presence.ts'
import type { Rooms } from './rooms.ts'
import type { SessionRoom } from './session-room.ts'
import type { RoomAsk } from './tier-allocator.ts'
import type { Op, Track } from './track.ts'
import type { Turn } from './turn.ts'
import type { BlobRef, ModelEvent, ModelSpec, OpId } from './types.ts'

/** A form may be damaged, then what it was made from, then a file that came with these; a disk that keeps nothing shall not be filled for ever. */
const retriesMax = 3

export type OpEvent<S extends ModelSpec> = Extract<ModelEvent<S>, { readonly op: OpId }>
type Want<S extends ModelSpec> = Extract<ModelEvent<S>, { kind: 'want' }>

export interface TracksPorts<S extends ModelSpec> {
  readonly table: ModelTable<S>
  readonly facts: ModelFacts<S>
  readonly turn: Turn
  readonly presence: Presence<S>
  readonly rooms: Rooms<S>
  readonly sessions: SessionRoom
  /** Begins to end sessions that nobody uses. */
  endSessions(victims: SessionPlan['victims']): void
  /** The model, or one with which it shares blobs, is on its way out. */
  isMoving(row: ModelRow<S>): boolean
  /** Nobody works on the model any more, or one fewer. */
  onIdle(model: ModelId): void
}

export class Tracks<S extends ModelSpec> {
  private readonly ports: TracksPorts<S>
  private readonly look: Look<S>
  private readonly tracks = new Map<ModelId, readonly Track<S>[]>()
  private readonly ops = new Map<OpId, Op<S>>()
  private readonly fetches = new Fetches<S>()
  /** They wait for the end of another fetch, of a conversion or of a leaving, and are looked at again after each. */
  private readonly blocked = new Set<Track<S>>()
  private mayUnblock = false
  private lastOp: OpId = 0

  constructor(ports: TracksPorts<S>) {
    this.ports = ports
    this.look = { table: ports.table, facts: ports.facts }
  }

  has(model: ModelId): boolean {
    return this.tracks.has(model)
  }

  get isIdle(): boolean {
    return this.tracks.size === 0
  }

  models(): IterableIterator<ModelId> {
    return this.tracks.keys()
  }

  want({ want, spec, goal, context }: Want<S>): void {
    const row = this.ports.table.add(spec)
    const tracks = this.tracks.get(spec.model) ?? []
    // Each client that kept the model is asked on its own.
    const known = goal === 'reattach' ? undefined : tracks.find((track) => track.goal === goal)
    if (known !== undefined) {
      known.wants.push(want)
      return
    }
    const track: Track<S> = { row, goal, wants: [want], context, source: null, retries: 0, hasTaken: false }
    this.tracks.set(spec.model, [...tracks, track])
    this.advance(track)
  }

  onOp(event: OpEvent<S>): void {
    const op = this.opOf(event.op)
    const { rooms, table } = this.ports
    switch (event.kind) {
      case 'room-taken':
        this.onRoomTaken(op)
        break
      case 'room-refused':
        if (!rooms.refused(op.id, op.tier, event.failure)) this.fail(op, event.failure)
        break
      case 'fetched':
        this.end(op, mainSource(event))
        break
      case 'form-made':
        op.kind = 'keep-form'
        rooms.askBytes(op.id, event.sizeBytes, 'disk')
        break
      case 'form-kept':
        table.setForm(op.track.row, event.form)
        this.end(op, 'disk')
        break
      case 'promoted':
        this.end(op, 'disk')
        break
      case 'reattached':
        this.end(op, 'memory')
        break
      case 'loaded':
        op.track.row.session = 'loaded'
        this.onLoaded(op, event.privateBytes)
        break
      case 'failed':
        this.fail(op, event.failure)
    }
  }

  onRefused({ op: id }: RoomAsk, tier: LocalTier, failure: Failure): void {
    const op = this.opOf(id)
    this.ports.rooms.noteRefusal(tier, op.track.row.spec.model)
    this.fail(op, failure)
  }

  /** @param isShort there is less room than was asked for at best effort. */
  onGranted({ op: id }: RoomAsk, tier: LocalTier, isShort: boolean): void {
    const op = this.opOf(id)
    // Only now, when memory has room: what went from memory may go from the disk too.
    if (op.kind === 'fetch' && tier === 'memory') this.ports.rooms.ask(id, op.blobs, 'disk', true)
    else this.begin(op, isShort)
  }

  /** A fetch or a leaving has ended: those who waited for it look again. */
  mayGoOn(): void {
    this.mayUnblock = true
  }

  /** False when nobody had to look again. */
  unblock(): boolean {
    if (!this.mayUnblock) return false
    this.mayUnblock = false
    const tracks = [...this.blocked]
    this.blocked.clear()
    for (const track of tracks) this.advance(track)
    return true
  }

  checkInvariants(isLeaving: (model: ModelId) => boolean): void {
    this.fetches.checkInvariants()
    this.ports.rooms.checkInvariants((op) => this.ops.has(op))
    for (const [model, tracks] of this.tracks) {
      const isStill = tracks.every((track) => this.blocked.has(track))
      assertInvariant(isStill || !isLeaving(model), `${model} is worked on while it leaves`)
    }
  }

  /** Takes the next step of a track of which no work is under way. */
  private advance(track: Track<S>): void {
    const { row, goal } = track
    // It finds a state that stays.
    if (this.ports.isMoving(row)) {
      this.blocked.add(track)
      return
    }
    const step = nextStep(row, goal, track.source, this.look)
    switch (step.kind) {
      case 'done':
        this.finish(track, { source: step.source })
        break
      case 'fail':
        this.finish(track, step)
        break
      case 'fetch':
        this.fetch(track, step)
        break
      case 'promote':
        this.promote(track, step.blobs)
        break
      case 'reattach':
        this.ask(this.create('reattach', track, 'memory', step.blobs))
        break
      case 'derive':
        // Conversion makes a file about as large as the model: without room for that there is no point in beginning.
        this.ask(this.create('derive', track, 'disk', row.spec.files), true)
        break
      case 'load':
        this.load(track)
    }
  }

  private fetch(track: Track<S>, { blobs, into }: Extract<Step, { kind: 'fetch' }>): void {
    const { rooms } = this.ports
    const { model, files } = track.row.spec
    const running = this.fetches.of(model)
    if (running !== null) {
      running.joined.push(track)
      return
    }
    const failure = into === 'disk' ? rooms.tooLargeForDisk(blobs) : rooms.tooLargeForMemory(files)
    if (failure !== null) {
      this.finish(track, { failure })
      return
    }
    if (this.fetches.isClaimed(blobs) || (into === 'disk' && this.isDiskPromised(track, blobs))) {
      this.blocked.add(track)
      return
    }
    const op = this.create('fetch', track, into, blobs)
    this.fetches.begin(op)
    this.ask(op)
  }

  /**
   * True when the tracks under way will fill the disk with their files and forms. Models that fit one after another would be fetched
   * together otherwise, leave each other no room for their forms, fail, and be fetched again for ever.
   */
  private isDiskPromised(track: Track<S>, blobs: readonly BlobRef[]): boolean {
    let promisedBytes = 0
    for (const op of this.ops.values()) promisedBytes += this.diskNeedBytes(op)
    if (promisedBytes === 0) return false
    const neededBytes = this.ports.table.occupiedBytes(blobs) + this.formBytes(track)
    return promisedBytes + neededBytes > this.ports.facts.limitBytes('disk')
  }

  /** Of the disk, until the track has what it wants there. A fetch into memory takes of the disk what is free. */
  private diskNeedBytes({ kind, track, tier, blobs }: Op<S>): number {
    const { table } = this.ports
    if (kind === 'fetch' && tier === 'disk') return table.occupiedBytes(blobs) + this.formBytes(track)
    if (kind === 'derive' || kind === 'keep-form')
      return table.occupiedBytes(track.row.spec.files) + this.formBytes(track)
    return 0
  }

  /** A form is about as large as the files that it is made from. */
  private formBytes({ row: { spec }, goal }: Track<S>): number {
    return goal === 'ready' && spec.runs === 'form' ? this.ports.table.occupiedBytes(spec.files) : 0
  }

  private promote(track: Track<S>, blobs: readonly BlobRef[]): void {
    const failure = track.goal === 'memory' ? this.ports.rooms.tooLargeForMemory(track.row.spec.files) : null
    if (failure !== null) this.finish(track, { failure })
    else this.ask(this.create('promote', track, 'memory', blobs))
  }

  private load(track: Track<S>): void {
    const { row } = track
    const { sessions, rooms, turn } = this.ports
    const { model } = row.spec
    const { victims, fits, mustWait } = sessions.planNext(turn.nowMs)
    if (!fits) {
      rooms.noteRefusal('memory', model)
      this.finish(track, { failure: sessions.full() })
      return
    }
    if (mustWait) {
      this.ports.endSessions(victims)
      this.blocked.add(track)
      return
    }
    sessions.begin(model, turn.nowMs)
    const { id: op } = this.create('load', track, 'memory', [])
    row.session = 'loading'
    const form = row.spec.runs === 'form' ? row.form : null
    turn.emit({ kind: 'load', op, model, form })
  }

  /** Only now it is known how much memory the session takes. */
  private onLoaded(op: Op<S>, privateBytes: number): void {
    const { sessions, turn } = this.ports
    sessions.loaded(op.track.row.spec.model, privateBytes, turn.nowMs)
    this.ports.endSessions(sessions.planExcess(turn.nowMs).victims)
    this.end(op, 'memory')
  }

  private create(kind: Op<S>['kind'], track: Track<S>, tier: LocalTier, blobs: readonly BlobRef[]): Op<S> {
    this.lastOp += 1
    const op: Op<S> = { id: this.lastOp, track, kind, blobs, tier, joined: [] }
    this.ops.set(op.id, op)
    return op
  }

  private ask({ id, blobs, tier }: Op<S>, isBestEffort = false): void {
    this.ports.rooms.ask(id, blobs, tier, isBestEffort)
  }

  /** It has its room. */
  private begin({ id: op, kind, track, blobs, tier }: Op<S>, isShort: boolean): void {
    const { turn, table } = this.ports
    const { model, files } = track.row.spec
    switch (kind) {
      case 'fetch': {
        const into = { memory: tier === 'memory', disk: true }
        // The fetch goes on for the others when this caller's deadline has passed.
        const context = { ...track.context, deadlineMs: Number.POSITIVE_INFINITY }
        turn.emit({ kind, op, model, blobs, into, isDiskShort: isShort, context })
        break
      }
      case 'promote': {
        const lacking = blobs.filter((blob) => !table.isIn(blob, 'memory'))
        if (lacking.length > 0) turn.emit({ kind, op, model, blobs: lacking })
        else this.end(this.opOf(op), 'disk')
        break
      }
      case 'derive':
        turn.emit({ kind, op, model })
        break
      case 'keep-form':
        turn.emit({ kind, op, model, replaces: this.replacedForm(track.row) })
        break
      case 'reattach':
        turn.emit({ kind, op, model, want: track.wants[0]!, blobs: files })
        break
      case 'load':
        assertInvariant(false, 'a load asks for no room')
    }
  }

  private onRoomTaken({ id, track, tier }: Op<S>): void {
    const { rooms, turn } = this.ports
    rooms.taken(id, tier)
    track.hasTaken = true
    if (track.goal !== 'memory') return
    const { model } = track.row.spec
    turn.emit({ kind: 'publish', model })
    turn.emit({ kind: 'arriving', model })
  }

  private end(op: Op<S>, source: Source): void {
    const { track, joined, kind } = op
    this.close(op)
    this.ports.presence.note(track.row, this.ports.turn.nowMs)
    if (kind === 'fetch') for (const one of [track, ...joined]) one.source = source
    else track.source ??= source
    for (const one of [track, ...joined]) this.advance(one)
  }

  private fail(op: Op<S>, failure: Failure): void {
    const { track, joined, kind } = op
    const { row } = track
    this.close(op)
    if (kind === 'load') {
      row.session = 'none'
      this.ports.sessions.ended(row.spec.model)
    }
    if (kind === 'keep-form') this.ports.turn.emit({ kind: 'discard-form', op: op.id })
    for (const one of [track, ...joined]) {
      // A disk that refuses what is written to it will do so again.
      const mayBeginAgain = one.retries < (kind === 'fetch' ? 1 : retriesMax)
      const mayRetry = failure.code === 'DISK_FAILED' && mayBeginAgain && isLost(row, one.goal, this.look)
      if (!mayRetry) {
        this.finish(one, { failure })
        continue
      }
      one.retries += 1
      this.ports.turn.emit({ kind: 'brought-again', model: row.spec.model, failure })
      this.advance(one)
    }
  }

  /** Work that has its end gives back what it kept from others. */
  private close(op: Op<S>): void {
    this.ops.delete(op.id)
    this.ports.rooms.taken(op.id, op.tier)
    if (op.kind === 'fetch') this.fetches.end(op)
    if (op.kind === 'fetch' || op.kind === 'keep-form' || op.kind === 'derive') this.mayUnblock = true
  }

  /** Whatever comes of it, the policies and the cluster hear what is here now. */
  private finish(track: Track<S>, end: { readonly source: Source } | { readonly failure: Failure }): void {
    const { turn, table, rooms, presence } = this.ports
    const { row, goal, wants } = track
    const { model } = row.spec
    const rest = this.tracks.get(model)!.filter((other) => other !== track)
    if (rest.length === 0) this.tracks.delete(model)
    else this.tracks.set(model, rest)
    if (goal === 'memory') {
      if ('source' in end) turn.emit({ kind: 'publish', model })
      // It may have been published while it arrived.
      else if (!table.filesIn(row, 'memory')) turn.emit({ kind: 'unpublish', model })
    }
    for (const want of wants) {
      if ('source' in end) turn.emit({ kind: 'done', want, source: end.source })
      else turn.emit({ kind: 'not-done', want, failure: end.failure })
    }
    if (track.hasTaken) rooms.noteTaken(model)
    presence.note(row, turn.nowMs)
    this.ports.onIdle(model)
  }

  /** What a new form takes the place of, unless another model has the same blob, or it is a file of the model itself. */
  private replacedForm({ spec, form }: ModelRow<S>): BlobId | null {
    if (form === null || spec.files.some(({ id }) => id === form.id)) return null
    return this.ports.table.othersWith(form.id, spec.model).length > 0 ? null : form.id
  }

  private opOf(id: OpId): Op<S> {
    const op = this.ops.get(id)
    assertInvariant(op !== undefined, `work ${id} is under way`)
    return op
  }
}

function mainSource({ peerBytes, originBytes }: { peerBytes: number; originBytes: number }): Source {
  if (peerBytes === 0 && originBytes === 0) return 'disk'
  return peerBytes >= originBytes ? 'peer' : 'origin'
}
