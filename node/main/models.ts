/** The models of the node: names, runtime, derived blobs and the cache over them. Starts nothing. */
import { EventEmitter } from 'node:events'
import { HoldfastError, type LocalTier } from '../../common/index.ts'
import { LoadProfile } from '../../core/index.ts'
import { type Manifest, openOrigin } from '../../origin/index.ts'
import {
  createEvictionPolicy,
  type EvictionPolicy,
  evictionPolicyNames,
  isEvictionPolicyName,
} from '../../placement/index.ts'
import { type AdminCache, adminCache } from '../admin/index.ts'
import type { NodeOptions } from '../config/index.ts'
import type { NodeMetrics } from '../doors/metrics/index.ts'
import {
  copyWorth,
  DerivedForms,
  LeaseTracker,
  ModelCache,
  ModelDirectory,
  ModelTable,
  originPorts,
  PeerDirectory,
} from '../models/index.ts'
import type { Runtime } from '../ports/index.ts'
import { queueMs } from '../requests/index.ts'
import { createOnnxRuntime, runnableFileOf } from '../runtime/index.ts'
import { BlobFetcher, type FetchOutcome } from '../transfer/index.ts'
import type { Base } from './base.ts'
import type { Cluster } from './cluster.ts'
import type { PinChecks } from './pin-checks.ts'
import type { OpenStore } from './store.ts'

/** Assumed of this node's disk: a solid-state disk of the ordinary kind. */
export const diskBytesPerS = 1_000_000_000

export type ModelEvents = EventEmitter<{
  /** In memory or on its way there, and published: clients that wait for ranges may have it. */
  arriving: [model: string]
  evicted: [tier: LocalTier, model: string, reason: string]
  fetched: [outcome: FetchOutcome]
}>

export interface Models {
  readonly runtime: Runtime
  readonly peerDirectory: PeerDirectory
  readonly directory: ModelDirectory
  readonly table: ModelTable
  readonly derivedForms: DerivedForms
  readonly policies: Readonly<Record<LocalTier, EvictionPolicy>>
  readonly profile: LoadProfile
  readonly cache: ModelCache
  /** The same, as operators and placement name the tiers. */
  readonly tiers: AdminCache
  readonly events: ModelEvents
  readonly hasOrigin: boolean
  expectedQueueMs(): number
}

export const isRunnable = ({ files }: Pick<Manifest, 'files'>) => runnableFileOf(files) !== null

export function createModels(
  base: Base,
  cluster: Cluster,
  open: OpenStore,
  pinned: PinChecks,
  metrics: NodeMetrics,
): Models {
  const runtime = createRuntime(base, open, metrics)
  const names = createDirectory(base, cluster)
  const table = new ModelTable(open.store)
  const derivedForms = new DerivedForms(
    {
      store: open.store,
      runtime,
      state: base.state,
      runnableFile: ({ manifest }) => runnableFileOf(manifest.files),
    },
    { scratchPath: base.paths.scratchPath },
  )
  const policy = evictionPolicyName(base.options)
  const policies = { memory: createEvictionPolicy(policy), disk: createEvictionPolicy(policy) }
  const parts = { ...names, runtime, table, derivedForms, policies, profile: new LoadProfile() }
  const events: ModelEvents = new EventEmitter()
  const cache = createCache(base, cluster, open, pinned, parts, events)
  const workerCount = base.options['runtime.workerCount']
  return {
    ...parts,
    cache,
    tiers: adminCache({ cache, table, isRunnable }),
    events,
    hasOrigin: names.origin !== null,
    expectedQueueMs: () => queueMs({ runtime, times: parts.profile, loaded: () => cache.loaded(), workerCount }),
  }
}

function createRuntime({ options, paths, log }: Base, { token }: OpenStore, metrics: NodeMetrics): Runtime {
  return createOnnxRuntime({
    socketPath: paths.socketPath,
    storeToken: token,
    workerCount: options['runtime.workerCount'],
    intraOpThreads: options['runtime.threads'],
    queuedMax: options['runtime.queueMax'],
    queuedPerModelMax: options['runtime.queuePerModelMax'],
    onWorkerDied(reason, restartDelayMs) {
      metrics.workerDeaths.inc()
      log.warn({ reason, restartDelayMs }, 'a worker of the runtime died and is replaced')
    },
  })
}

/** Names and manifests, from the origin and from peers. */
function createDirectory({ options, state, clock, log }: Base, cluster: Cluster) {
  const { driver, network, nearestPeers, usableHolders } = cluster
  const url = options['origin.url']
  const origin = url === '' ? null : originPorts(openOrigin(url), { timeoutMs: options['origin.timeoutMs'], clock })
  const holdersOf = (model: string) => usableHolders(model).map(({ node }) => node)
  const peerDirectory = new PeerDirectory({ driver, network, clock, nearestPeers, holdersOf })
  const directory = new ModelDirectory(
    { origin, peers: peerDirectory, state, clock, log },
    { freshMs: options['refs.freshMs'], manifestsMax: 4096 },
  )
  return { origin, peerDirectory, directory }
}

type CacheParts = ReturnType<typeof createDirectory> &
  Pick<Models, 'runtime' | 'table' | 'derivedForms' | 'policies' | 'profile'>

function createCache(
  { clock, log }: Base,
  { core, driver, bulk }: Cluster,
  { store, leases }: OpenStore,
  pinned: PinChecks,
  { origin, runtime, table, derivedForms, policies, profile }: CacheParts,
  events: ModelEvents,
): ModelCache {
  const fetcher = new BlobFetcher({
    store,
    driver,
    bulk,
    bulkAddressOf: (node) => core.bulkAddressOf(node),
    origin,
    findLocalChunk: (chunk) => table.findLocalChunk(chunk),
    clock,
    log,
  })
  const nodeFacts = {
    times: profile,
    diskBytesPerS,
    hasOrigin: origin !== null,
    soonRatePerS: (model: string) => policies.memory.expectedRatePerS?.(model, clock.nowMs()) ?? null,
  }
  const value = { core, table, node: nodeFacts, isRunnable, clock }
  const tracker = new LeaseTracker(clock)
  tracker.attach(store)
  const cache = new ModelCache({
    store,
    table,
    fetcher,
    derivedForms,
    leases: tracker,
    runtime,
    memoryPolicy: policies.memory,
    diskPolicy: policies.disk,
    worth: (model, tier) => copyWorth(value, model, tier),
    isPinned: (model, tier) => pinned.isPinned(model, tier),
    clock,
    log,
    onResidency: (models) => driver.dispatch({ kind: 'local-residency', models }),
    onEvicted: (tier, model, reason) => events.emit('evicted', tier, model, reason),
    onArriving: (model) => events.emit('arriving', model),
    onFetched: (outcome) => events.emit('fetched', outcome),
  })
  leases.on('closed', () => {
    tracker.onLeaseClosed()
    cache.noteLeaseClosed()
  })
  return cache
}

function evictionPolicyName(options: NodeOptions) {
  const name = options['placement.eviction']
  if (isEvictionPolicyName(name)) return name
  throw new HoldfastError(
    'BAD_CONFIG',
    `placement.eviction is ${name}; it has to be one of ${evictionPolicyNames.join(', ')}.`,
  )
}
