/**
 * One life of a daemon: its own parts, put together as node/main does it, in the place of those of a simulated node. Around them only the
 * world is simulated: the network, the origin, the disk, the runtime and the time.
 */
import type { LocalTier, ModelId } from '../../common/index.ts'
import {
  defaultReplicationRoundOptions,
  diskMs,
  nearestHolders,
  nearestPeers,
  replicationContext,
} from '../../core/index.ts'
import { adminCache } from '../../node/admin/index.ts'
import { CoreDriver } from '../../node/cluster/index.ts'
import { Drain, Handover } from '../../node/life/index.ts'
import { copyWorth, ModelCache, ModelDirectory, ModelTable, PeerDirectory } from '../../node/models/index.ts'
import type { StateStore } from '../../node/ports/index.ts'
import { ClusterPins, localModels, ReplicationController } from '../../node/replication/index.ts'
import { InferenceService, ModelCalls } from '../../node/requests/index.ts'
import { type Clock, silentLog as log } from '../../node/system/index.ts'
import { BlobFetcher } from '../../node/transfer/index.ts'
import { defaultPlacementOptions } from '../../placement/index.ts'
import type { Cluster } from '../../sim/index.ts'
import { quietTiming } from '../support/request-timing.ts'
import { DaemonStore } from './daemon-store.ts'
import { DaemonWire } from './daemon-wire.ts'
import { manifestOf, nameOf } from './manifests.ts'

type SimNode = Cluster['nodes'][number]

const isRunnable = () => true

export interface DaemonNeeds {
  readonly cluster: Cluster
  readonly node: SimNode
  /** Outlives the daemon. */
  readonly state: StateStore
  readonly wireOf: (node: number) => DaemonWire
}

export type DaemonNode = ReturnType<typeof createDaemon>

export function createDaemon(needs: DaemonNeeds) {
  const { cluster, node, state } = needs
  const clock = clockOf(needs)
  const wire = new DaemonWire(cluster, node, needs.wireOf)
  const { store, forms, runtime } = new DaemonStore(cluster, node)
  const { network, codec, origin } = wire
  const { core } = node
  const mesh = { connect: async () => {}, isSpare: () => false }
  const driver = new CoreDriver({ core, network, codec, mesh, clock, log })
  const base = { driver, network, clock, state, log }
  const peers = new PeerDirectory({
    ...base,
    nearestPeers: () => nearestPeers(core, clock.nowMs()),
    holdersOf: (model) => nearestHolders(core, model, clock.nowMs()).map(({ node: holder }) => holder),
  })
  const { freshS } = cluster.scenario.names
  const directory = new ModelDirectory({ ...base, origin, peers }, { freshMs: freshS * 1_000, manifestsMax: 4_096 })
  trustDigests(directory, needs)
  peers.serve(directory)
  const clusterPins = new ClusterPins({
    ...base,
    self: node.id,
    core,
    directory: {
      resolve: (name) => directory.resolve(nameOf(name)),
      known: (name) => directory.knownRef(nameOf(name))?.manifest ?? null,
    },
  })
  const isPinned = (model: string, tier: LocalTier) => clusterPins.isPinned(model, tier)
  const models = createModels(needs, { clock, driver, wire, store, forms, runtime, isPinned })
  const { cache, table, policies } = models
  const isDraining = () => node.draining
  const handover = new Handover({
    ...base,
    core,
    cache,
    directory,
    store,
    isPinned: (model) => isPinned(model, 'disk'),
    isDraining,
    zone: cluster.topology.zoneOf(node.index),
  })
  handover.serve()
  const { diskReadBytesPerS: diskBytesPerS } = cluster.topology.nodeSpec(node.index)
  const timing = quietTiming(clock)
  const inference = new InferenceService({
    ...base,
    core,
    cache,
    runtime,
    times: cluster.times,
    runBytesOf: ({ digest }) => cluster.byId.get(digest)!.sizeBytes,
    memoryLimitBytes: () => store.stats().tiers.memory.limitBytes,
    diskBytesPerS,
    hasOrigin: true,
    onServed: () => {},
    isDraining,
    timing,
    randomInt: node['routeRandom'].int,
  })
  inference.start()
  const calls = new ModelCalls({
    inference,
    checkName: () => {},
    within: (_tenant, work) => work(),
    resolve: (name) => directory.resolveAtOnce(name),
    isKnown: (name) => directory.knownRef(name) !== null,
    lookUpBehind: (name) => directory.lookUpBehind(name),
    signature: () => Promise.reject(new Error('nobody asks for signatures')),
    isServable: () => true,
    route: (resolved, context) => inference.route(resolved, context),
    predict: (resolved, context, batch) => inference.predict(resolved, context, batch),
    loading: (model) => cache.loading(model),
    timing,
    clock,
  })
  const tiers = adminCache({ cache, table, isRunnable })
  const replication = new ReplicationController(
    {
      core,
      pins: clusterPins,
      local: () =>
        localModels({
          store,
          table,
          cache,
          policies,
          core,
          initMs: (model, sizeBytes) => cluster.times.initMs(model, sizeBytes),
          diskMs: (sizeBytes) => diskMs(sizeBytes, diskBytesPerS),
          isRunnable,
          isPinned,
          isPinnedHere: () => false,
          hasOrigin: true,
          isDraining,
          clock,
        }),
      names: () => directory.knownNames().map(({ name, ref }) => ({ name, model: ref.manifest })),
      resolveDigest: (model) => directory.resolveDigest(model),
      cache: {
        bring: (resolved, tier) => tiers.bring(resolved, tier, replicationContext),
        leave: (model, tier) => tiers.leave(model, tier),
      },
      isReady: () => !node.draining && !cluster.control.isQuiet,
      onActed: () => {},
      random: node['placementRandom'],
      clock,
      log,
    },
    replicationOptions(cluster),
  )
  const drain = new Drain({
    readiness: {
      drain: () => {
        node.draining = true
      },
    },
    reporter: { report: () => node.messenger.announceState(), stop: () => {} },
    driver,
    handover,
    closeDoor: () => inference.close(),
    requestsEnded: () => inference.ended(),
    service: { stopping: () => {}, status: () => {} },
    clock,
    log,
  })
  return { wire, driver, directory, clusterPins, cache, table, inference, calls, replication, drain, handover }
}

