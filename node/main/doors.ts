/** The doors of the node: protocols over HTTP, and the store's socket. Starts nothing. */
import { homedir, tmpdir } from 'node:os'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Admin, type FetchViews, resolveReference } from '../admin/index.ts'
import type { NodeOptions } from '../config/index.ts'
import { adminDoor } from '../doors/admin/index.ts'
import { HttpServer, healthDoor, type NodeHealth } from '../doors/http/index.ts'
import { metricsDoor, type NodeMetrics } from '../doors/metrics/index.ts'
import { type InferLimits, openInferenceDoor } from '../doors/open-inference/index.ts'
import { SocketOpenHandler } from '../doors/store-socket/index.ts'
import { modelPaths } from '../models/index.ts'
import { type NodePaths, packageRoot, version } from '../system/index.ts'
import type { Callers, NameAccess, PinQuota, RequestQuotas, TenantRegistry } from '../tenants/index.ts'
import type { Base } from './base.ts'
import type { Cluster } from './cluster.ts'
import type { Models } from './models.ts'
import type { Requests } from './requests.ts'
import type { OpenStore } from './store.ts'

export interface HttpNeeds {
  readonly callers: Callers
  readonly names: NameAccess
  readonly tenants: TenantRegistry
  readonly pinQuota: PinQuota
  readonly cluster: Cluster
  readonly open: OpenStore
  readonly models: Models
  readonly requests: Requests
  readonly admin: Admin
  readonly fetches: FetchViews
  readonly health: NodeHealth
  readonly metrics: NodeMetrics
}

/** A new protocol over HTTP is one more line in this list; one with a server of its own is a part beside this. */
export function createHttpServer({ options, paths, clock, log }: Base, needs: HttpNeeds): HttpServer {
  const { health, admin, names, tenants, pinQuota, callers } = needs
  const { calls, views } = needs.requests
  const defaultNamespace = options['models.defaultNamespace']
  return new HttpServer(
    { callers, clock, log },
    {
      host: options['http.host'],
      port: options['http.port'],
      bodyLimitBytes: options['http.bodyLimitBytes'],
      requestsMax: options['http.requestsMax'],
      halfSentMax: options['http.halfSentMax'],
      bodiesLimitBytes: Math.max(options['http.bodiesLimitBytes'], options['http.bodyLimitBytes']),
      jsonLimitBytes: options['http.jsonLimitBytes'],
      requestTimeoutMs: options['http.requestTimeoutMs'],
      folders: hiddenFolders(options, paths),
    },
    [
      healthDoor(health),
      openInferenceDoor({ calls, health, defaultNamespace, version }, inferLimits(options)),
      adminDoor({
        admin,
        names,
        tenants,
        pinQuota,
        calls,
        defaultNamespace,
        cluster: () => ({ self: needs.cluster.network.self, version, members: views.members() }),
        models: () => views.models(),
        fetches: needs.fetches,
        paths: async (reference) => {
          const { digest, manifest } = await resolveReference(needs.models.directory, reference)
          return modelPaths(needs.open.store, digest, manifest.files)
        },
      }),
      metricsDoor(needs.metrics.registry),
    ],
  )
}

function inferLimits(options: NodeOptions): InferLimits {
  return {
    tensorsMax: options['inference.tensorsMax'],
    dimensionsMax: options['inference.dimensionsMax'],
    elementsMax: options['inference.elementsMax'],
    nameLengthMax: options['inference.nameLengthMax'],
    jsonLimitBytes: options['inference.jsonLimitBytes'],
  }
}

/** Callers are not told where this machine keeps what. */
function hiddenFolders(options: NodeOptions, { dataPath, socketPath }: NodePaths): string[] {
  const files = [options['cluster.keyFile'], options['admin.tokenFile'], options['store.accessFile']]
  const beside = [socketPath, ...files.filter((path) => path !== '').map((path) => resolve(path))].map((path) =>
    dirname(path),
  )
  return [dataPath, ...beside, packageRoot, tmpdir(), homedir(), ...originFolders(options['origin.url'])]
}

/** An origin in a folder of this machine; the URL of another is its users' to know. */
function originFolders(url: string): string[] {
  return url.startsWith('file:') ? [fileURLToPath(url)] : []
}

export function createSocketDoor(
  { options, clock, log }: Base,
  { driver }: Cluster,
  { store, leases }: OpenStore,
  { cache, directory, table, events }: Models,
  quotas: RequestQuotas,
): SocketOpenHandler {
  const onDemand = (model: string) => {
    driver.dispatch({ kind: 'demand', model })
    cache.noteRequest(model)
  }
  const handler = new SocketOpenHandler(
    { store, cache, directory, onDemand, within: (tenant, work) => quotas.during(tenant, work), clock, log },
    { refreshMs: Math.max(1_000, options['refs.freshMs']) },
  )
  leases.on('opened', (digest) => {
    // The runtime opens derived blobs, which are no models.
    if (table.get(digest) !== null) handler.onLeaseOpened(digest)
  })
  events.on('arriving', (model) => handler.onArriving(model))
  events.on('evicted', (tier, model) => {
    if (tier === 'memory') handler.onEvicted(model)
  })
  return handler
}
