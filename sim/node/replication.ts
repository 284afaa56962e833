/** Carries out the rounds of replication of one life of a simulated node: the machine is the daemon's, brings and sheds are the world's. */

import {
  byTier,
  type LocalTier,
  type ModelId,
  type NodeId,
  type Prng,
  type RequestContext,
} from '../../common/index.ts'
import {
  type CopyNodeFacts,
  defaultReplicationRoundOptions,
  type Failure,
  type LocalCopy,
  type LocalModels,
  localModels,
  type ModelMachine,
  type NodeCore,
  PinProtection,
  ReplicationRound,
  type ReplicationRoundOptions,
  type RoundEffect,
  type RoundEvent,
  replicationContext,
  StepQueue,
  type Timeless,
} from '../../core/index.ts'
import { defaultPlacementOptions, type PlacementDecision } from '../../placement/index.ts'
import type { Metrics } from '../metrics/metrics.ts'
import type { PolicySpec, Scenario } from '../scenario/scenario.ts'
import { badScenario } from '../scenario/scenario-fields.ts'
import type { EventQueue } from '../world/event-queue.ts'
import type { SimModel } from '../world/models.ts'
import type { Revisions } from '../world/revisions.ts'
import type { Directory } from './directory.ts'
import type { SimStore } from './sim-store.ts'

/** What the rounds ask of their node. */
export interface ReplicationNode {
  readonly id: NodeId
  readonly core: NodeCore
  readonly draining: boolean
  readonly store: SimStore
  readonly models: { readonly machine: ModelMachine }
  readonly copyNode: CopyNodeFacts
  /** Null where requests need no names. */
  readonly directory: Pick<Directory, 'known' | 'names' | 'resolve' | 'resolveDigest'> | null
  holds(model: SimModel): boolean
  bring(model: SimModel, tier: LocalTier, context: RequestContext, end: (failure: Failure | null) => void): void
  release(model: SimModel, tier: LocalTier, reason: string, end: (isGone: boolean) => void): void
  diskMs(sizeBytes: number): number
  later(delayMs: number, run: () => void): void
  every(periodMs: number, run: () => void): void
  note(text: string): void
}

export interface ReplicationWorld {
  readonly scenario: Scenario
  readonly queue: EventQueue
  readonly metrics: Metrics
  readonly byId: ReadonlyMap<ModelId, SimModel>
  readonly revisions: Revisions
  /** Quiet: placement moves nothing more. */
  readonly control: { readonly isQuiet: boolean }
}

const noManifest: Failure = { code: 'UNKNOWN_MODEL', message: 'nobody who can be reached has the manifest' }

export class SimReplication {
  readonly pins: PinProtection
  private readonly world: ReplicationWorld
  private readonly node: ReplicationNode
  private readonly options: ReplicationRoundOptions
  private readonly machine: ReplicationRound
  private readonly queue: StepQueue<Timeless<RoundEvent>, RoundEffect>

  constructor(world: ReplicationWorld, node: ReplicationNode, random: Prng) {
    this.world = world
    this.node = node
    this.options = optionsOf(world.scenario.policy)
    this.pins = new PinProtection(() => node.core.pinned)
    this.machine = new ReplicationRound(
      {
        core: node.core,
        pins: this.pins,
        random,
        local: (nowMs) => this.local(nowMs),
        names: () => (node.directory ?? world.revisions).names(),
        knownName: (name) => this.knownName(name),
        isReady: () => !node.draining && !world.control.isQuiet,
      },
      this.options,
    )
    this.queue = new StepQueue(
      (event) => this.machine.step({ ...event, nowMs: world.queue.nowMs }),
      (effect) => this.execute(effect),
    )
  }

  start(): void {
    this.queue.dispatch({ kind: 'start' })
    // Where nothing is ever pinned, ten thousand nodes need not look for it.
    if (hasPins(this.world.scenario))
      this.node.every(this.options.pinsLookMs, () => this.queue.dispatch({ kind: 'look' }))
  }

  private execute(effect: RoundEffect): void {
    switch (effect.kind) {
      case 'timer': {
        const { turn, afterMs } = effect
        this.node.later(afterMs, () => this.queue.dispatch({ kind: 'due', turn }))
        return
      }
      case 'bring':
        this.bring(effect.decision, this.world.byId.get(effect.model)!)
        return
      case 'leave': {
        const { decision, model } = effect
        this.node.release(this.world.byId.get(model)!, decision.tier, decision.reason, (isGone) =>
          this.queue.dispatch({ kind: 'left', decision, isGone }),
        )
        return
      }
      case 'acted': {
        const { kind, reason, model } = effect.decision
        this.world.metrics.replicated(`${kind}: ${reason}`, this.world.queue.nowMs)
        this.node.note(`${kind}: ${reason} ${model?.slice(0, 8)}`)
        return
      }
      case 'look-up-pins':
        for (const name of effect.names) this.lookUp(name)
    }
  }

