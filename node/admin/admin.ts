/**
 * The admin interface of a node, without its HTTP form: what operators may see and change. Composes pins, prefetches, bans and
 * invalidation over the parts of the node.
 */

import {
  type BlobId,
  HoldfastError,
  type LocalTier,
  localTiers,
  type ModelId,
  type NodeId,
} from '../../common/index.ts'
import type { NodeCore } from '../../core/index.ts'
import type { Store } from '../../native/index.ts'
import type { ModelName, ModelReference } from '../../origin/index.ts'
import type { EvictionPolicy, PlacementDecision } from '../../placement/index.ts'
import type { CoreDriver } from '../cluster/index.ts'
import type { ModelCache, ModelDirectory, ModelTable } from '../models/index.ts'
import type { BulkTransport, ClusterNetwork } from '../ports/index.ts'
import type { ClusterPins, ReplicaPinView } from '../replication/index.ts'
import type { Clock, Log } from '../system/index.ts'
import type { AdminTokens } from './admin-tokens.ts'
import type { BanList } from './ban-list.ts'
import { type EvictionView, evictionView } from './eviction-view.ts'
import { type InvalidationReport, Invalidator } from './invalidator.ts'
import { type NodePins, type PinView, textOf } from './node-pins.ts'
import type { ClusterMember } from './node-views.ts'
import { type PlacementPlanView, placementPlanView } from './placement-plan-view.ts'
import { type AdminCache, resolveReference } from './ports.ts'
import { PrefetchJobs } from './prefetch-jobs.ts'
import { Scrubber } from './scrubber.ts'
import { SlowScrub } from './slow-scrub.ts'
import { type NodeStatus, nodeStatus, type StatusFacts } from './status.ts'

export interface AdminPorts {
  readonly tokens: AdminTokens
  readonly facts: StatusFacts
  readonly store: Pick<Store, 'stats' | 'blobs' | 'blob' | 'verifyDisk' | 'read' | 'hashOnDisk' | 'giveUpOnDisk'>
  readonly directory: ModelDirectory
  readonly table: ModelTable
  readonly cache: ModelCache
  readonly policies: Readonly<Record<LocalTier, EvictionPolicy>>
  readonly tiers: AdminCache
  readonly core: Pick<NodeCore, 'members'>
  readonly driver: Pick<CoreDriver, 'call' | 'dispatch'>
  readonly network: ClusterNetwork & { ban(node: NodeId): Promise<void>; unban(node: NodeId): void }
  readonly bulk: Pick<BulkTransport, 'drop'>
  readonly bans: BanList
  readonly members: () => readonly ClusterMember[]
  /** What clients were promised of the name does not count any more. */
  readonly forgetName: (name: ModelName) => void
  readonly pins: NodePins
  /** Pins of the cluster. */
  readonly replicas: ClusterPins
  /** By this node's operator, or because the cluster keeps it here. */
  readonly isPinned: (model: ModelId, tier: LocalTier) => boolean
  /** What placement would do now. */
  readonly placement: () => readonly PlacementDecision[]
  readonly replication: boolean
  /** Budget of the background scrub of the disk tier. */
  readonly scrubBytesPerS: number
  /** A verification of the disk found other bytes than there should be. */
  readonly onDamaged: () => void
  readonly clock: Clock
  readonly log: Log
}

export interface EvictReport {
  readonly name: string
  readonly model: ModelId
  /** Where it was and is no more. */
  readonly left: readonly LocalTier[]
}

export class Admin {
  readonly tokens: AdminTokens
  readonly pins: NodePins
  readonly prefetches: PrefetchJobs
  readonly bans: BanList
  readonly scrubber: Scrubber
  readonly slowScrub: SlowScrub
  /** Pins of the cluster. */
  readonly replicas: ClusterPins
  private readonly ports: AdminPorts
  private readonly cache: AdminCache
  private readonly invalidator: Invalidator

  constructor(ports: AdminPorts) {
    this.ports = ports
    this.tokens = ports.tokens
    this.replicas = ports.replicas
    this.cache = ports.tiers
    this.pins = ports.pins
    this.bans = ports.bans
    this.bans.onChange((node, banned) => this.cutOff(node, banned))
    const { directory, clock, log } = ports
    const loading = (model: ModelId) => ports.cache.loading(model)
    this.prefetches = new PrefetchJobs({ directory, cache: this.cache, loading, clock, log })
    const scrub = {
      store: ports.store,
      dropFromMemory: (blob: BlobId) => ports.cache.dropFromMemory(blob),
      blobFacts: () => ports.table.blobFacts(),
      onRemoved: () => ports.cache.recheck(),
      onDamaged: () => ports.onDamaged(),
      clock,
      log,
    }
    this.scrubber = new Scrubber(scrub)
    this.slowScrub = new SlowScrub(scrub, { bytesPerS: ports.scrubBytesPerS })
    this.invalidator = new Invalidator({
      directory,
      peers: () => this.reachablePeers(),
      call: (node, method, payload, callOptions) => ports.driver.call(node, method, payload, callOptions),
      handle: (method, handler) => ports.network.handle(method, handler),
      onInvalidated: (name) => {
        ports.forgetName(name)
        this.pins.look()
      },
      clock,
      log,
    })
  }

