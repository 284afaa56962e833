/**
 * Pins of the cluster, as this node sees and keeps them: what an operator changes here is gossiped, what was heard is kept over a
 * restart, names are followed to the revisions that they mean, and what this node is to keep is protected from eviction.
 *
 * Which nodes keep a model is decided by placement/, and the missing is brought by the replication; nothing is fetched here. When a
 * pinned tag moves, the old revision stays protected until the new one is here.
 */

import { HoldfastError, type LocalTier, type ModelId, type NodeId } from '../../common/index.ts'
import { changedPin, type NodeCore, type PinRecord } from '../../core/index.ts'
import type { PinnedModel } from '../../placement/index.ts'
import type { CoreDriver } from '../cluster/index.ts'
import type { ResolvedModel } from '../models/index.ts'
import type { StateStore } from '../ports/index.ts'
import type { Clock, Log } from '../system/index.ts'
import type { PlacementDirectory } from './types.ts'

export interface ClusterPinsPorts {
  readonly self: NodeId
  readonly core: Pick<NodeCore, 'pinned'>
  readonly driver: Pick<CoreDriver, 'dispatch'>
  readonly directory: PlacementDirectory
  readonly state: StateStore
  readonly clock: Clock
  readonly log: Log
}

export interface ClusterPinsOptions {
  /** Pins of the cluster that may be in force; each is looked up by every node that keeps it. */
  readonly pinsMax: number
  /** Copies of one model. */
  readonly replicasMax: number
}

export const defaultClusterPinsOptions: ClusterPinsOptions = { pinsMax: 192, replicasMax: 1_024 }

export interface ReplicaPinView {
  readonly name: string
  readonly tier: LocalTier
  readonly replicaCount: number
  /** The revision that the name means; null until it could be resolved here. */
  readonly model: ModelId | null
  /** The nodes that are to keep it, and how many of them have it and can be reached. */
  readonly places: readonly NodeId[]
  readonly keptCount: number
  readonly state: 'held' | 'missing' | 'elsewhere'
  /** Why the name could not be resolved, or the model not be brought, the last time. */
  readonly error: string | null
}

interface Known {
  resolved: ResolvedModel | null
  /** What the name meant before, until the new revision is here. */
  before: ModelId | null
  error: string | null
  isLooking: boolean
}

const stateKey = 'replica-pins'

export class ClusterPins {
  private readonly ports: ClusterPinsPorts
  private readonly options: ClusterPinsOptions
  private readonly known = new Map<string, Known>()
  private pinned: readonly PinnedModel[] = []
  private savedVersion = 0
  private seenVersion = 0
  private prunedVersion = 0
  private onResolved: () => void = () => undefined

  constructor(ports: ClusterPinsPorts, options: Partial<ClusterPinsOptions> = {}) {
    this.ports = ports
    this.options = { ...defaultClusterPinsOptions, ...options }
  }

  /** Before the network starts. */
  async load(): Promise<void> {
    const records = (await this.ports.state.get(stateKey)) as readonly PinRecord[] | null | undefined
    if (records !== null && records !== undefined) this.tell(records)
    this.savedVersion = this.ports.core.pinned.version
  }

  /** UNKNOWN_MODEL for a name that nobody knows. The nodes that are to keep it bring it when they hear of it. */
  async pin(name: string, tier: LocalTier, replicaCount: number): Promise<void> {
    if (!Number.isSafeInteger(replicaCount) || replicaCount < 1 || replicaCount > this.options.replicasMax) {
      throw new HoldfastError('BAD_REQUEST', `\`replicas\` has to be from 1 to ${this.options.replicasMax}.`)
    }
    const active = this.ports.core.pinned.active()
    if (active.length >= this.options.pinsMax && !active.some((pin) => pin.name === name)) {
      throw new HoldfastError('OVERLOADED', `${active.length} models are pinned in the cluster, the most; unpin some.`)
    }
    const resolved = await this.ports.directory.resolve(name)
    this.knownOf(name).resolved = resolved
    await this.change(name, tier, replicaCount)
  }

  /** False when the cluster did not pin it. */
  async unpin(name: string): Promise<boolean> {
    const pin = this.ports.core.pinned.active().find((one) => one.name === name)
    if (pin === undefined) return false
    await this.change(name, pin.tier, 0)
    return true
  }

  /** Pins were changed, here or elsewhere, since the last look. */
  get hasNews(): boolean {
    return this.ports.core.pinned.version !== this.seenVersion
  }

