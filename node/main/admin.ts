/** The admin interface, and the files with secrets that are read again while the node runs. */

import type { ModelName } from '../../origin/index.ts'
import {
  Admin,
  AdminTokens,
  loadAdminTokens,
  type ModelSetAside,
  readAdminTokens,
  type SecretFiles,
} from '../admin/index.ts'
import { isLoopbackHost } from '../config/index.ts'
import type { NodeMetrics } from '../doors/metrics/index.ts'
import type { IdentityWatch, Readiness } from '../life/index.ts'
import { readClusterKeys } from '../net/index.ts'
import type { ReplicationController } from '../replication/index.ts'
import { readLargePages, version } from '../system/index.ts'
import type { Base } from './base.ts'
import type { Cluster } from './cluster.ts'
import { disksOf } from './disks.ts'
import type { Models } from './models.ts'
import type { PinChecks } from './pin-checks.ts'
import type { Pins } from './replication.ts'
import type { Requests } from './requests.ts'
import type { OpenStore } from './store.ts'
import type { Tenants } from './tenants.ts'

export interface AdminNeeds {
  readonly cluster: Cluster
  readonly open: OpenStore
  readonly models: Models
  readonly requests: Requests
  readonly pins: Pins
  readonly pinned: PinChecks
  readonly replication: ReplicationController
  readonly readiness: Readiness
  readonly identity: IdentityWatch
  readonly metrics: NodeMetrics
  /** What clients of the store were promised of the name does not count any more. */
  readonly forgetName: (name: ModelName) => void
}

export async function loadTokens({ options }: Base): Promise<AdminTokens> {
  return new AdminTokens(await loadAdminTokens(options), { openWithoutToken: isLoopbackHost(options['http.host']) })
}

export function createAdmin(base: Base, tokens: AdminTokens, needs: AdminNeeds): Admin {
  const { options, paths, clock, log } = base
  const { cluster, models, readiness, replication } = needs
  const { network, bulk, bans, core, driver } = cluster
  const { directory, table, cache, tiers, policies } = models
  return new Admin({
    tokens,
    facts: {
      node: network.self,
      name: options['node.name'],
      version,
      zone: options['node.zone'],
      startedMs: base.startedMs,
      originUrl: options['origin.url'],
      isReady: () => readiness.isReady,
      identityClaims: () => needs.identity.claims,
      requests: () => needs.requests.recent.rates(clock.nowMs()),
      errors: () => needs.requests.recent.lastErrors(),
      originAwaySinceMs: () => directory.originAwaySinceMs,
      disks: () => disksOf(paths, options['disk.limitBytes'] > 0),
      addresses: () => network.addresses(),
      bulkAddress: () => bulk.address(),
      largePages: () => readLargePages(),
      socketPath: paths.socketPath,
      workers: () => models.confinement.of('worker'),
      converter: () => models.confinement.of('converter'),
      setAside: () => setAsideOf(models),
    },
    store: needs.open.store,
    directory,
    table,
    cache,
    tiers,
    policies,
    core,
    driver,
    network,
    bulk,
    bans,
    members: () => needs.requests.views.members(),
    forgetName: needs.forgetName,
    pins: needs.pins.nodePins,
    replicas: needs.pins.clusterPins,
    isPinned: (model, tier) => needs.pinned.isPinned(model, tier),
    placement: () => replication.plan(),
    replication: options['placement.replication'],
    scrubBytesPerS: options['disk.scrubBytesPerS'],
    onDamaged: () => needs.metrics.verificationFailures.inc({ source: 'disk' }),
    clock,
    log,
  })
}

/** By model: the runtime knows the forms that it runs, which several models may share. */
function setAsideOf({ runtime, table }: Models): ModelSetAside[] {
  const rows = [...table.all()]
  return runtime
    .setAside()
    .flatMap(({ digest, ...why }) =>
      rows.filter(({ form }) => form?.id === digest).map(({ spec }) => ({ model: spec.model, ...why })),
    )
}

/** Cluster keys, admin tokens and access rules. What they are now was read before. */
export async function watchSecrets(
  { options }: Base,
  secrets: SecretFiles,
  { clusterKey }: Cluster,
  tokens: AdminTokens,
  { storeRules }: Tenants,
): Promise<void> {
  const { 'cluster.keyFile': keyFile, 'admin.tokenFile': tokenFile, 'store.accessFile': accessFile } = options
  if (keyFile !== '') await secrets.add(keyFile, async () => clusterKey.replace(await readClusterKeys(keyFile)))
  if (tokenFile !== '') await secrets.add(tokenFile, async () => tokens.replace(await readAdminTokens(tokenFile)))
  if (accessFile !== '') await secrets.add(accessFile, () => storeRules.readFile())
  secrets.start()
}
