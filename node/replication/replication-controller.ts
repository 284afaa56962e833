/** Carries out what a round of replication decides: brings models with the cache of this node, and lets go what it should not have. */

import type { ModelId, Prng } from '../../common/index.ts'
import {
  failureOf,
  type LocalModels,
  type NodeCore,
  ReplicationRound,
  type ReplicationRoundOptions,
  type RoundEffect,
  type RoundEvent,
  StepQueue,
  type Timeless,
} from '../../core/index.ts'
import type { PlacementDecision } from '../../placement/index.ts'
import type { ResolvedModel } from '../models/index.ts'
import type { Clock, Log } from '../system/index.ts'
import type { ClusterPins } from './cluster-pins.ts'
import type { PlacementCache } from './types.ts'

export interface ReplicationControllerPorts {
  readonly core: Pick<NodeCore, 'placementView' | 'pinned'>
  readonly pins: ClusterPins
  readonly local: () => LocalModels
  /** What the names that this node knows mean. */
  readonly names: () => Iterable<{ readonly name: string; readonly model: ModelId }>
  readonly resolveDigest: (model: ModelId) => Promise<ResolvedModel>
  readonly cache: PlacementCache
  /** False while the node starts or looks for its cluster: alone it would take every replica for its own. */
  readonly isReady: () => boolean
  readonly onActed: (decision: PlacementDecision) => void
  readonly random: Prng
  readonly clock: Clock
  readonly log: Log
}

export class ReplicationController {
  private readonly ports: ReplicationControllerPorts
  private readonly options: ReplicationRoundOptions
  private readonly machine: ReplicationRound
  private readonly queue: StepQueue<Timeless<RoundEvent>, RoundEffect>
  private readonly copies = new Set<Promise<void>>()
  private readonly stops: (() => void)[] = []
  private stopTimer: (() => void) | null = null

  constructor(ports: ReplicationControllerPorts, options: ReplicationRoundOptions) {
    this.ports = ports
    this.options = options
    const { core, pins, local, names, isReady, random, clock } = ports
    const knownName = (name: string) => pins.knownName(name)
    this.machine = new ReplicationRound(
      { core, pins: pins.protection, random, local, names, knownName, isReady },
      options,
    )
    this.queue = new StepQueue(
      (event) => this.machine.step({ ...event, nowMs: clock.nowMs() }),
      (effect) => this.execute(effect),
    )
  }

  start(): void {
    const { pins, clock } = this.ports
    pins.listen((name) => this.queue.dispatch({ kind: 'changed', name }))
    this.stops.push(clock.every(this.options.pinsLookMs, () => this.queue.dispatch({ kind: 'look' })))
    this.queue.dispatch({ kind: 'start' })
  }

  stop(): void {
    for (const stop of this.stops.splice(0)) stop()
    this.stopTimer?.()
    this.stopTimer = null
  }

  /** What would be decided now. Nothing is done. */
  plan(): PlacementDecision[] {
    return this.machine.plan(this.ports.clock.nowMs())
  }

  /** Decides at once, besides the rounds that come by themselves. */
  round(): void {
    this.queue.dispatch({ kind: 'changed', name: null })
  }

  /** Waits for copies under way. */
  async settled(): Promise<void> {
    await Promise.all(this.copies)
  }

  private execute(effect: RoundEffect): void {
    switch (effect.kind) {
      case 'timer': {
        const { turn, afterMs } = effect
        this.stopTimer = this.ports.clock.after(afterMs, () => this.queue.dispatch({ kind: 'due', turn }))
        return
      }
      case 'bring': {
        const copy = this.bring(effect.decision, effect.model).finally(() => this.copies.delete(copy))
        this.copies.add(copy)
        return
      }
      case 'leave':
        void this.leave(effect.decision, effect.model)
        return
      case 'acted': {
        const { kind, model, name, tier, reason, parts } = effect.decision
        this.ports.log.info({ model, name, tier, reason, ...parts }, `placement: ${kind}`)
        this.ports.onActed(effect.decision)
        return
      }
      case 'look-up-pins':
        this.ports.pins.lookUp(effect.names)
    }
  }

  private async bring(decision: PlacementDecision, model: ModelId): Promise<void> {
    const { pins, cache, log, resolveDigest } = this.ports
    const { kind, tier, name } = decision
    const pinned = name === undefined ? null : pins.resolvedPin(name)
    const brought =
      pinned === null ? resolveDigest(model).then((resolved) => cache.bring(resolved, tier)) : cache.bring(pinned, tier)
    const failure = await brought.then(() => null, failureOf)
    if (failure !== null) log.warn({ model, name, error: failure.message }, `placement: the ${kind} failed`)
    this.queue.dispatch({ kind: 'brought', decision, failure })
  }

  private async leave(decision: PlacementDecision, model: ModelId): Promise<void> {
    const { cache, log } = this.ports
    const isGone = await cache.leave(model, decision.tier).catch((error: Error) => {
      log.warn({ model, error: error.message }, 'placement: a model could not be shed')
      return false
    })
    this.queue.dispatch({ kind: 'left', decision, isGone })
  }
}
