/**
 * The models of one node as a state machine: what is wanted of them in, what has to be done for it out. It decides what is fetched,
 * derived, promoted and loaded in which order, who gets room and what leaves for it; the daemon and the simulator carry that out.
 *
 * Work on one model is shared by all who want the same of it, and goes on when one of them gives up. A blob that two models share
 * is fetched for one of them, and the other waits. Nothing with a hold, a lease, queued work or work under way is evicted.
 */
import {
  assertInvariant,
  byTier,
  type LocalTier,
  localTiers,
  type ModelId,
  type Sha256,
  type Source,
} from '../../common/index.ts'
import type { ResidentModel } from '../events.ts'
import type { Failure } from '../failure.ts'
import { type Leaving, Leavings } from './leaving.ts'
import type { ModelRow, ModelTable } from './model-table.ts'
import { isLost, type Look, nextStep, type Step } from './next-step.ts'
import type { ModelFacts, ModelMachinePorts } from './ports.ts'
import { Presence } from './presence.ts'
import { type RoomOutcome, TierAllocator } from './tier-allocator.ts'
import type { Op, Track } from './track.ts'
import type { BlobRef, ModelEffect, ModelEvent, ModelSpec, OpId } from './types.ts'
import { UseCounts } from './use-counts.ts'

type EventOf<S extends ModelSpec, K extends ModelEvent['kind']> = Extract<ModelEvent<S>, { kind: K }>
type OpEvent<S extends ModelSpec> = Extract<ModelEvent<S>, { readonly op: OpId }>

export class ModelMachine<S extends ModelSpec = ModelSpec> {
  readonly table: ModelTable<S>
  private readonly ports: ModelMachinePorts<S>
  private readonly facts: ModelFacts<S>
  private readonly look: Look<S>
  private readonly presence: Presence<S>
  private readonly allocators: Readonly<Record<LocalTier, TierAllocator>>
  private readonly leavings: Leavings<S>
  private readonly uses = new UseCounts()
  private readonly tracks = new Map<ModelId, readonly Track<S>[]>()
  private readonly ops = new Map<OpId, Op<S>>()
  private readonly fetches = new Map<ModelId, Op<S>>()
  /** Blobs that a fetch has taken upon itself, and for which model. */
  private readonly claims = new Map<Sha256, ModelId>()
  /** They wait for the end of another fetch or of a leaving, and are looked at again after each. */
  private readonly blocked = new Set<Track<S>>()
  /** Because of these somebody was refused: when they are used no more there may be room. */
  private readonly inTheWay = new Set<ModelId>()
  private lastOp: OpId = 0
  private nowMs = 0
  private effects: ModelEffect[] = []
  private mayUnblock = false
  private isRoomFreed = false

  constructor(ports: ModelMachinePorts<S>) {
    this.ports = ports
    const { table, facts } = ports
    this.table = table
    this.facts = facts
    this.look = { table, facts }
    this.presence = new Presence(ports)
    this.allocators = byTier((tier) => this.createAllocator(tier))
    this.leavings = new Leavings({
      table,
      feeds: this.presence.feeds,
      isHeld: (model) => this.isHeld(model),
      emit: (effect) => this.effects.push(effect),
      noteTiers: (row) => this.presence.note(row, this.nowMs),
      forgetIfGone: (row) => this.forgetIfGone(row),
      onEnd: (leaving, isGone, failure) => this.onLeft(leaving, isGone, failure),
    })
  }

  step(event: ModelEvent<S>): readonly ModelEffect[] {
    this.nowMs = event.nowMs
    this.effects = []
    this.handle(event)
    this.settle()
    const models = this.presence.news()
    if (models !== null) this.effects.push({ kind: 'residency', models })
    if (this.isRoomFreed) this.effects.push({ kind: 'room-freed' })
    this.isRoomFreed = false
    return this.effects
  }

  isReady(model: ModelId): boolean {
    return this.table.get(model)?.session === 'loaded'
  }

  isLoading(model: ModelId): boolean {
    return this.tracks.has(model)
  }

  /** Models on which work is under way. */
  loading(): IterableIterator<ModelId> {
    return this.tracks.keys()
  }