  /** Before the network and the cache start: what is banned or pinned is so from the first moment. */
  async load(): Promise<void> {
    await this.bans.load()
    await this.pins.load()
    await this.replicas.load()
    this.invalidator.serve()
  }

  status(): NodeStatus {
    const { facts, store, cache, clock } = this.ports
    return nodeStatus({
      facts,
      store: store.stats(),
      members: this.ports.members(),
      residency: cache.residency(),
      loadedCount: [...cache.loaded()].length,
      pins: this.pins.list(),
      banCount: this.bans.list().length,
      nowMs: clock.wallMs(),
    })
  }

  /** On this node; with a number of replicas in the cluster, and then no longer for this node alone. */
  async pin(
    reference: ModelReference,
    tier: LocalTier,
    replicaCount: number | null,
  ): Promise<PinView | ReplicaPinView> {
    if (replicaCount === null) return this.pins.pin(reference, tier)
    const name = textOf(reference)
    await this.replicas.pin(name, tier, replicaCount)
    await this.pins.unpin(reference)
    return this.replicas.list().find((pin) => pin.name === name)!
  }

  /** False when neither this node nor the cluster had it pinned. */
  async unpin(reference: ModelReference): Promise<boolean> {
    const wasHere = await this.pins.unpin(reference)
    return (await this.replicas.unpin(textOf(reference))) || wasHere
  }

  pinned(): { readonly pins: PinView[]; readonly replicated: ReplicaPinView[] } {
    return { pins: this.pins.list(), replicated: this.replicas.list() }
  }

  /** What this node would copy, prefetch, keep and shed now, and why. */
  placement(): PlacementPlanView {
    return placementPlanView(this.ports.placement(), this.namesByModel(), this.ports.replication)
  }

  plan(tier: LocalTier, neededBytes: number | null): EvictionView {
    const { policies, table, store, clock } = this.ports
    this.ports.cache.refreshCosts(tier)
    const names = this.namesByModel()
    return evictionView(
      tier,
      {
        policy: policies[tier],
        models: () => [...table.all()].map(({ spec }) => spec.model),
        namesOf: (model) => names.get(model) ?? [],
        isPinned: (model) => this.ports.isPinned(model, tier),
        isInUse: (model) => !this.ports.cache.mayEvict(model, tier),
        usedBytes: () => store.stats().tiers[tier].usedBytes,
        limitBytes: () => store.stats().tiers[tier].limitBytes,
        nowMs: () => clock.nowMs(),
      },
      neededBytes,
    )
  }

  /** From memory, and with `disk` from there too. MODEL_IN_USE when it is leased, runs or is pinned; then nothing has left. */
  async evict(reference: ModelReference, options: { readonly disk: boolean }): Promise<EvictReport> {
    const model = await this.modelHere(reference)
    const name = textOf(reference)
    const tiers = options.disk ? localTiers : localTiers.filter((tier) => tier !== 'disk')
    if (tiers.some((tier) => this.ports.isPinned(model, tier))) {
      throw new HoldfastError('MODEL_IN_USE', `${name} is pinned; unpin it first.`, { details: { model } })
    }
    if (this.cache.isInUse(model)) {
      throw new HoldfastError('MODEL_IN_USE', `${name} is leased by a program, runs, or is being fetched.`, {
        details: { model },
      })
    }
    const left: LocalTier[] = []
    for (const tier of tiers) {
      if (!this.cache.occupies(model, tier)) continue
      if (!(await this.cache.leave(model, tier))) {
        throw new HoldfastError('MODEL_IN_USE', `${name} came into use while it was evicted.`, { details: { model } })
      }
      left.push(tier)
    }
    return { name, model, left }
  }

  invalidate(name: ModelName): Promise<InvalidationReport> {
    return this.invalidator.invalidate(name)
  }

  private namesByModel(): Map<ModelId, string[]> {
    const names = new Map<ModelId, string[]>()
    for (const { name, ref } of this.ports.directory.knownNames())
      names.set(ref.manifest, [...(names.get(ref.manifest) ?? []), name])
    return names
  }

  /** What the name means on this node, which is what is held here; the origin is asked only for a name that is new. */
  private async modelHere(reference: ModelReference): Promise<ModelId> {
    if (reference.kind === 'digest') return reference.digest
    const known = this.ports.directory.knownRef(reference.name)
    return known?.manifest ?? (await resolveReference(this.ports.directory, reference)).digest
  }

  private reachablePeers(): NodeId[] {
    return this.ports.core
      .members(this.ports.clock.nowMs())
      .filter(({ isSelf, node, connected, suspected }) => !isSelf && !this.bans.has(node) && (connected || !suspected))
      .map(({ node }) => node)
  }

  private async cutOff(node: NodeId, banned: boolean): Promise<void> {
    const { network, driver, bulk, log } = this.ports
    driver.dispatch({ kind: 'ban-changed', node, banned })
    log.warn({ node }, banned ? 'a node is banned here' : 'a node is no longer banned here')
    if (!banned) return network.unban(node)
    bulk.drop(node)
    await network.ban(node)
  }
}
