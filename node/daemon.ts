/**
 * A node: composes all parts, starts them in order and stops them in reverse. The only file that imports everything.
 *
 * HTTP comes last at the start, so that whoever reaches the port finds a node that works, and first at the end.
 */
import { createHash, randomInt } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createStore } from '../native/index.ts'
import type { Store } from '../native/types.ts'
import { openOrigin } from '../origin/index.ts'
import { HoldfastError } from '../placement/errors.ts'
import { createEvictionPolicy, createPrng, DemandEstimator, isEvictionPolicyName } from '../placement/index.ts'
import type { NodeId } from '../placement/types.ts'
import { Admin, AdminTokens, loadAdminTokens, readAdminTokens, SecretFiles } from './admin/index.ts'
import { BlobFetcher } from './cache/blob-fetcher.ts'
import { DerivedForms } from './cache/derived-forms.ts'
import { LeaseWatch } from './cache/lease-watch.ts'
import { ModelCache } from './cache/model-cache.ts'
import { ModelDirectory } from './cache/model-directory.ts'
import { ModelTable } from './cache/model-table.ts'
import { originPorts } from './cache/origin-ports.ts'
import { PeerDirectory } from './cache/peer-directory.ts'
import { restoreModels } from './cache/restore-models.ts'
import { StoreDesk } from './cache/store-desk.ts'
import { CoreDriver } from './cluster/core-driver.ts'
import { loadClusterKeys } from './cluster/load-cluster-key.ts'
import { LocalStateTeller } from './cluster/local-state.ts'
import { MeshKeeper } from './cluster/mesh-keeper.ts'
import { nextEpoch } from './cluster/next-epoch.ts'
import { bulkHostOf, checkOptions, isLoopbackHost, listenAddressesOf, type NodeOptions } from './config/index.ts'
import { defaultNodeCoreOptions, NodeCore } from './core/index.ts'
import { registerAdminRoutes } from './http/routes-admin.ts'
import { startHttpServer } from './http/server.ts'
import type { Log } from './log.ts'
import { createMetrics } from './metrics.ts'
import {
  ClusterKeyring,
  createLibp2pNetwork,
  createSeal,
  createTlsBulkTransport,
  decodeDigest,
  decodeEntries,
  encodeDigest,
  encodeEntries,
  loadIdentity,
  readClusterKeys,
} from './net/index.ts'
import { nodePaths } from './paths.ts'
import { createOnnxRuntime, runnableFileOf } from './runtime/index.ts'
import { InferenceService } from './serving/inference-service.ts'
import { LoadProfile } from './serving/load-profile.ts'
import { NodeViews } from './serving/node-views.ts'
import { queueMs } from './serving/queue-estimate.ts'
import { Router } from './serving/router.ts'
import { openLevelState } from './state/index.ts'
import { systemClock } from './system.ts'
import { version } from './version.ts'

export interface Daemon {
  readonly nodeId: NodeId
  readonly httpUrl: string
  readonly socketPath: string
  /** libp2p multiaddrs, for other nodes' cluster.bootstrap. */
  readonly addresses: string[]
  readonly bulkAddress: string
  /** Reads the files with secrets again. */
  reload(): Promise<void>
  stop(): Promise<void>
}

/** How long a stopping node lets others learn of it and lets running requests end. */
const drainMs = 5_000

export async function startDaemon(options: NodeOptions, log: Log): Promise<Daemon> {
  for (const warning of checkOptions(options)) log.warn({}, warning)
  const stops: { name: string; stop: () => Promise<unknown> | unknown }[] = []
  const onStop = (name: string, stop: () => Promise<unknown> | unknown) => stops.unshift({ name, stop })
  const stopAll = async () => {
    for (const { name, stop } of stops.splice(0)) {
      const startedMs = systemClock.nowMs()
      try {
        await stop()
        log.debug({ part: name, elapsedMs: Math.round(systemClock.nowMs() - startedMs) }, 'part stopped')
      } catch (error) {
        log.error({ part: name, error: (error as Error).stack }, 'a part did not stop cleanly')
      }
    }
  }
  try {
    return { ...(await compose(options, log, onStop)), stop: stopAll }
  } catch (error) {
    await stopAll()
    throw error
  }
}