  /** The models that are here now, sorted by id. */
  residency(): ResidentModel[] {
    return this.presence.residency()
  }

  /** True when nobody uses the model in this tier: no lease, no hold, no queued request. What is in memory keeps its files on disk. */
  mayLeave(model: ModelId, tier: LocalTier): boolean {
    if (tier === 'disk' && this.table.tierOf(model) === 'memory') return false
    const row = this.table.get(model)
    if (row === null || this.isHeld(model) || this.leavings.has(model)) return false
    return this.facts.queuedCount(model) === 0 && !this.facts.isLeased(row.spec)
  }

  /** Tells the policy of the tier what its copies are worth now: before a plan is made, and before one is shown. */
  refreshCosts(tier: LocalTier, nowMs: number): void {
    this.presence.refreshCosts(tier, nowMs)
  }

  /** Models that may leave the tier, first victim first. */
  evictionOrder(tier: LocalTier, nowMs: number): ModelId[] {
    this.refreshCosts(tier, nowMs)
    const plan = this.ports.policy(tier).planEviction({
      // More than there is: the plan names all that may go, in order.
      neededBytes: Number.MAX_SAFE_INTEGER,
      nowMs,
      mayEvict: (model) => this.mayMakeRoom(model, tier),
    })
    return plan.victims.map(({ model }) => model)
  }

  checkInvariants(): void {
    this.table.checkInvariants()
    for (const [sha256, model] of this.claims) {
      const isFetched = this.fetches.get(model)?.blobs.some((blob) => blob.sha256 === sha256)
      assertInvariant(isFetched === true, 'a claim belongs to a fetch')
    }
    for (const { blobs } of this.fetches.values()) {
      for (const { sha256 } of blobs) assertInvariant(this.claims.has(sha256), 'a fetch has claimed its blobs')
    }
    for (const [model, tracks] of this.tracks) {
      const isStill = tracks.every((track) => this.blocked.has(track))
      assertInvariant(isStill || !this.leavings.has(model), `${model} is worked on while it leaves`)
    }
    for (const { grantedOp } of Object.values(this.allocators)) {
      assertInvariant(grantedOp === null || this.ops.has(grantedOp), 'room is kept for work that is under way')
    }
    const isUnderWay = (model: ModelId) => this.isLoading(model) || this.leavings.has(model)
    this.presence.checkInvariants(isUnderWay, this.tracks.size === 0 && !this.leavings.isAny)
  }

  private handle(event: ModelEvent<S>): void {
    switch (event.kind) {
      case 'found':
        this.onFound(event)
        break
      case 'want':
        this.onWant(event)
        break
      case 'hold':
        this.uses.hold(event.model)
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
        this.leavings.dropped(event.model, event.isGone, this.nowMs)
        break
      default:
        this.onOp(event)
    }
  }

  private onOp(event: OpEvent<S>): void {
    const op = this.ops.get(event.op)
    assertInvariant(op !== undefined, `there is work for ${event.kind}`)
    switch (event.kind) {
      case 'room-taken':
        this.onRoomTaken(op)
        break
      case 'room-refused':
        if (!this.allocators[op.tier].refused(op.id, event.failure)) this.failOp(op, event.failure)
        break
      case 'fetched':
        this.endOp(op, mainSource(event))
        break
      case 'form-made':
        op.kind = 'keep-form'
        this.allocators.disk.ask({ op: op.id, neededBytes: event.sizeBytes, isBestEffort: false })
        break
      case 'form-kept':
        this.table.setForm(op.track.row, event.form)
        this.endOp(op, 'disk')
        break
      case 'promoted':
        this.endOp(op, 'disk')
        break
      case 'adopted':
        this.endOp(op, 'memory')
        break
      case 'loaded':
        op.track.row.session = 'loaded'
        this.endOp(op, 'memory')
        break
      case 'failed':
        this.failOp(op, event.failure)
    }
  }

  private onFound({ rows }: EventOf<S, 'found'>): void {
    for (const { spec, form } of rows) this.table.add(spec, form)
    for (const row of [...this.table.all()]) {
      this.presence.note(row, this.nowMs)
      this.forgetIfGone(row)
    }
    this.presence.mayHaveChanged()
  }

