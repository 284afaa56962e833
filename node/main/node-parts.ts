/** All parts of a node in the order of their start. They stop in the reverse of it. */
import type { Admin, AdminTokens, SecretFiles } from '../admin/index.ts'
import type { HttpServer } from '../doors/http/index.ts'
import type { NodeMetrics } from '../doors/metrics/index.ts'
import type { SocketOpenHandler } from '../doors/store-socket/index.ts'
import { type RestoredModels, restoreModels } from '../models/index.ts'
import type { ReplicationController } from '../replication/index.ts'
import { serveDialBack } from '../transfer/index.ts'
import { watchSecrets } from './admin.ts'
import type { Base } from './base.ts'
import type { Cluster } from './cluster.ts'
import { type Leaving, refuseTwin, type Status } from './life.ts'
import type { Models } from './models.ts'
import type { Part } from './part.ts'
import type { Pins } from './replication.ts'
import type { Requests } from './requests.ts'
import type { OpenStore } from './store.ts'
import type { Tenants } from './tenants.ts'

export interface Node {
  readonly base: Base
  readonly cluster: Cluster
  readonly open: OpenStore
  readonly metrics: NodeMetrics
  readonly models: Models
  readonly status: Status
  readonly requests: Requests
  readonly pins: Pins
  readonly replication: ReplicationController
  readonly socketDoor: SocketOpenHandler
  readonly tokens: AdminTokens
  readonly tenants: Tenants
  readonly admin: Admin
  readonly secrets: SecretFiles
  readonly http: HttpServer
  readonly leaving: Leaving
}

/**
 * What a node says that it has is compared with its store this often: the store finds a file gone or cut short when somebody reads it,
 * and then the others have to hear of it within seconds.
 */
const lookAgainMs = 1_000

/** HTTP comes late at the start, so that callers who reach the port find a node that works, and early at the end. */
export function partsOf(node: Node): Part[] {
  const [restored, cache] = modelParts(node)
  return [...restored, ...adminParts(node), ...clusterParts(node), cache, ...doorParts(node), ...lifeParts(node)]
}

/** Restores the models of former runs before anybody can ask; then the cache, which announces them. */
function modelParts({ base, open, models, requests, admin }: Node): [restored: Part[], cache: Part] {
  const { runtime, derivedForms, directory, peerDirectory, table, cache } = models
  let found: RestoredModels = { rows: [], takenOver: 0 }
  let stopLooking = () => {}
  const restore = async () => {
    await derivedForms.start()
    await directory.start()
    peerDirectory.serve(directory)
    found = await restoreModels({ directory, state: base.state, table, store: open.store, log: base.log })
  }
  return [
    [
      { name: 'profile', start: () => requests.keptProfile.start(), stop: () => requests.keptProfile.stop() },
      { name: 'runtime', start: () => runtime.start(), stop: () => runtime.stop() },
      { name: 'models', start: restore },
    ],
    {
      name: 'cache',
      start: () => {
        cache.start(found.rows)
        // Files with new names: are they what these say?
        if (found.takenOver > 0) admin.scrubber.begin()
        stopLooking = base.clock.every(lookAgainMs, () => cache.recheck())
        admin.slowScrub.start()
      },
      stop: async () => {
        stopLooking()
        await admin.slowScrub.stop()
      },
    },
  ]
}

/** Before the network and the cache: what is banned or pinned is so from the first moment. */
function adminParts({ base, cluster, tokens, tenants, admin, secrets }: Node): Part[] {
  const { registry, storeRules } = tenants
  return [
    { name: 'admin', start: () => admin.load() },
    {
      name: 'tenants',
      start: async () => {
        await registry.load()
        registry.start(() => storeRules.apply())
      },
      stop: () => registry.stop(),
    },
    {
      name: 'secrets',
      start: () => watchSecrets(base, secrets, cluster, tokens, tenants),
      stop: () => secrets.stop(),
    },
  ]
}

function clusterParts({ base, cluster, models, requests, leaving, metrics, status }: Node): Part[] {
  const { network, bulk, driver, mesh } = cluster
  const onRefused = (remote: string, reason: string) => {
    metrics.refusedConnections.inc()
    base.log.warn({ remote, reason }, 'a connection was refused')
  }
  return [
    {
      name: 'bulk',
      start: () => bulk.start((_from, request) => models.served.placesOf(request)),
      stop: () => bulk.stop(),
    },
    {
      name: 'calls',
      // Before the network: a peer may call as soon as it is connected.
      start: () => {
        requests.inference.start()
        driver.start()
        leaving.handover.serve()
        status.identity.serve()
        serveDialBack(network, bulk)
      },
    },
    { name: 'identity', start: () => refuseTwin(base, cluster) },
    { name: 'network', start: () => network.start(driver.networkEvents(onRefused)), stop: () => network.stop() },
    {
      name: 'core',
      start: () => mesh.start(),
      stop: () => {
        mesh.stop()
        // While there is a network: the last thing that it does is to say goodbye.
        driver.stop()
      },
    },
  ]
}

function doorParts({ open, socketDoor, http, pins: { nodePins } }: Node): Part[] {
  return [
    {
      name: 'store socket',
      start: () => {
        socketDoor.start()
        open.opens.serve((miss) => void socketDoor.onOpenMiss(miss))
      },
      stop: () => socketDoor.stop(),
    },
    { name: 'http', start: () => http.start(), stop: () => http.stop() },
    { name: 'pins', start: () => nodePins.start(), stop: () => nodePins.stop() },
  ]
}

function lifeParts({ base, cluster, status, leaving, replication, http }: Node): Part[] {
  const { joining, readiness, service } = status
  return [
    // Draining ends it, when it has said all there is to say.
    { name: 'state reporter', start: () => leaving.reporter.start(base.clock) },
    { name: 'joining', start: () => joining.start() },
    { name: 'service manager', stop: () => service.stop() },
    { name: 'drain', start: () => readiness.serve(), stop: () => leaving.drain.run() },
    { name: 'replication', start: () => replication.start(), stop: () => replication.stop() },
    {
      name: 'up',
      start: () => {
        service.ready(`serving at ${http.url}`)
        const { paths, log } = base
        const { self, addresses } = { self: cluster.network.self, addresses: cluster.network.addresses() }
        log.info({ node: self, http: http.url, socket: paths.socketPath, addresses }, 'node is up')
      },
    },
  ]
}
