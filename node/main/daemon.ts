/**
 * A node: composes all parts, starts them in order and stops them in reverse. Only this file and node/compose/, which makes the
 * parts for it, import everything.
 *
 * HTTP comes last at the start, so that whoever reaches the port finds a node that works, and first at the end.
 */
import { randomInt } from 'node:crypto'
import { dirname } from 'node:path'
import type { NodeId } from '../../common/index.ts'
import { notifyService } from '../../native/index.ts'
import { NodeViews, resolveReference } from '../admin/index.ts'
import { StateReporter } from '../cluster/index.ts'
import { checkOptions, type NodeOptions } from '../config/index.ts'
import { adminDoor } from '../doors/admin/index.ts'
import { healthDoor, startHttpServer } from '../doors/http/index.ts'
import { metricsDoor } from '../doors/metrics/index.ts'
import { openInferenceDoor } from '../doors/open-inference/index.ts'
import { SocketOpenHandler } from '../doors/store-socket/index.ts'
import { Drain, Handover, Joining, LivenessCheck, ServiceManager, takeServiceEnvironment } from '../life/index.ts'
import { modelPaths, restoreModels } from '../models/index.ts'
import { InferenceService, ModelCalls } from '../requests/index.ts'
import { runnableFileOf } from '../runtime/index.ts'
import { openLevelState } from '../state/index.ts'
import { type Log, makeFolder, nodePaths, systemClock, version } from '../system/index.ts'
import { composeAdmin } from './admin.ts'
import { type Base, isDraining, type OnStop, whyNotReady } from './base.ts'
import { composeCluster } from './cluster.ts'
import { composeModels, diskBytesPerS } from './models.ts'
import { composePlacement } from './replication.ts'

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

