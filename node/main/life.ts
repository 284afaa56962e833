/** How the node says what it is and how it does, and how it leaves. Starts nothing. */
import { notifyService } from '../../native/index.ts'
import { StateReporter } from '../cluster/index.ts'
import type { HttpServer } from '../doors/http/index.ts'
import {
  Drain,
  Handover,
  IdentityWatch,
  identityInUse,
  isIdentityInUse,
  Joining,
  LivenessCheck,
  Readiness,
  ServiceManager,
  takeServiceEnvironment,
} from '../life/index.ts'
import { descriptorWatch } from '../system/index.ts'
import type { Base } from './base.ts'
import type { Cluster } from './cluster.ts'
import type { Models } from './models.ts'
import type { PinChecks } from './pin-checks.ts'
import type { Requests } from './requests.ts'
import type { OpenStore } from './store.ts'

export interface Status {
  readonly joining: Joining
  readonly readiness: Readiness
  readonly liveness: LivenessCheck
  readonly service: ServiceManager
  readonly identity: IdentityWatch
}

export function createStatus(
  { options, clock, log }: Base,
  { network, driver }: Cluster,
  { store }: OpenStore,
): Status {
  const joining = new Joining(
    { peerCount: () => network.peers().length, clock },
    { hasBootstrap: options['cluster.bootstrap'].length > 0, joinWaitMs: options['cluster.joinWaitMs'] },
  )
  const liveness = new LivenessCheck({ store, clock })
  const service = new ServiceManager(
    { notify: notifyService, isAlive: async () => (await liveness.check()).alive, clock, log },
    takeServiceEnvironment(process.env, process.pid),
  )
  const identity = new IdentityWatch({ network, driver, clock, log })
  return { joining, readiness: new Readiness(joining, descriptorWatch(clock)), liveness, service, identity }
}

/** IDENTITY_IN_USE when another box has the identity of this one: it does not join then. Before the network starts. */
export async function refuseTwin({ options, clock }: Base, { network, clusterKey }: Cluster): Promise<void> {
  const { self } = network
  if (await isIdentityInUse({ clusterKey, clock }, self, options['cluster.bootstrap'])) throw identityInUse(self)
}

export interface Leaving {
  readonly reporter: StateReporter
  readonly handover: Handover
  readonly drain: Drain
}

export interface LeavingNeeds {
  readonly cluster: Cluster
  readonly open: OpenStore
  readonly models: Models
  readonly requests: Requests
  readonly pinned: PinChecks
  readonly status: Status
  readonly http: HttpServer
}

export function createLeaving(base: Base, needs: LeavingNeeds): Leaving {
  const { options, clock, log } = base
  const { cluster, models, status, requests, open } = needs
  const { core, driver, network } = cluster
  const { readiness } = status
  const reporter = createReporter(base, needs)
  const handover = new Handover({
    core,
    driver,
    network,
    cache: models.cache,
    directory: models.directory,
    store: open.store,
    isPinned: (model) => needs.pinned.isPinned(model, 'disk'),
    isDraining: () => readiness.isDraining,
    zone: options['node.zone'],
    clock,
    log,
  })
  const drain = new Drain(
    {
      readiness,
      reporter,
      driver,
      handover,
      closeDoor: () => requests.inference.close(),
      requestsEnded: () => requests.inference.ended(),
      service: status.service,
      clock,
      log,
    },
    { handOverMs: options['drain.handOverMs'], requestsMs: options['drain.requestsMs'] },
  )
  return { reporter, handover, drain }
}

function createReporter(
  { options, startedMs }: Base,
  { cluster, models, open, http, status }: LeavingNeeds,
): StateReporter {
  return new StateReporter(
    {
      zone: options['node.zone'],
      name: options['node.name'],
      startedMs,
      addresses: () => cluster.network.addresses(),
      bulkAddress: () => cluster.bulk.address(),
      httpUrl: () => http.url,
      queueMs: () => models.runtime.queueMs(null),
      tiers: () => open.store.stats().tiers,
      isDraining: () => status.readiness.isDraining,
    },
    cluster.driver,
  )
}