  /**
   * Looks up what the names of pins mean now, in the background, and keeps what was heard of pins. Only those that this node keeps
   * or has: a cluster does not ask the origin for every pin from every node.
   */
  look(): void {
    this.seenVersion = this.ports.core.pinned.version
    const active = new Set(this.ports.core.pinned.active().map(({ name }) => name))
    for (const name of this.known.keys()) if (!active.has(name)) this.known.delete(name)
    for (const { name, isMine, isHeld } of this.pinned) if (isMine || isHeld) void this.resolve(name)
    void this.save().catch((error: Error) => {
      this.ports.log.error({ error: error.stack }, 'the pins of the cluster could not be kept')
    })
  }

  /** What the last view says of pins: it decides what is protected until the next one. */
  noteView(pins: readonly PinnedModel[]): void {
    this.pinned = pins
    for (const { name, isHeld } of pins) {
      const known = this.known.get(name)
      if (known !== undefined && isHeld) known.before = null
    }
  }

  /** Called when a name means something else than before. */
  listen(onResolved: () => void): void {
    this.onResolved = onResolved
  }

  noteFailure(name: string, error: string | null): void {
    this.knownOf(name).error = error
  }

  resolvePin(name: string): ModelId | null {
    return this.known.get(name)?.resolved?.digest ?? this.ports.directory.known(name)
  }

  /** The model that the name of a pin means, as it was resolved last. */
  resolvedPin(name: string): ResolvedModel | null {
    return this.known.get(name)?.resolved ?? null
  }

  isPinned(model: ModelId, tier: LocalTier): boolean {
    return this.inForce().some((pin) => {
      if (tier === 'memory' && pin.tier === 'disk') return false
      const isNeeded = pin.isMine || pin.keptCount < pin.replicaCount
      return isNeeded && (pin.model === model || this.known.get(pin.name)?.before === model)
    })
  }

  /** What nobody has looked up here is looked up for whoever asks, and shown the next time. */
  list(): ReplicaPinView[] {
    return this.ports.core.pinned.active().map(({ name, tier, replicaCount }) => {
      if (this.resolvePin(name) === null) void this.resolve(name)
      const pin = this.pinned.find((one) => one.name === name)
      return {
        name,
        tier,
        replicaCount,
        model: this.resolvePin(name),
        places: pin?.places ?? [],
        keptCount: pin?.keptCount ?? 0,
        state: pin?.isHeld ? 'held' : pin?.isMine ? 'missing' : 'elsewhere',
        error: this.known.get(name)?.error ?? null,
      }
    })
  }

  /** What the last view says of pins, without those that were removed since: a removed pin protects nothing once it is heard of. */
  private inForce(): readonly PinnedModel[] {
    const { core } = this.ports
    if (this.prunedVersion !== core.pinned.version) {
      const active = new Set(core.pinned.active().map(({ name }) => name))
      this.pinned = this.pinned.filter(({ name }) => active.has(name))
      this.prunedVersion = core.pinned.version
    }
    return this.pinned
  }

  private async change(name: string, tier: LocalTier, replicaCount: number): Promise<void> {
    const { core, self, clock } = this.ports
    const known = core.pinned.all().find((record) => record.name === name)
    this.tell([changedPin({ name, tier, replicaCount }, known, self, clock.wallMs())])
    await this.save()
  }

  private tell(records: readonly PinRecord[]): void {
    this.ports.driver.dispatch({ kind: 'pins', records, wallMs: this.ports.clock.wallMs() })
  }

  private async save(): Promise<void> {
    const { pinned } = this.ports.core
    const { version } = pinned
    if (version === this.savedVersion) return
    await this.ports.state.put(stateKey, pinned.all())
    this.savedVersion = version
  }

  private async resolve(name: string): Promise<void> {
    const known = this.knownOf(name)
    if (known.isLooking) return
    known.isLooking = true
    try {
      const resolved = await this.ports.directory.resolve(name)
      const before = known.resolved?.digest ?? null
      if (before !== null && before !== resolved.digest) {
        this.ports.log.info({ name, model: resolved.digest, before }, 'a tag that the cluster pins has moved')
        known.before ??= before
      }
      known.resolved = resolved
      known.error = null
      if (before !== resolved.digest) this.onResolved()
    } catch (error) {
      known.error = (error as Error).message
      this.ports.log.warn({ name, error: known.error }, 'the name of a pin could not be looked up')
    } finally {
      known.isLooking = false
    }
  }

  private knownOf(name: string): Known {
    const known = this.known.get(name) ?? { resolved: null, before: null, error: null, isLooking: false }
    this.known.set(name, known)
    return known
  }
}