  /** The manifest is looked up; that of a pinned name was looked up with it. */
  private bring(decision: PlacementDecision, model: SimModel): void {
    const { directory } = this.node
    const isKnown = decision.name !== undefined && this.pins.meaning(decision.name) !== null
    if (directory === null || isKnown) this.bringFiles(decision, model)
    else {
      directory.resolveDigest(model, (found) => {
        if (found !== null) this.bringFiles(decision, model)
        else this.queue.dispatch({ kind: 'brought', decision, failure: noManifest })
      })
    }
  }

  private bringFiles(decision: PlacementDecision, model: SimModel): void {
    const { metrics, queue } = this.world
    const isNew = !this.node.holds(model)
    this.node.bring(model, decision.tier, replicationContext, (failure) => {
      if (failure === null && isNew && metrics.isCounted(queue.nowMs)) metrics.replicatedBytes += model.sizeBytes
      this.queue.dispatch({ kind: 'brought', decision, failure })
    })
  }

  /** Where requests need no names, nodes know what is meant without asking. */
  private lookUp(name: string): void {
    const { directory } = this.node
    if (directory === null) this.noteMeaning(name, this.knownName(name))
    else if (this.pins.beginLookUp(name)) {
      directory.resolve(this.world.byId.get(name)!, (model) => {
        this.pins.endLookUp(name)
        this.noteMeaning(name, model?.id ?? null)
      })
    }
  }

  private noteMeaning(name: string, model: ModelId | null): void {
    if (model === null) this.pins.noteFailure(name, 'nobody who can be reached knows the name')
    else if (this.pins.noteMeaning(name, model)) this.queue.dispatch({ kind: 'changed', name })
  }

  private knownName(name: string): ModelId | null {
    const { node, world } = this
    if (node.directory !== null) return node.directory.known(name)?.manifest ?? null
    return world.revisions.current(world.byId.get(name)!).id
  }

  private local(nowMs: number): LocalModels {
    const { node, world } = this
    const { machine } = node.models
    return localModels({
      isDraining: node.draining,
      originAllowed: true,
      tiers: node.store.tiers,
      copies: this.copies(),
      arriving: node.core.fetchingModels(),
      evictionOrder: (tier) => (node.store.tiers[tier].limitBytes > 0 ? machine.evictionOrder(tier, nowMs) : []),
      known: (id) => {
        const row = machine.table.get(id)
        if (row === null) return null
        const { mayForward, sizeBytes } = world.byId.get(id)!
        return { sizeBytes, mayForward, form: mayForward ? (row.spec.runs === 'form' ? 'derived' : 'files') : 'none' }
      },
      initMs: (id) => world.byId.get(id)!.initMs,
      diskMs: (sizeBytes) => node.diskMs(sizeBytes),
      soonRatePerS: (id) => node.copyNode.soonRatePerS(id),
    })
  }

  private copies(): LocalCopy[] {
    const { machine } = this.node.models
    const { table } = machine
    return [...table.all()].map((row) => {
      const { model, sizeBytes } = row.spec
      const isComplete = byTier((tier) => (tier === 'disk' ? table.filesIn(row, tier) : table.tierOf(model) === tier))
      return {
        model,
        sizeBytes,
        bytes: byTier((tier) => (isComplete[tier] ? table.bytesIn(row, tier) : 0)),
        isInUse: !machine.mayLeave(model, 'memory'),
        isPinned: false,
      }
    })
  }
}

function hasPins({ events }: Scenario): boolean {
  return events.some(({ kind }) => kind === 'pin')
}

function optionsOf({ replication, placement }: PolicySpec): ReplicationRoundOptions {
  const { intervalMs = defaultReplicationRoundOptions.intervalMs, ...given } = placement ?? {}
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(defaultPlacementOptions, name)) throw badScenario(`policy.placement.${name}`, 'is not known')
  }
  const options = { ...defaultReplicationRoundOptions, replication, intervalMs }
  return { ...options, placement: { ...defaultPlacementOptions, ...given } }
}