  private onWant({ want, spec, goal, context }: EventOf<S, 'want'>): void {
    const row = this.table.add(spec)
    const tracks = this.tracks.get(spec.model) ?? []
    // What a client kept is taken from that client.
    const known = goal === 'adopt' ? undefined : tracks.find((track) => track.goal === goal)
    if (known !== undefined) {
      known.wants.push(want)
      return
    }
    const track: Track<S> = { row, goal, wants: [want], context, source: null, hasRetried: false, hasTaken: false }
    this.tracks.set(spec.model, [...tracks, track])
    this.advance(track)
  }

  private onRelease({ want, model, tier }: EventOf<S, 'release'>): void {
    const row = this.table.get(model)
    if (row !== null && this.mayLeave(model, tier)) this.leavings.begin(row, tier, { by: 'release', want })
    else this.effects.push({ kind: 'released', want, isGone: false, failure: null })
  }

  /** Takes the next step of a track of which no work is under way. */
  private advance(track: Track<S>): void {
    const { row, goal } = track
    // It finds a state that stays.
    if (this.leavings.concerns(row)) {
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
      case 'adopt':
        this.askRoom(this.begin('adopt', track, 'memory', step.blobs))
        break
      case 'derive':
        // Conversion makes a file about as large as the model: without room for that there is no point in beginning.
        this.askRoom(this.begin('derive', track, 'disk', row.spec.files), true)
        break
      case 'load':
        this.load(track)
    }
  }

  private fetch(track: Track<S>, { blobs, into }: Extract<Step, { kind: 'fetch' }>): void {
    const { model } = track.row.spec
    const running = this.fetches.get(model)
    if (running !== undefined) {
      running.joined.push(track)
      return
    }
    const failure = into === 'disk' ? this.tooLargeForDisk(blobs) : this.tooLargeForMemory(track)
    if (failure !== null) {
      this.finish(track, { failure })
      return
    }
    // Claims are made all at once, and who waits here has none: nobody waits for anybody in a circle.
    if (blobs.some(({ sha256 }) => this.claims.has(sha256))) {
      this.blocked.add(track)
      return
    }
    for (const { sha256 } of blobs) this.claims.set(sha256, model)
    const op = this.begin('fetch', track, into, blobs)
    this.fetches.set(model, op)
    this.askRoom(op)
  }

  private promote(track: Track<S>, blobs: readonly BlobRef[]): void {
    const failure = track.goal === 'memory' ? this.tooLargeForMemory(track) : null
    if (failure !== null) this.finish(track, { failure })
    else this.askRoom(this.begin('promote', track, 'memory', blobs))
  }

  private load(track: Track<S>): void {
    const { row } = track
    const { id: op } = this.begin('load', track, 'memory', [])
    row.session = 'loading'
    this.effects.push({ kind: 'load', op, model: row.spec.model, form: row.spec.runs === 'form' ? row.form : null })
  }

  private begin(kind: Op<S>['kind'], track: Track<S>, tier: LocalTier, blobs: readonly BlobRef[]): Op<S> {
    this.lastOp += 1
    const op: Op<S> = { id: this.lastOp, track, kind, blobs, tier, joined: [] }
    this.ops.set(op.id, op)
    return op
  }

  private askRoom({ id, tier, blobs }: Op<S>, isBestEffort = false): void {
    this.allocators[tier].ask({ op: id, neededBytes: this.table.occupiedBytes(blobs), isBestEffort })
  }

  private onRoom(tier: LocalTier, outcome: RoomOutcome): void {
    if (outcome.kind === 'leave') {
      const row = this.table.get(outcome.model)
      if (row === null) this.allocators[tier].left()
      else this.leavings.begin(row, tier, { by: 'room', reason: outcome.reason })
      return
    }
    const op = this.ops.get(outcome.ask.op)
    assertInvariant(op !== undefined, 'room is asked for by work that is under way')
    if (outcome.kind === 'refused') {
      this.noteInTheWay(tier, op.track.row.spec.model)
      this.failOp(op, outcome.failure)
    } else if (op.kind === 'fetch' && op.tier === 'memory' && tier === 'memory') {
      // Only now, when memory has room: what went from memory may go from the disk too.
      this.allocators.disk.ask({ ...outcome.ask, isBestEffort: true })
    } else this.onGranted(op, outcome.isShort)
  }

