/** A node: its parts are put together, started in order and stopped in reverse. Only node/main imports everything. */
import type { HoldfastError, NodeId } from '../../common/index.ts'
import { SecretFiles } from '../admin/index.ts'
import { checkConfiguration, settleOptions } from '../checks/index.ts'
import type { NodeOptions } from '../config/index.ts'
import { type Clock, type Log, systemClock } from '../system/index.ts'
import { createAdmin, loadTokens } from './admin.ts'
import { openBase } from './base.ts'
import { createCluster } from './cluster.ts'
import { createHttpServer, createSocketDoor } from './doors.ts'
import { createFetches } from './fetches.ts'
import { createLeaving, createStatus } from './life.ts'
import { countEvents, createNodeMetrics } from './metrics.ts'
import { createModels } from './models.ts'
import { type Node, partsOf } from './node-parts.ts'
import { Parts } from './part.ts'
import { PinChecks } from './pin-checks.ts'
import { QuietLog } from './quiet-log.ts'
import { createPins, createReplication } from './replication.ts'
import { createRequests } from './requests.ts'
import { openStore } from './store.ts'
import { createNameAccess, createPinQuota, createTenants } from './tenants.ts'

export interface Daemon {
  readonly nodeId: NodeId
  readonly httpUrl: string
  readonly socketPath: string
  /** libp2p multiaddrs, for other nodes' cluster.bootstrap. */
  readonly addresses: string[]
  readonly bulkAddress: string
  /** Reads the files with secrets again. */
  reload(): Promise<void>
  /** Resolves when the node has to end by itself: another one has its identity. */
  readonly failed: Promise<HoldfastError>
  stop(): Promise<void>
}

/** In which lines of one kind are counted. */
const logWindowMs = 10_000

export async function startDaemon(given: NodeOptions, fullLog: Log): Promise<Daemon> {
  const clock = systemClock
  for (const warning of await checkConfiguration(given, clock)) fullLog.warn({}, warning)
  const options = settleOptions(given)
  const log = new QuietLog(fullLog, clock, { linesMax: options['log.linesPerKindMax'], windowMs: logWindowMs })
  const parts = new Parts({ clock, log })
  try {
    const node = await compose(options, clock, log, parts)
    await parts.start(partsOf(node))
    const { network, bulk } = node.cluster
    return {
      nodeId: network.self,
      httpUrl: node.http.url,
      socketPath: node.base.paths.socketPath,
      addresses: network.addresses(),
      bulkAddress: bulk.address(),
      reload: () => node.secrets.reload(),
      failed: node.status.identity.whenLost,
      stop: async () => {
        await parts.stop()
        log.flush()
      },
    }
  } catch (error) {
    await parts.stop()
    throw error
  }
}

/** Makes the parts, each from those before it. The state and the store are open afterwards; nothing else has started. */
async function compose(options: NodeOptions, clock: Clock, log: Log, parts: Parts): Promise<Node> {
  const base = await openBase(options, clock, log, parts)
  const tokens = await loadTokens(base)
  const open = await openStore(base, parts)
  const cluster = await createCluster(base, open)
  const tenants = createTenants(base, tokens, cluster, open)
  const metrics = createNodeMetrics(open, cluster)
  const status = createStatus(base, cluster, open)
  const { readiness } = status
  const pinned = new PinChecks()
  const models = createModels(base, cluster, open, pinned, metrics)
  countEvents(metrics, open.leases, models.events)
  const fetches = createFetches(base, cluster, models, metrics)
  const names = createNameAccess(tenants, models)
  const { callers, registry, quotas } = tenants
  const requests = createRequests(base, { cluster, open, models, names, quotas, readiness, metrics })
  const socketDoor = createSocketDoor(base, cluster, open, models, quotas)
  const pins = createPins(base, cluster, models, pinned)
  const replication = createReplication(base, { cluster, open, models, pins, pinned, readiness, metrics })
  const forgetName = (name: Parameters<typeof socketDoor.forgetName>[0]) => socketDoor.forgetName(name)
  const adminNeeds = {
    cluster,
    open,
    models,
    requests,
    pins,
    pinned,
    replication,
    readiness,
    identity: status.identity,
    metrics,
    forgetName,
  }
  const admin = createAdmin(base, tokens, adminNeeds)
  const health = { pulse: () => status.liveness.check(), whyNotReady: () => readiness.whyNotReady() }
  const pinQuota = createPinQuota(tenants, pins)
  const httpNeeds = { cluster, open, models, requests, admin, fetches, health, metrics }
  const http = createHttpServer(base, { ...httpNeeds, callers, names, pinQuota, tenants: registry })
  const leaving = createLeaving(base, { cluster, open, models, requests, pinned, status, http })
  const secrets = new SecretFiles({ clock, log })
  return {
    base,
    cluster,
    open,
    metrics,
    models,
    status,
    requests,
    pins,
    replication,
    socketDoor,
    tokens,
    tenants,
    admin,
    secrets,
    http,
    leaving,
  }
}
