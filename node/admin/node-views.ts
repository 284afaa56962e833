/** The node as people see it: members of the cluster and models with their holders, as plain data for HTTP and the command line. */

import type { ModelId, NodeId, Tier, Zone } from '../../common/index.ts'
import type { NodeCore } from '../../core/index.ts'
import type { Loading, ModelCache, ModelDirectory, ModelTable } from '../models/index.ts'
import type { ModelSignature } from '../ports/index.ts'
import type { Clock } from '../system/index.ts'

export interface ClusterMember {
  readonly node: NodeId
  readonly isSelf: boolean
  /** node.name; empty without one, and of nodes of earlier versions. */
  readonly name: string
  /** Of its software; empty where it does not say. */
  readonly version: string
  /** libp2p multiaddrs. */
  readonly addresses: readonly string[]
  readonly zone: Zone
  readonly httpUrl: string
  readonly rttMs: number | null
  readonly suspected: boolean
  readonly draining: boolean
  readonly queueMs: number
  readonly memoryFreeBytes: number
  readonly memoryLimitBytes: number
  /** Since its last entry was heard. */
  readonly ageMs: number
  readonly models: readonly { readonly model: ModelId; readonly tier: Tier; readonly sizeBytes: number }[]
}

export interface ModelView {
  readonly model: ModelId
  readonly names: readonly string[]
  /** null when the model is not on this node. */
  readonly tier: Tier | null
  readonly sizeBytes: number | null
  readonly isLoaded: boolean
  /** Of the loaded model: 'copied' when the runtime cannot run it in place on the shared bytes. null when it is not loaded. */
  readonly weights: ModelSignature['weights'] | null
  /** Requests per second that reach this node. */
  readonly ratePerS: number
  readonly loading: Loading | null
  readonly holders: readonly { readonly node: NodeId; readonly tier: Tier }[]
}

export interface NodeViewsPorts {
  readonly self: NodeId
  readonly core: NodeCore
  readonly directory: ModelDirectory
  readonly table: ModelTable
  readonly cache: ModelCache
  readonly ratePerS: (model: ModelId) => number
  readonly clock: Clock
}

export class NodeViews {
  private readonly ports: NodeViewsPorts

  constructor(ports: NodeViewsPorts) {
    this.ports = ports
  }

  members(): ClusterMember[] {
    return this.ports.core.members(this.ports.clock.nowMs()).flatMap((member) => {
      const { node, isSelf, state, suspected, ageMs, rttMs } = member
      if (state === null) return []
      const models = isSelf ? this.ports.cache.residency() : (member.residency?.models ?? [])
      return [
        {
          node,
          isSelf,
          name: state.name ?? '',
          version: state.version ?? '',
          addresses: state.addresses,
          zone: state.zone,
          httpUrl: state.httpUrl,
          rttMs,
          suspected,
          draining: state.draining,
          queueMs: state.queueMs,
          memoryFreeBytes: state.tiers.memory.freeBytes,
          memoryLimitBytes: state.tiers.memory.limitBytes ?? 0,
          ageMs: Math.round(ageMs),
          models,
        },
      ]
    })
  }

  /** Every model known here: by name, or by being on this node, or by gossip of its holders. */
  models(): ModelView[] {
    const names = new Map<ModelId, string[]>()
    for (const { name, ref } of this.ports.directory.knownNames()) {
      names.set(ref.manifest, [...(names.get(ref.manifest) ?? []), name])
    }
    const models = new Set<ModelId>(names.keys())
    for (const member of this.members()) for (const { model } of member.models) models.add(model)
    return [...models].sort().map((model) => this.model(model, names.get(model) ?? []))
  }

  private model(model: ModelId, names: readonly string[]): ModelView {
    const { table, cache, core, clock } = this.ports
    const row = table.get(model)
    return {
      model,
      names: [...names].sort(),
      tier: table.tierOf(model),
      sizeBytes: row?.spec.sizeBytes ?? null,
      isLoaded: cache.isRunnable(model),
      weights: cache.signatureOf(model)?.weights ?? null,
      ratePerS: this.ports.ratePerS(model),
      loading: cache.loading(model),
      holders: core.holders(model, clock.nowMs()).map(({ node, tier }) => ({ node, tier })),
    }
  }
}