  private onGranted({ id: op, kind, track, blobs, tier }: Op<S>, isShort: boolean): void {
    const { row } = track
    const { model, files } = row.spec
    switch (kind) {
      case 'fetch': {
        const into = { memory: tier === 'memory', disk: true }
        // The fetch goes on for the others when this caller's deadline has passed.
        const context = { ...track.context, deadlineMs: Number.POSITIVE_INFINITY }
        this.effects.push({ kind, op, model, blobs, into, isDiskShort: isShort, context })
        break
      }
      case 'promote': {
        const lacking = blobs.filter((blob) => !this.table.isIn(blob, 'memory'))
        if (lacking.length > 0) this.effects.push({ kind, op, model, blobs: lacking })
        else this.endOp(this.ops.get(op)!, 'disk')
        break
      }
      case 'derive':
        this.effects.push({ kind, op, model })
        break
      case 'keep-form':
        this.effects.push({ kind, op, model, replaces: this.replacedForm(row) })
        break
      case 'adopt':
        this.effects.push({ kind, op, model, want: track.wants[0]!, blobs: files })
        break
      case 'load':
        assertInvariant(false, 'a load asks for no room')
    }
  }

  private onRoomTaken({ id, track, tier }: Op<S>): void {
    this.allocators[tier].taken(id)
    track.hasTaken = true
    if (track.goal !== 'memory') return
    const { model } = track.row.spec
    this.effects.push({ kind: 'publish', model }, { kind: 'arriving', model })
  }

  private endOp(op: Op<S>, source: Source): void {
    const { track, joined, kind } = op
    this.close(op)
    this.presence.note(track.row, this.nowMs)
    if (kind === 'fetch') for (const one of [track, ...joined]) one.source = source
    else track.source ??= source
    for (const one of [track, ...joined]) this.advance(one)
  }

  private failOp(op: Op<S>, failure: Failure): void {
    const { track, joined, kind } = op
    const { row } = track
    this.close(op)
    if (kind === 'load') row.session = 'none'
    if (kind === 'keep-form') this.effects.push({ kind: 'discard-form', op: op.id })
    for (const one of [track, ...joined]) {
      const mayRetry = failure.code === 'DISK_FAILED' && !one.hasRetried && isLost(row, one.goal, this.look)
      if (!mayRetry) {
        this.finish(one, { failure })
        continue
      }
      one.hasRetried = true
      this.effects.push({ kind: 'brought-again', model: row.spec.model, failure })
      this.advance(one)
    }
  }

  /** Work that has its end gives back what it kept from others. */
  private close(op: Op<S>): void {
    this.ops.delete(op.id)
    this.allocators[op.tier].taken(op.id)
    if (op.kind !== 'fetch') return
    for (const { sha256 } of op.blobs) this.claims.delete(sha256)
    this.fetches.delete(op.track.row.spec.model)
    this.mayUnblock = true
  }

  /** Whatever comes of it, the policies and the cluster hear what is here now. */
  private finish(track: Track<S>, end: { readonly source: Source } | { readonly failure: Failure }): void {
    const { row, goal, wants } = track
    const { model } = row.spec
    const rest = this.tracks.get(model)!.filter((other) => other !== track)
    if (rest.length === 0) this.tracks.delete(model)
    else this.tracks.set(model, rest)
    if (goal === 'memory') {
      if ('source' in end) this.effects.push({ kind: 'publish', model })
      // It may have been published while it arrived.
      else if (!this.table.filesIn(row, 'memory')) this.effects.push({ kind: 'unpublish', model })
    }
    for (const want of wants) {
      if ('source' in end) this.effects.push({ kind: 'done', want, source: end.source })
      else this.effects.push({ kind: 'not-done', want, failure: end.failure })
    }
    if (track.hasTaken) this.inTheWay.add(model)
    this.presence.note(row, this.nowMs)
    this.onIdle(model)
  }

