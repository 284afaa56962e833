/**
 * Which models a node brings and lets go: looks from time to time, asks placement/ and says what to do. Each node decides for itself, and
 * drawn delays keep nodes that started together apart.
 *
 * A pin is looked up and protected here too, whether or not demand is replicated: pins are an operator's word.
 */

import { defaultReplicationIntervalMs, type ModelId, type Prng, type RequestContext } from '../../common/index.ts'
import {
  defaultPlacementOptions,
  type PlacementDecision,
  PlacementMemory,
  type PlacementOptions,
  type PlacementView,
  planPlacement,
} from '../../placement/index.ts'
import type { PinReader } from '../cluster/pin-set.ts'
import type { Failure } from '../failure.ts'
import type { LocalModels } from '../views/local-models.ts'
import type { LocalPlacement } from '../views/placement-view-builder.ts'
import type { PinProtection } from './pin-protection.ts'
import { RevisionWatch } from './revision-watch.ts'

export type RoundEvent = { readonly nowMs: number } & (
  | { readonly kind: 'start' }
  | { readonly kind: 'due'; readonly turn: number }
  /** Comes every `pinsLookMs`: pins may have been changed elsewhere. */
  | { readonly kind: 'look' }
  /** The pinned name was looked up, and means something else than before; null: somebody wants a round now. */
  | { readonly kind: 'changed'; readonly name: string | null }
  | { readonly kind: 'brought'; readonly decision: PlacementDecision; readonly failure: Failure | null }
  | { readonly kind: 'left'; readonly decision: PlacementDecision; readonly isGone: boolean }
)

export type RoundEffect =
  /** Comes back as 'due'. */
  | { readonly kind: 'timer'; readonly turn: number; readonly afterMs: number }
  /** Ends in 'brought'. */
  | { readonly kind: 'bring'; readonly decision: PlacementDecision; readonly model: ModelId }
  /** Ends in 'left'. */
  | { readonly kind: 'leave'; readonly decision: PlacementDecision; readonly model: ModelId }
  /** For log and metrics: a copy begins, or a model was shed. */
  | { readonly kind: 'acted'; readonly decision: PlacementDecision }
  /** Ask what these names of pins mean, and keep what was heard of pins. Ends in 'changed' if a name means another model now. */
  | { readonly kind: 'look-up-pins'; readonly names: readonly string[] }

export interface RoundCore {
  readonly pinned: PinReader
  placementView(local: LocalPlacement, memory: PlacementMemory, graceMs: number, nowMs: number): PlacementView
}

export interface ReplicationRoundPorts {
  readonly core: RoundCore
  readonly pins: PinProtection
  readonly random: Prng
  local(nowMs: number): LocalModels
  /** What the names that this node knows mean. */
  names(): Iterable<{ readonly name: string; readonly model: ModelId }>
  /** What a pinned name that was not looked up yet means, as far as it is known without asking. */
  knownName(name: string): ModelId | null
  /** False while the node starts or looks for its cluster: alone it would take every replica for its own. */
  isReady(): boolean
}

export interface ReplicationRoundOptions {
  /** False: nothing is copied, prefetched or shed for demand; what is pinned is still kept. */
  readonly replication: boolean
  /** Between two rounds. Gossip of demand takes 5 s, and a copy seconds to minutes. */
  readonly intervalMs: number
  /** Share of the interval that is drawn, in percent: rounds come a little sooner. */
  readonly jitterPercent: number
  /** How often pins that were changed elsewhere are looked for: a version is compared. */
  readonly pinsLookMs: number
  readonly placement: PlacementOptions
}

export const defaultReplicationRoundOptions: ReplicationRoundOptions = {
  replication: true,
  intervalMs: defaultReplicationIntervalMs,
  jitterPercent: 25,
  pinsLookMs: 1_000,
  placement: defaultPlacementOptions,
}

/** No request waits for what a round brings. */
export const replicationContext: RequestContext = {
  tenant: 'operator',
  deadlineMs: Number.POSITIVE_INFINITY,
  purpose: 'placement',
}

/** Failures that come again at every try: the cause is the model, or the size of this node. */
const lastingFailures: ReadonlySet<Failure['code']> = new Set([
  'NOT_RUNNABLE',
  'BAD_MODEL_FILE',
  'MODEL_TOO_NEW',
  'UNSUPPORTED_OPERATOR',
  'UNSUPPORTED_TYPE',
  'TOO_LARGE',
])
/** So long such a model is no candidate. A pin of it is tried in every round, because an operator waits for it. */
const lastingFailureMs = 3_600_000

const none: readonly RoundEffect[] = []

