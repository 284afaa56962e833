/** The admin interface, and the files with secrets that are read again while the node runs. */

import {
  Admin,
  AdminTokens,
  type ClusterMember,
  loadAdminTokens,
  readAdminTokens,
  SecretFiles,
} from '../admin/index.ts'
import { isLoopbackHost } from '../config/index.ts'
import { readStoreAccess } from '../doors/store-socket/index.ts'
import { readClusterKeys } from '../net/index.ts'
import { runnableFileOf } from '../runtime/index.ts'
import { version } from '../system/index.ts'
import { type Base, isReady } from './base.ts'
import type { Cluster } from './cluster.ts'
import type { Models } from './models.ts'
import { composeReplicas } from './replication.ts'

export async function composeAdmin(
  base: Base,
  cluster: Cluster,
  models: Models,
  members: () => ClusterMember[],
): Promise<{ admin: Admin; secrets: SecretFiles }> {
  const { options, paths, state, clock, log, onStop, late } = base
  const { clusterKey, network, bulk, core, driver } = cluster
  const { store, directory, table, cache, policies } = models
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
        isReady: () => isReady(base),
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
      members,
      forgetName: (name) => late.desk?.forgetName(name),
      replicas: composeReplicas(base, cluster, models),
      placement: () => late.replication?.plan() ?? [],
      replication: options['placement.replication'],
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
  const accessFile = options['store.accessFile']
  if (accessFile !== '') {
    await secrets.add(accessFile, async () => models.store.setAccess(await readStoreAccess(accessFile)))
  }
  secrets.start()
  onStop('secrets', () => secrets.stop())
  return { admin, secrets }
}
