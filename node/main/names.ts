/** Names and manifests, from the origin and from peers. Starts nothing. */
import { defaultManifestLimits, openOrigin } from '../../origin/index.ts'
import { ModelDirectory, originPorts, PeerDirectory } from '../models/index.ts'
import type { Base } from './base.ts'
import type { Cluster } from './cluster.ts'

export interface Names {
  /** Null without one. */
  readonly origin: ReturnType<typeof originPorts> | null
  readonly peerDirectory: PeerDirectory
  readonly directory: ModelDirectory
  /** Somebody may not open what others may: there are rules of the store, or private namespaces. */
  readonly isGuarded: () => boolean
}

export function createNames({ options, state, clock, log }: Base, cluster: Cluster): Names {
  const { core, driver, network, nearestPeers, usableHolders } = cluster
  const url = options['origin.url']
  const timeoutMs = options['origin.timeoutMs']
  const manifestLimits = { ...defaultManifestLimits, manifestBytesMax: options['models.manifestLimitBytes'] }
  const origin =
    url === '' ? null : originPorts(openOrigin(url, { clock, limits: manifestLimits }), { timeoutMs, clock })
  const holdersOf = (model: string) => usableHolders(model).map(({ node }) => node)
  const peerDirectory = new PeerDirectory({ driver, network, clock, nearestPeers, holdersOf })
  const isGuarded = () => {
    if (options['store.accessFile'] !== '') return true
    return core.tenantRecords.active().some(({ namespaces }) => namespaces.some(({ isPrivate }) => isPrivate))
  }
  const directory = new ModelDirectory(
    { origin, peers: peerDirectory, state, clock, log },
    {
      freshMs: options['refs.freshMs'],
      missingMs: options['refs.missingMs'],
      serveStale: options['refs.serveStale'],
      originPatienceMs: options['refs.originPatienceMs'],
      manifestLimits,
      guardsModels: isGuarded,
      manifestsMax: 4096,
    },
  )
  return { origin, peerDirectory, directory, isGuarded }
}
