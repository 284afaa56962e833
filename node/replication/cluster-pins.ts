/**
 * Pins of the cluster, as this node sees and keeps them: what an operator changes here is gossiped, what was heard is kept over a
 * restart, and names are followed to the revisions that they mean. What a pin protects from eviction is decided in core/.
 *
 * Which nodes keep a model is decided by placement/, and the missing is brought by the replication; nothing is fetched here.
 */

import { HoldfastError, type LocalTier, type ModelId, type NodeId } from '../../common/index.ts'
import { changedPin, type NodeCore, PinProtection, type PinRecord } from '../../core/index.ts'
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

const stateKey = 'replica-pins'

export class ClusterPins {
  private readonly ports: ClusterPinsPorts
  private readonly options: ClusterPinsOptions
  readonly protection: PinProtection
  private readonly resolved = new Map<string, ResolvedModel>()
  private savedVersion = 0
  private onResolved: (name: string) => void = () => undefined

  constructor(ports: ClusterPinsPorts, options: Partial<ClusterPinsOptions> = {}) {
    this.ports = ports
    this.options = { ...defaultClusterPinsOptions, ...options }
    this.protection = new PinProtection(() => ports.core.pinned)
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
    this.resolved.set(name, resolved)
    this.protection.noteMeaning(name, resolved.digest)
    await this.change(name, tier, replicaCount)
  }

  /** False when the cluster did not pin it. */
  async unpin(name: string): Promise<boolean> {
    const pin = this.ports.core.pinned.active().find((one) => one.name === name)
    if (pin === undefined) return false
    await this.change(name, pin.tier, 0)
    return true
  }

  /** Looks up what these names mean now, in the background, and keeps what was heard of pins. */
  lookUp(names: readonly string[]): void {
    const active = new Set(this.ports.core.pinned.active().map(({ name }) => name))
    for (const name of this.resolved.keys()) if (!active.has(name)) this.resolved.delete(name)
    for (const name of names) void this.resolve(name)
    void this.save().catch((error: Error) => {
      this.ports.log.error({ error: error.stack }, 'the pins of the cluster could not be kept')
    })
  }

  /** Called when a name means something else than before. */
  listen(onResolved: (name: string) => void): void {
    this.onResolved = onResolved
  }

  /** The model that the name of a pin means, as it was resolved last. */
  resolvedPin(name: string): ResolvedModel | null {
    return this.resolved.get(name) ?? null
  }

  /** What a name means as far as this node knows without asking. */
  knownName(name: string): ModelId | null {
    return this.ports.directory.known(name)
  }

  isPinned(model: ModelId, tier: LocalTier): boolean {
    return this.protection.isPinned(model, tier)
  }

  /** What nobody has looked up here is looked up for the one who asks, and shown the next time. */
  list(): ReplicaPinView[] {
    return this.ports.core.pinned.active().map(({ name, tier, replicaCount }) => {
      const model = this.protection.meaning(name) ?? this.knownName(name)
      if (model === null) void this.resolve(name)
      const pin = this.protection.find(name)
      return {
        name,
        tier,
        replicaCount,
        model,
        places: pin?.places ?? [],
        keptCount: pin?.keptCount ?? 0,
        state: pin?.isHeld ? 'held' : pin?.isMine ? 'missing' : 'elsewhere',
        error: this.protection.errorOf(name),
      }
    })
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
    if (!this.protection.beginLookUp(name)) return
    const { directory, log } = this.ports
    try {
      const resolved = await directory.resolve(name)
      const before = this.protection.meaning(name)
      const isNew = this.protection.noteMeaning(name, resolved.digest)
      this.resolved.set(name, resolved)
      if (!isNew) return
      if (before !== null) log.info({ name, model: resolved.digest, before }, 'a tag that the cluster pins has moved')
      this.onResolved(name)
    } catch (error) {
      const { message } = error as Error
      this.protection.noteFailure(name, message)
      log.warn({ name, error: message }, 'the name of a pin could not be looked up')
    } finally {
      this.protection.endLookUp(name)
    }
  }
}
