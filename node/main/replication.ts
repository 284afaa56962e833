/** Which models this node has: pins of its operator and of the cluster, and the replication that carries out what placement/ decides. */

import { createPrng, isHoldfastError } from '../../common/index.ts'
import { defaultReplicationRoundOptions, diskMs, replicationContext } from '../../core/index.ts'
import { type ModelReference, parseModelReference } from '../../origin/index.ts'
import { defaultPlacementOptions } from '../../placement/index.ts'
import { NodePins, resolveReference } from '../admin/index.ts'
import type { NodeOptions } from '../config/index.ts'
import type { NodeMetrics } from '../doors/metrics/index.ts'
import type { Readiness } from '../life/index.ts'
import { ClusterPins, localModels, ReplicationController } from '../replication/index.ts'
import type { Base } from './base.ts'
import { diskBytesPerS, isRunnable } from './cache.ts'
import { type Cluster, seedOf } from './cluster.ts'
import type { Models } from './models.ts'
import type { PinChecks } from './pin-checks.ts'
import type { OpenStore } from './store.ts'

export interface Pins {
  readonly nodePins: NodePins
  readonly clusterPins: ClusterPins
}

export function createPins(
  { options, state, clock, log }: Base,
  { network, core, driver }: Cluster,
  { directory, tiers }: Models,
  pinned: PinChecks,
): Pins {
  const nodePins = new NodePins(
    { directory, cache: tiers, state, clock, log },
    { checkMs: options['admin.pinCheckMs'] },
  )
  const clusterPins = new ClusterPins({
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
  pinned.add((model, tier) => nodePins.isPinned(model, tier))
  pinned.add((model, tier) => clusterPins.isPinned(model, tier))
  return { nodePins, clusterPins }
}

export interface ReplicationNeeds {
  readonly cluster: Cluster
  readonly open: OpenStore
  readonly models: Models
  readonly pins: Pins
  readonly pinned: PinChecks
  readonly readiness: Readiness
  readonly metrics: NodeMetrics
}

export function createReplication({ options, clock, log }: Base, needs: ReplicationNeeds): ReplicationController {
  const { pinned, readiness, metrics } = needs
  const { network, core } = needs.cluster
  const { store } = needs.open
  const { nodePins, clusterPins } = needs.pins
  const { table, cache, tiers, policies, profile, directory, hasOrigin } = needs.models
  return new ReplicationController(
    {
      core,
      pins: clusterPins,
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
          isPinned: (model, tier) => pinned.isPinned(model, tier),
          isPinnedHere: (model) => nodePins.isPinned(model, 'disk'),
          hasOrigin,
          isDraining: () => readiness.isDraining,
          clock,
        }),
      names: () => directory.knownNames().map(({ name, ref }) => ({ name, model: ref.manifest })),
      resolveDigest: (model) => directory.resolveDigest(model),
      cache: {
        bring: (resolved, tier) => tiers.bring(resolved, tier, replicationContext),
        leave: (model, tier) => tiers.leave(model, tier),
      },
      isReady: () => readiness.isReady,
      onActed: ({ kind, reason }) => metrics.placements.inc({ kind, reason }),
      random: createPrng(seedOf(network.self)).child('placement'),
      clock,
      log,
    },
    replicationOptions(options),
  )
}

function replicationOptions(options: NodeOptions) {
  return {
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
  }
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