interface ModelsNeeds {
  readonly clock: Clock
  readonly driver: CoreDriver
  readonly wire: DaemonWire
  readonly store: DaemonStore['store']
  readonly forms: DaemonStore['forms']
  readonly runtime: DaemonStore['runtime']
  readonly isPinned: (model: string, tier: LocalTier) => boolean
}

function createModels({ node }: DaemonNeeds, { clock, driver, wire, store, forms, runtime, isPinned }: ModelsNeeds) {
  const { core } = node
  const table = new ModelTable(store)
  const policies = { memory: node.policy('memory'), disk: node.policy('disk') }
  const fetcher = new BlobFetcher({
    store,
    driver,
    bulk: wire.bulk as unknown as ConstructorParameters<typeof BlobFetcher>[0]['bulk'],
    bulkAddressOf: (other) => core.bulkAddressOf(other),
    origin: wire.origin,
    findLocalChunk: (chunk) => table.findLocalChunk(chunk),
    clock,
    log,
  })
  const worth = { core, table, node: node.copyNode, isRunnable, clock }
  const cache = new ModelCache({
    sessionLimits: { sessionsMax: Number.POSITIVE_INFINITY, privateBytesMax: Number.POSITIVE_INFINITY },
    store,
    table,
    fetcher,
    derivedForms: forms,
    leases: { untilFree: async () => {} } as unknown as ConstructorParameters<typeof ModelCache>[0]['leases'],
    runtime,
    memoryPolicy: policies.memory,
    diskPolicy: policies.disk,
    worth: (model, tier) => copyWorth(worth, model, tier),
    isPinned,
    ownBytes: () => null,
    verifiesReads: true,
    clock,
    log,
    onResidency: (models) => driver.dispatch({ kind: 'local-residency', models }),
    onEvicted: () => {},
    onFetched: () => {},
  })
  return { cache, table, policies }
}

function replicationOptions({ scenario }: Cluster) {
  const { replication, placement } = scenario.policy
  const { intervalMs = defaultReplicationRoundOptions.intervalMs, ...given } = placement ?? {}
  const options = { ...defaultReplicationRoundOptions, replication, intervalMs }
  return { ...options, placement: { ...defaultPlacementOptions, ...given } }
}

/** Ids of simulated models are drawn, and the digests of nothing. */
function trustDigests(directory: ModelDirectory, { cluster, state }: DaemonNeeds): void {
  const remember = (model: ModelId) => directory['remember'](model, manifestOf(cluster.byId.get(model)!))
  Object.assign(directory, {
    knownManifest: async (model: ModelId) => {
      const known = directory['manifests'].get(model)
      if (known !== undefined) return known
      return (await state.get(`manifest/${model}`)) === null ? null : remember(model)
    },
    keepManifest: async (model: ModelId, bytes: Uint8Array) => {
      await directory['save'](`manifest/${model}`, bytes)
      remember(model)
    },
  })
}

/** Timers end with the life of the node. */
function clockOf({ cluster, node }: DaemonNeeds): Clock {
  const { queue } = cluster
  return {
    nowMs: () => queue.nowMs,
    wallMs: () => queue.nowMs,
    after: (delayMs, action) => {
      let isOn = true
      node.later(delayMs, () => isOn && action())
      return () => {
        isOn = false
      }
    },
    every: (periodMs, action) => {
      let isOn = true
      node.every(periodMs, () => isOn && action())
      return () => {
        isOn = false
      }
    },
  }
}