  /** Somebody uses the model no more. */
  private onIdle(model: ModelId): void {
    const row = this.table.get(model)
    if (row !== null) this.forgetIfGone(row)
    if (!this.isHeld(model) && this.inTheWay.delete(model)) this.isRoomFreed = true
  }

  private onLeft({ row, tier, why }: Leaving<S>, isGone: boolean, failure: Failure | null): void {
    const { model } = row.spec
    this.mayUnblock = true
    this.presence.mayHaveChanged()
    if (why.by === 'release') {
      this.isRoomFreed ||= isGone
      this.effects.push({ kind: 'released', want: why.want, isGone, failure })
      return
    }
    if (isGone) this.effects.push({ kind: 'evicted', model, tier, reason: why.reason })
    if (failure !== null) this.effects.push({ kind: 'eviction-failed', model, tier, failure })
    this.allocators[tier].left()
  }

  /** Goes on until nothing more follows from what has happened. */
  private settle(): void {
    let isMoving = true
    while (isMoving) {
      isMoving = this.mayUnblock
      if (this.mayUnblock) this.unblock()
      for (const tier of localTiers) {
        for (let room = this.nextRoom(tier); room !== null; room = this.nextRoom(tier)) {
          this.onRoom(tier, room)
          isMoving = true
        }
      }
    }
  }

  private nextRoom(tier: LocalTier): RoomOutcome | null {
    return this.allocators[tier].next(this.nowMs)
  }

  private unblock(): void {
    this.mayUnblock = false
    const tracks = [...this.blocked]
    this.blocked.clear()
    for (const track of tracks) this.advance(track)
  }

  private isHeld(model: ModelId): boolean {
    return this.tracks.has(model) || this.uses.has(model)
  }

  private mayMakeRoom(model: ModelId, tier: LocalTier): boolean {
    return !this.facts.isPinned(model, tier) && this.mayLeave(model, tier)
  }

  /** Only of others: what the asker itself has here would not have helped it. */
  private noteInTheWay(tier: LocalTier, asker: ModelId): void {
    for (const model of this.presence.feeds[tier].models()) {
      if (model !== asker && this.isHeld(model)) this.inTheWay.add(model)
    }
  }

  private forgetIfGone(row: ModelRow<S>): void {
    if (!this.isHeld(row.spec.model)) this.presence.forgetIfGone(row)
  }

  private replacedForm({ spec, form }: ModelRow<S>): Sha256 | null {
    return form === null || this.table.othersWith(form.sha256, spec.model).length > 0 ? null : form.sha256
  }

  private tooLargeForDisk(blobs: readonly BlobRef[]): Failure | null {
    const neededBytes = this.table.occupiedBytes(blobs)
    const limitBytes = this.facts.limitBytes('disk')
    if (neededBytes <= limitBytes) return null
    const message = `running a model needs its ${neededBytes} bytes on disk; raise disk.limitBytes.`
    return { code: 'TOO_LARGE', message, details: { tier: 'disk', neededBytes, limitBytes } }
  }

  /** All files together have to be in memory in the end, whatever of them is there already. */
  private tooLargeForMemory({ row }: Track<S>): Failure | null {
    return this.allocators.memory.tooLarge(this.table.occupiedBytes(row.spec.files))
  }

  private createAllocator(tier: LocalTier): TierAllocator {
    const { facts } = this
    return new TierAllocator({
      tier,
      policy: () => this.ports.policy(tier),
      refreshCosts: (nowMs) => this.refreshCosts(tier, nowMs),
      freeBytes: () => facts.freeBytes(tier),
      limitBytes: () => facts.limitBytes(tier),
      hasHiddenRoom: facts.hasHiddenRoom[tier],
      mayLeave: (model) => this.mayMakeRoom(model, tier),
      // A disk not larger than the memory is full of what is in memory, and nothing new could come.
      mayLeaveAtLast: (model) => !facts.isPinned(model, tier) && this.mayLeave(model, 'memory'),
    })
  }
}

function mainSource({ peerBytes, originBytes }: { peerBytes: number; originBytes: number }): Source {
  if (peerBytes === 0 && originBytes === 0) return 'disk'
  return peerBytes >= originBytes ? 'peer' : 'origin'
}