export class ReplicationRound {
  private readonly ports: ReplicationRoundPorts
  private readonly options: ReplicationRoundOptions
  private readonly memory: PlacementMemory
  private readonly revisions = new RevisionWatch()
  /** Copies under way that this replication began. */
  private readonly running = new Set<ModelId>()
  /** Models that cannot be brought here, and until when that is believed. */
  private readonly hopelessUntilMs = new Map<ModelId, number>()
  private turn = 0
  private seenPinsVersion = 0

  constructor(ports: ReplicationRoundPorts, options: ReplicationRoundOptions) {
    this.ports = ports
    this.options = options
    this.memory = new PlacementMemory(options.placement)
  }

  step(event: RoundEvent): readonly RoundEffect[] {
    const { nowMs } = event
    switch (event.kind) {
      case 'start':
        // From the first moment what is pinned is protected, before anything is known of the others.
        this.plan(nowMs)
        return [this.timer()]
      case 'due':
        return event.turn === this.turn ? [...this.round(nowMs), this.timer()] : none
      case 'look':
        return this.ports.core.pinned.version === this.seenPinsVersion ? none : this.round(nowMs)
      case 'changed':
        return this.round(nowMs, event.name)
      case 'brought':
        return this.onBrought(event.decision, event.failure, nowMs)
      case 'left':
        return event.isGone ? [{ kind: 'acted', decision: event.decision }] : none
    }
  }

  /** What would be decided now. Nothing is done. */
  plan(nowMs: number): PlacementDecision[] {
    const { core, pins, names, knownName } = this.ports
    const { placement, replication } = this.options
    const local = this.ports.local(nowMs)
    const held = new Set(local.held.map(({ model }) => model))
    const view = core.placementView(
      {
        ...local,
        arriving: [...new Set([...local.arriving, ...this.running])],
        replaced: this.revisions.look(names(), held),
        resolvePin: (name) => pins.meaning(name) ?? knownName(name),
      },
      this.memory,
      placement.graceMs,
      nowMs,
    )
    const copiesMax = Math.max(0, placement.copiesMax - this.running.size)
    const decisions = planPlacement(this.withoutHopeless(view, nowMs), { ...placement, copiesMax })
    // After the plan, which may still ask what may leave: what the view before said is in force until the plan is made.
    pins.noteView(view.pins)
    return replication ? decisions : decisions.filter(({ kind, name }) => kind === 'keep' || name !== undefined)
  }

  /** @param lookedUp a name of which it is known what it means now. */
  private round(nowMs: number, lookedUp: string | null = null): readonly RoundEffect[] {
    if (!this.ports.isReady()) return none
    const decisions = this.plan(nowMs)
    this.memory.noteRound(decisions)
    const effects: RoundEffect[] = this.lookUpPins(lookedUp)
    for (const decision of decisions) {
      const { kind, model } = decision
      if (model === null) continue
      if (kind === 'shed') effects.push({ kind: 'leave', decision, model })
      if ((kind === 'copy' || kind === 'prefetch') && !this.running.has(model)) {
        this.running.add(model)
        effects.push({ kind: 'acted', decision }, { kind: 'bring', decision, model })
      }
    }
    return effects
  }

  private lookUpPins(lookedUp: string | null): RoundEffect[] {
    const { core, pins } = this.ports
    const names = pins.namesToLookUp().filter((name) => name !== lookedUp)
    const isChanged = core.pinned.version !== this.seenPinsVersion
    this.seenPinsVersion = core.pinned.version
    return isChanged || names.length > 0 ? [{ kind: 'look-up-pins', names }] : []
  }

  private onBrought(
    { model, name }: PlacementDecision,
    failure: Failure | null,
    nowMs: number,
  ): readonly RoundEffect[] {
    if (model !== null) {
      this.running.delete(model)
      if (failure !== null && lastingFailures.has(failure.code))
        this.hopelessUntilMs.set(model, nowMs + lastingFailureMs)
    }
    if (name !== undefined) this.ports.pins.noteFailure(name, failure?.message ?? null)
    // A pin protects what came, from now on.
    if (failure === null) this.plan(nowMs)
    return none
  }

  private withoutHopeless(view: PlacementView, nowMs: number): PlacementView {
    for (const [model, untilMs] of this.hopelessUntilMs) if (untilMs <= nowMs) this.hopelessUntilMs.delete(model)
    if (this.hopelessUntilMs.size === 0) return view
    return { ...view, candidates: view.candidates.filter(({ model }) => !this.hopelessUntilMs.has(model)) }
  }

  private timer(): RoundEffect {
    const { intervalMs, jitterPercent } = this.options
    const spanMs = Math.floor((intervalMs * jitterPercent) / 100)
    this.turn += 1
    return { kind: 'timer', turn: this.turn, afterMs: intervalMs - this.ports.random.int(spanMs + 1) }
  }
}