type OnStop = (name: string, stop: () => Promise<unknown> | unknown) => void

async function compose(options: NodeOptions, log: Log, onStop: OnStop): Promise<Omit<Daemon, 'stop'>> {
  const clock = systemClock
  const paths = nodePaths(options)
  await mkdir(paths.dataPath, { recursive: true, mode: 0o700 })
  await mkdir(dirname(paths.socketPath), { recursive: true })

  const state = await openLevelState(paths.statePath)
  onStop('state', () => state.close())
  const identity = await loadIdentity(paths.identityPath)
  const clusterKey = new ClusterKeyring(await loadClusterKeys(options, paths.dataPath))
  const origin = options['origin.url'] === '' ? null : openOrigin(options['origin.url'])
  const originReader = origin === null ? null : originPorts(origin, { timeoutMs: options['origin.timeoutMs'] })

  // Network and core.
  const network = await createLibp2pNetwork(
    { identity, clusterKey, log, clock },
    {
      host: {
        listen: listenAddressesOf(options),
        mdns: options['cluster.mdns'],
      },
      bootstrap: { addresses: options['cluster.bootstrap'] },
      // A forwarded request and its answer travel as calls.
      rpc: { requestBytes: options['http.bodyLimitBytes'], answerBytes: options['http.bodyLimitBytes'] },
    },
  )
  const bulk = createTlsBulkTransport(
    { identity, clusterKey, log, isBanned: (node) => late.admin?.bans.has(node) ?? false },
    {
      host: bulkHostOf(options),
      port: options['cluster.bulkPort'],
      advertiseHost: options['cluster.advertiseHost'],
    },
  )
  const demand = new DemandEstimator()
  const core = new NodeCore(
    {
      self: network.self,
      epoch: await nextEpoch(state, clock),
      seal: createSeal(network),
      random: createPrng(seedOf(network.self)),
      demand,
    },
    // The store reads verified chunks of open fills.
    { ...defaultNodeCoreOptions, sharesPartialModels: true },
  )
  const codec = { encodeEntries, decodeEntries, encodeDigest, decodeDigest }
  const mesh = new MeshKeeper({ core, network, clock, log })
  const driver = new CoreDriver({ core, network, codec, mesh, clock, log })

  // Store and what lies over it.
  const leases = new LeaseWatch(clock)
  const late: { desk: StoreDesk | null; admin: Admin | null } = { desk: null, admin: null }
  const store: Store = createStore(
    {
      socketPath: paths.socketPath,
      memoryLimitBytes: options['memory.limitBytes'],
      diskPath: paths.diskPath,
      diskLimitBytes: options['disk.limitBytes'],
      connectionsMax: options['store.connectionsMax'],
      leasesPerConnectionMax: options['store.leasesPerConnectionMax'],
    },
    {
      onOpenMiss: (miss) => {
        if (late.desk === null) store.refuseOpen(miss.requestId, 'SHUTTING_DOWN', 'the node is starting; try again.')
        else void late.desk.onOpenMiss(miss)
      },
      onLease: ({ kind, digest }) => {
        if (kind === 'closed') return leases.onLeaseClosed()
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
    workerCount: options['runtime.workerCount'],
    intraOpThreads: options['runtime.threads'],
    queuedMax: options['runtime.queueMax'],
  })
  await runtime.start()
  onStop('runtime', () => runtime.stop())

  const usableHolders = (model: string) =>
    core
      .holders(model, clock.nowMs())
      .filter(({ suspected }) => !suspected)
      .sort((a, b) => a.rttMs - b.rttMs)
  const peerDirectory = new PeerDirectory({
    driver,
    network,
    nearestPeers: () =>
      core
        .members(clock.nowMs())
        .filter(({ isSelf, connected, suspected }) => !isSelf && connected && !suspected)
        .sort((a, b) => (a.rttMs ?? Number.POSITIVE_INFINITY) - (b.rttMs ?? Number.POSITIVE_INFINITY))
        .map(({ node }) => node),
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
      runnableFile: (row) => runnableFileOf(row.manifest.files),
      isUsedByOthers: (blob, model) => table.othersWith(blob, model).length > 0,
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
  const expectedQueueMs = () => queueMs({ runtime, profile, loaded: () => cache.loaded(), workerCount })
  let localState: LocalStateTeller | null = null
  const isDraining = () => localState?.draining ?? false
  const router = new Router({
    core,
    cache: () => cache,
    table,
    profile,
    queueMs: expectedQueueMs,
    isDraining,
    isRunnable: ({ manifest }) => runnableFileOf(manifest.files) !== null,
    hasOrigin: origin !== null,
    randomInt: (bound) => randomInt(bound),
    clock,
  })
  const policies = {
    memory: createEvictionPolicy(evictionPolicyName(options)),
    disk: createEvictionPolicy(evictionPolicyName(options)),
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
    missCostMs: (model) => router.missCostMs(model),
    isPinned: (model, tier) => late.admin?.pins.isPinned(model, tier) ?? false,
    clock,
    log,
    onResidency: (models) => driver.dispatch({ kind: 'local-residency', models }),
    onEvicted: (tier, model, reason) => {
      metrics.evictions.inc({ tier, reason })
      if (tier === 'memory') late.desk?.onEvicted(model)
    },
    onFetched: ({ peer, origin: fromOrigin, local }) => {
      metrics.fetchedBytes.inc({ source: 'peer' }, peer)
      metrics.fetchedBytes.inc({ source: 'origin' }, fromOrigin)
      metrics.fetchedBytes.inc({ source: 'local' }, local)
    },
  })

  // Start.
  await derivedForms.start()
  await directory.start()
  peerDirectory.serve(directory)
  const rows = await restoreModels({ directory, state, table, store })
  const tokens = new AdminTokens(await loadAdminTokens(options), {
    openWithoutToken: isLoopbackHost(options['http.host']),
  })
  const startedMs = clock.wallMs()
  const admin = new Admin(
    {
      tokens,
      facts: {
        node: network.self,
        name: options['node.name'],
        version,
        zone: options['node.zone'],
        startedMs,
        originUrl: options['origin.url'],
        isReady: () => isServing && !isDraining(),
        addresses: () => network.addresses(),
        bulkAddress: () => bulk.address(),
        socketPath: paths.socketPath,
      },
      store,
      directory,
      table,
      cache,
      policies,
      isRunnable: (manifest) => runnableFileOf(manifest.files) !== null,
      core,
      driver,
      network,
      bulk,
      members: () => views.members(),
      forgetName: (name) => late.desk?.forgetName(name),
      state,
      clock,
      log,
    },
    { pinCheckMs: options['admin.pinCheckMs'] },
  )
  late.admin = admin
  await admin.load()
  const secrets = new SecretFiles({ clock, log })
  const { 'cluster.keyFile': keyFile, 'admin.tokenFile': tokenFile } = options
  if (keyFile !== '') await secrets.add(keyFile, async () => clusterKey.replace(await readClusterKeys(keyFile)))
  if (tokenFile !== '') await secrets.add(tokenFile, async () => tokens.replace(await readAdminTokens(tokenFile)))
  secrets.start()
  onStop('secrets', () => secrets.stop())
  const inference = new InferenceService({
    network,
    driver,
    cache,
    runtime,
    router,
    profile,
    onServed: ({ servedFrom, elapsedMs }) => {
      metrics.requests.inc({ served_from: servedFrom })
      metrics.requestSeconds.observe({ served_from: servedFrom }, elapsedMs / 1000)
    },
    isDraining,
    clock,
    log,
  })
  inference.start()
  driver.onNotice((notice) => {
    if (notice.kind === 'distrust') metrics.distrustedPeers.inc({ reason: notice.reason })
  })
  await bulk.start(async (_from, { blob, offsetBytes, sizeBytes }) => {
    // Derived blobs are this node's own: no manifest speaks for them, so no peer may have them.
    if (!table.isModelBlob(blob)) return null
    return (await store.read(blob, offsetBytes, sizeBytes)) ?? null
  })
  onStop('bulk', () => bulk.stop())
  await network.start(
    driver.networkEvents((remote, reason) => {
      metrics.refusedConnections.inc()
      log.warn({ remote, reason }, 'a connection was refused')
    }),
  )
  onStop('network', () => network.stop())
  driver.start()
  mesh.start()
  onStop('core', () => {
    mesh.stop()
    driver.stop()
  })
  cache.start(rows)
  const desk = new StoreDesk(
    { store, cache, directory, onDemand: (model) => noteDemand(model), clock, log },
    { refreshMs: Math.max(1_000, options['refs.freshMs']) },
  )
  late.desk = desk
  desk.start()
  onStop('desk', () => desk.stop())

  const views = new NodeViews({
    self: network.self,
    core,
    directory,
    table,
    cache,
    ratePerS: (model) => demand.ratePerS(model, clock.nowMs()),
    clock,
  })
  let isServing = false
  const http = await startHttpServer(
    {
      log,
      metrics: metrics.registry,
      inference,
      isReady: () => isServing && !isDraining(),
      resolve: (name) => directory.resolve(name),
      signature: async (resolved, context) =>
        cache.signatureOf(resolved.digest) ??
        (await cache.ensureRunnable(resolved.digest, resolved.manifest, context)).signature,
      isServable: ({ digest }) => cache.isRunnable(digest) || usableHolders(digest).some(({ tier }) => tier !== 'disk'),
      route: (resolved, context) => router.route(resolved, context, { excluded: [], mayForward: true }),
      cluster: () => ({ self: network.self, version, members: views.members() }),
      models: () => views.models(),
      loading: (model) => cache.loading(model),
      clock,
    },
    { host: options['http.host'], port: options['http.port'], bodyLimitBytes: options['http.bodyLimitBytes'] },
    (app) => registerAdminRoutes(app, admin),
  )
  onStop('http', () => http.close())
  admin.start()
  onStop('admin', () => admin.stop())
  const teller = new LocalStateTeller(
    {
      zone: options['node.zone'],
      addresses: () => network.addresses(),
      bulkAddress: () => bulk.address(),
      httpUrl: () => http.url,
      queueMs: expectedQueueMs,
      memoryFreeBytes: () => store.stats().memoryLimitBytes - store.stats().memoryUsedBytes,
      memoryLimitBytes: () => store.stats().memoryLimitBytes,
      diskFreeBytes: () => Math.max(0, store.stats().diskLimitBytes - store.stats().diskUsedBytes),
    },
    driver,
  )
  localState = teller
  teller.start(clock)
  onStop('drain', async () => {
    teller.drain()
    teller.stop()
    await Promise.race([cache.settled(), new Promise((resolve) => clock.after(drainMs, () => resolve(null)))])
  })
  isServing = true
  log.info(
    { node: network.self, http: http.url, socket: paths.socketPath, addresses: network.addresses() },
    'node is up',
  )
  return {
    nodeId: network.self,
    httpUrl: http.url,
    socketPath: paths.socketPath,
    addresses: network.addresses(),
    bulkAddress: bulk.address(),
    reload: () => secrets.reload(),
  }

  function noteDemand(model: string): void {
    driver.dispatch({ kind: 'demand', model })
    cache.noteRequest(model)
  }
}

function evictionPolicyName(options: NodeOptions) {
  const name = options['placement.eviction']
  if (isEvictionPolicyName(name)) return name
  throw new HoldfastError('BAD_CONFIG', `placement.eviction is ${name}; it has to be holdfast, gdsf or lru.`)
}

/** Different on every node, so that random choices of different nodes are independent. */
function seedOf(node: NodeId): number {
  return createHash('sha256').update(node).digest().readUInt32LE(0)
}
