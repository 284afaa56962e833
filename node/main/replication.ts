/** Which models this node has: the pins of the cluster, and the replication that carries out what placement/ decides. Starts nothing. */

import { createPrng, isHoldfastError } from '../../common/index.ts'
import { defaultReplicationRoundOptions, diskMs } from '../../core/index.ts'
import { type Manifest, type ModelReference, parseModelReference } from '../../origin/index.ts'
import { defaultPlacementOptions } from '../../placement/index.ts'
import { type Admin, adminCache, resolveReference } from '../admin/index.ts'
import { ClusterPins, localModels, ReplicationController } from '../replication/index.ts'
import { runnableFileOf } from '../runtime/index.ts'
import { type Base, isDraining, isReady } from './base.ts'
import { type Cluster, seedOf } from './cluster.ts'
import { diskBytesPerS, type Models } from './models.ts'

/** No request waits for what placement brings. */
const context = { tenant: 'operator', deadlineMs: Number.POSITIVE_INFINITY, purpose: 'placement' } as const

export function composeReplicas({ state, clock, log }: Base, cluster: Cluster, { directory }: Models): ClusterPins {
  const { network, core, driver } = cluster
  return new ClusterPins({
    self: network.self,
    core,
    driver,
    directory: {
      resolve: async (name) => resolveReference(directory, parseModelReference(name)),
      known: (name) => {
        const reference = referenceOf(name)
        if (reference === null) return null
        return reference.kind === 'digest' ? reference.digest : (directory.knownRef(reference.name)?.manifest ?? null)
      },
    },
    state,
    clock,
    log,
  })
}

export function composePlacement(base: Base, cluster: Cluster, models: Models, admin: Admin): ReplicationController {
  const { options, clock, log, late } = base
  const { network, core } = cluster
  const { store, table, cache, policies, profile, directory, metrics } = models
  const isRunnable = (manifest: Manifest) => runnableFileOf(manifest.files) !== null
  const tiers = adminCache({ cache, table, isRunnable })
  const replication = new ReplicationController(
    {
      core,
      pins: admin.replicas,
      local: () =>
        localModels({
          store,
          table,
          cache,
          policies,
          core,
          initMs: (model, sizeBytes) => profile.initMs(model, sizeBytes),
          diskMs: (sizeBytes) => diskMs(sizeBytes, diskBytesPerS),
          isRunnable,
          isPinned: (model, tier) => admin.isPinned(model, tier),
          isPinnedHere: (model) => admin.pins.isPinned(model, 'disk'),
          hasOrigin: options['origin.url'] !== '',
          isDraining: () => isDraining(base),
          clock,
        }),
      names: () => directory.knownNames().map(({ name, ref }) => ({ name, model: ref.manifest })),
      resolveDigest: (model) => directory.resolveDigest(model),
      cache: {
        bring: (resolved, tier) => tiers.bring(resolved, tier, context),
        leave: (model, tier) => tiers.leave(model, tier),
      },
      isReady: () => isReady(base),
      onActed: ({ kind, reason }) => metrics.placements.inc({ kind, reason }),
      random: createPrng(seedOf(network.self)).child('placement'),
      clock,
      log,
    },
    {
      ...defaultReplicationRoundOptions,
      replication: options['placement.replication'],
      intervalMs: options['placement.intervalMs'],
      placement: {
        ...defaultPlacementOptions,
        horizonS: options['placement.horizonS'],
        marginPercent: options['placement.marginPercent'],
        settleMs: options['placement.settleMs'],
        copiesMax: options['placement.copiesMax'],
        graceMs: options['placement.graceMs'],
      },
    },
  )
  late.replication = replication
  return replication
}

/** A member may gossip any text as the name of a pin. Null for one that is no name. */
function referenceOf(name: string): ModelReference | null {
  try {
    return parseModelReference(name)
  } catch (error) {
    if (isHoldfastError(error)) return null
    throw error
  }
}