async function compose(options: NodeOptions, log: Log, onStop: OnStop): Promise<Omit<Daemon, 'stop'>> {
  const clock = systemClock
  const environment = takeServiceEnvironment(process.env, process.pid)
  const paths = nodePaths(options)
  await makeFolder(paths.dataPath, 0o700)
  await makeFolder(dirname(paths.socketPath), 0o755)
  const state = await openLevelState(paths.statePath)
  onStop('state', () => state.close())
  const late = {
    desk: null,
    earlyOpens: [],
    admin: null,
    localState: null,
    replication: null,
    joining: null,
    isServing: false,
  }
  const base: Base = { options, paths, state, clock, log, onStop, late }

  const cluster = await composeCluster(base)
  const { network, bulk, demand, core, mesh, driver, usableHolders } = cluster
  const models = await composeModels(base, cluster)
  const { store, runtime, metrics, directory, peerDirectory, table, derivedForms, cache, profile, hasOrigin } = models
  const views = new NodeViews({
    self: network.self,
    core,
    directory,
    table,
    cache,
    ratePerS: (model) => demand.ratePerS(model, clock.nowMs()),
    clock,
  })

  // Start.
  await derivedForms.start()
  await directory.start()
  peerDirectory.serve(directory)
  const rows = await restoreModels({ directory, state, table, store })
  const { admin, secrets } = await composeAdmin(base, cluster, models, () => views.members())
  const inference = new InferenceService({
    network,
    core,
    driver,
    cache,
    runtime,
    times: profile,
    queueMs: () => models.expectedQueueMs(),
    runBytesOf: ({ digest, manifest }) => {
      const file = runnableFileOf(manifest.files)
      return file === null ? null : (table.get(digest)?.form?.sizeBytes ?? file.sizeBytes)
    },
    memoryLimitBytes: () => store.stats().tiers.memory.limitBytes,
    diskBytesPerS,
    hasOrigin,
    onServed: ({ servedFrom, elapsedMs }) => {
      metrics.requests.inc({ served_from: servedFrom })
      metrics.requestSeconds.observe({ served_from: servedFrom }, elapsedMs / 1000)
    },
    isDraining: () => isDraining(base),
    randomInt: (bound) => randomInt(bound),
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
  const handover = new Handover({
    core,
    driver,
    network,
    cache,
    directory,
    store,
    isPinned: (model) => admin.isPinned(model, 'disk'),
    isDraining: () => isDraining(base),
    zone: options['node.zone'],
    clock,
    log,
  })
  // Before the network: a peer may call as soon as it is connected.
  driver.start()
  handover.serve()
  await network.start(
    driver.networkEvents((remote, reason) => {
      metrics.refusedConnections.inc()
      log.warn({ remote, reason }, 'a connection was refused')
    }),
  )
  onStop('network', () => network.stop())
  mesh.start()
  onStop('core', () => {
    mesh.stop()
    driver.stop()
  })
  cache.start(rows)
  const desk = new SocketOpenHandler(
    { store, cache, directory, onDemand: (model) => noteDemand(model), clock, log },
    { refreshMs: Math.max(1_000, options['refs.freshMs']) },
  )
  base.late.desk = desk
  desk.start()
  for (const miss of late.earlyOpens.splice(0)) void desk.onOpenMiss(miss)
  onStop('desk', () => desk.stop())

  const vitals = new LivenessCheck({ store, clock })
  const service = new ServiceManager(
    { notify: notifyService, isAlive: async () => (await vitals.check()).alive, clock, log },
    environment,
  )
  const calls = new ModelCalls({
    inference,
    resolve: (name) => directory.resolve(name),
    signature: async (resolved, context) =>
      cache.signatureOf(resolved.digest) ??
      (await cache.ensureRunnable(resolved.digest, resolved.manifest, context)).signature,
    isServable: ({ digest }) => cache.isRunnable(digest) || usableHolders(digest).some(({ tier }) => tier !== 'disk'),
    route: (resolved, context) => inference.route(resolved, context),
    loading: (model) => cache.loading(model),
    clock,
  })
  const health = { pulse: () => vitals.check(), whyNotReady: () => whyNotReady(base) }
  const http = await startHttpServer(
    { clock, log },
    {
      host: options['http.host'],
      port: options['http.port'],
      bodyLimitBytes: options['http.bodyLimitBytes'],
      requestsMax: options['http.requestsMax'],
    },
    [
      healthDoor(health),
      openInferenceDoor({ calls, health, version }),
      adminDoor({
        admin,
        calls,
        cluster: () => ({ self: network.self, version, members: views.members() }),
        models: () => views.models(),
        paths: async (reference) => {
          const { digest, manifest } = await resolveReference(directory, reference)
          return modelPaths(store, digest, manifest.files)
        },
      }),
      metricsDoor(metrics.registry),
    ],
  )
  onStop('http', () => http.close())
  admin.start()
  onStop('admin', () => admin.stop())
  const replication = composePlacement(base, cluster, models, admin)
  const teller = new StateReporter(
    {
      zone: options['node.zone'],
      addresses: () => network.addresses(),
      bulkAddress: () => bulk.address(),
      httpUrl: () => http.url,
      queueMs: () => models.expectedQueueMs(),
      tiers: () => store.stats().tiers,
    },
    driver,
  )
  base.late.localState = teller
  teller.start(clock)
  base.late.joining = new Joining(
    { peerCount: () => network.peers().length, clock },
    { hasBootstrap: options['cluster.bootstrap'].length > 0, joinWaitMs: options['cluster.joinWaitMs'] },
  )
  onStop('service manager', () => service.stop())
  const drain = new Drain(
    {
      teller,
      driver,
      handover,
      closeDoor: () => inference.close(),
      requestsEnded: () => inference.ended(),
      service,
      clock,
      log,
    },
    { handOverMs: options['drain.handOverMs'], requestsMs: options['drain.requestsMs'] },
  )
  onStop('drain', () => drain.run())
  base.late.isServing = true
  replication.start()
  onStop('placement', () => replication.stop())
  service.ready(`serving at ${http.url}`)
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
