/** The models of the node: store, runtime, names, cache, and where requests should run. Starts the runtime only. */
import { createHash, randomBytes } from 'node:crypto'
import { HoldfastError } from '../../common/index.ts'
import { LoadProfile } from '../../core/index.ts'
import { createStore, type Store } from '../../native/index.ts'
import { type Manifest, openOrigin } from '../../origin/index.ts'
import {
  createEvictionPolicy,
  type EvictionPolicy,
  evictionPolicyNames,
  isEvictionPolicyName,
} from '../../placement/index.ts'
import type { NodeOptions } from '../config/index.ts'
import { createMetrics, type NodeMetrics } from '../doors/metrics/index.ts'
import { readStoreAccess } from '../doors/store-socket/index.ts'
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
import { BlobFetcher } from '../transfer/index.ts'
import type { Base } from './base.ts'
import type { Cluster } from './cluster.ts'

/** Assumed of this node's disk: a solid-state disk of the ordinary kind. */
export const diskBytesPerS = 1_000_000_000

export interface Models {
  readonly store: Store
  readonly runtime: Runtime
  readonly metrics: NodeMetrics
  readonly peerDirectory: PeerDirectory
  readonly directory: ModelDirectory
  readonly table: ModelTable
  readonly derivedForms: DerivedForms
  readonly cache: ModelCache
  readonly policies: { readonly memory: EvictionPolicy; readonly disk: EvictionPolicy }
  readonly profile: LoadProfile
  readonly hasOrigin: boolean
  expectedQueueMs(): number
}

export async function composeModels(base: Base, cluster: Cluster): Promise<Models> {
  const { options, paths, state, clock, log, onStop, late } = base
  const { network, bulk, core, driver, usableHolders, nearestPeers } = cluster
  const origin = options['origin.url'] === '' ? null : openOrigin(options['origin.url'])
  const originReader = origin === null ? null : originPorts(origin, { timeoutMs: options['origin.timeoutMs'] })
  const leases = new LeaseTracker(clock)
  // The workers of the runtime open derived models, which no rule names.
  const storeToken = randomBytes(32).toString('base64url')
  const accessFile = options['store.accessFile']
  const store: Store = createStore(
    {
      socketPath: paths.socketPath,
      memoryLimitBytes: options['memory.limitBytes'],
      ...(options['memory.export'] === '' ? {} : { exportPath: options['memory.export'] }),
      diskPath: paths.diskPath,
      diskLimitBytes: options['disk.limitBytes'],
      connectionsMax: options['store.connectionsMax'],
      leasesPerConnectionMax: options['store.leasesPerConnectionMax'],
      ownTokenDigest: createHash('sha256').update(storeToken).digest('hex'),
      accessRules: accessFile === '' ? [] : await readStoreAccess(accessFile),
    },
    {
      onOpenMiss: (miss) => {
        // Clients of a node that was killed are back before it has started.
        if (late.desk === null) late.earlyOpens.push(miss)
        else void late.desk.onOpenMiss(miss)
      },
      onLease: ({ kind, digest }) => {
        if (kind === 'closed') {
          leases.onLeaseClosed()
          cache.noteLeaseClosed()
          return
        }
        metrics.leasesOpened.inc()
        // The runtime opens derived blobs, which are no models.
        if (table.get(digest) !== null) late.desk?.onLeaseOpened(digest)
      },
    },
  )
  leases.attach(store)
  onStop('store', () => store.close())
  const metrics = createMetrics({ store, peerCount: () => network.peers().length })

  const runtime = createOnnxRuntime({
    socketPath: paths.socketPath,
    storeToken,
    workerCount: options['runtime.workerCount'],
    intraOpThreads: options['runtime.threads'],
    queuedMax: options['runtime.queueMax'],
    queuedPerModelMax: options['runtime.queuePerModelMax'],
    onWorkerDied(reason, restartDelayMs) {
      metrics.workerDeaths.inc()
      log.warn({ reason, restartDelayMs }, 'a worker of the runtime died and is replaced')
    },
  })
  await runtime.start()
  onStop('runtime', () => runtime.stop())

  const peerDirectory = new PeerDirectory({
    driver,
    network,
    nearestPeers,
    holdersOf: (model) => usableHolders(model).map(({ node }) => node),
  })
  const directory = new ModelDirectory(
    { origin: originReader, peers: peerDirectory, state, clock, log },
    { freshMs: options['refs.freshMs'], manifestsMax: 4096 },
  )
  const table = new ModelTable(store)
  const derivedForms = new DerivedForms(
    {
      store,
      runtime,
      state,
      runnableFile: ({ manifest }) => runnableFileOf(manifest.files),
    },
    { scratchPath: paths.scratchPath },
  )
  const fetcher = new BlobFetcher({
    store,
    driver,
    bulk,
    bulkAddressOf: (node) => core.bulkAddressOf(node),
    origin: originReader,
    findLocalChunk: (chunk) => table.findLocalChunk(chunk),
    clock,
    log,
  })
  const profile = new LoadProfile()
  const workerCount = options['runtime.workerCount']
  const expectedQueueMs = () => queueMs({ runtime, times: profile, loaded: () => cache.loaded(), workerCount })
  const policies = {
    memory: createEvictionPolicy(evictionPolicyName(options)),
    disk: createEvictionPolicy(evictionPolicyName(options)),
  }
  const hasOrigin = origin !== null
  const value = {
    core,
    table,
    node: {
      times: profile,
      diskBytesPerS,
      hasOrigin,
      soonRatePerS: (model: string) => policies.memory.expectedRatePerS?.(model, clock.nowMs()) ?? null,
    },
    isRunnable: (manifest: Manifest) => runnableFileOf(manifest.files) !== null,
    clock,
  }
  const cache: ModelCache = new ModelCache({
    store,
    table,
    fetcher,
    derivedForms,
    leases,
    runtime,
    memoryPolicy: policies.memory,
    diskPolicy: policies.disk,
    worth: (model, tier) => copyWorth(value, model, tier),
    isPinned: (model, tier) => late.admin?.isPinned(model, tier) ?? false,
    clock,
    log,
    onResidency: (models) => driver.dispatch({ kind: 'local-residency', models }),
    onEvicted: (tier, model, reason) => {
      metrics.evictions.inc({ tier, reason })
      if (tier === 'memory') late.desk?.onEvicted(model)
    },
    onArriving: (model) => late.desk?.onArriving(model),
    onFetched: ({ peer, origin: fromOrigin, local }) => {
      metrics.fetchedBytes.inc({ source: 'peer' }, peer)
      metrics.fetchedBytes.inc({ source: 'origin' }, fromOrigin)
      metrics.fetchedBytes.inc({ source: 'local' }, local)
    },
  })
  return {
    store,
    runtime,
    metrics,
    peerDirectory,
    directory,
    table,
    derivedForms,
    cache,
    policies,
    profile,
    hasOrigin,
    expectedQueueMs,
  }
}

function evictionPolicyName(options: NodeOptions) {
  const name = options['placement.eviction']
  if (isEvictionPolicyName(name)) return name
  throw new HoldfastError(
    'BAD_CONFIG',
    `placement.eviction is ${name}; it has to be one of ${evictionPolicyNames.join(', ')}.`,
  )
}
