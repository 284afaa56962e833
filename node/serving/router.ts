/** Asks placement/ where a request should run, with what this node believes of itself and of the cluster. Decides nothing. */

import { manifestSizeBytes } from '../../origin/index.ts'
import { missCostMs, type RouteDecision, route } from '../../placement/index.ts'
import type { ModelId, NodeId, RandomInt, RequestContext } from '../../placement/types.ts'
import type { ModelCache } from '../cache/model-cache.ts'
import type { ResolvedModel } from '../cache/model-directory.ts'
import type { ModelTable } from '../cache/model-table.ts'
import type { NodeCore } from '../core/index.ts'
import type { Clock } from '../system.ts'
import type { LoadProfile } from './load-profile.ts'

export interface RouterPorts {
  readonly core: NodeCore
  readonly cache: () => ModelCache
  readonly table: ModelTable
  readonly profile: LoadProfile
  readonly queueMs: () => number
  readonly isDraining: () => boolean
  readonly isRunnable: (resolved: ResolvedModel) => boolean
  readonly hasOrigin: boolean
  readonly randomInt: RandomInt
  readonly clock: Clock
}

export interface HowToRoute {
  /** Nodes that have already refused or failed this request. */
  readonly excluded: readonly NodeId[]
  readonly mayForward: boolean
  /** False when this node cannot serve the request, whatever it holds: it is about to end, or its disk refuses. */
  readonly mayServeHere?: boolean
}

export interface RouterOptions {
  /** Of this node's disk, for the cost of a promotion. */
  readonly diskBandwidthBytesPerS: number
}

/** A solid-state disk of the ordinary kind. */
export const defaultRouterOptions: RouterOptions = { diskBandwidthBytesPerS: 1_000_000_000 }

export class Router {
  private readonly ports: RouterPorts
  private readonly options: RouterOptions

  constructor(ports: RouterPorts, options: Partial<RouterOptions> = {}) {
    this.ports = ports
    this.options = { ...defaultRouterOptions, ...options }
  }

  route(resolved: ResolvedModel, context: RequestContext, { mayServeHere = true, ...how }: HowToRoute): RouteDecision {
    const { core, profile, clock } = this.ports
    const model = resolved.digest
    const sizeBytes = manifestSizeBytes(resolved.manifest)
    const view = core.routeView(
      {
        model: { id: model, sizeBytes, initMs: profile.initMs(model, sizeBytes), executeMs: profile.executeMs(model) },
        self: {
          tier: mayServeHere ? this.selfTier(model) : null,
          queueMs: this.ports.queueMs(),
          diskBandwidthBytesPerS: this.options.diskBandwidthBytesPerS,
          runnable: this.ports.isRunnable(resolved),
          draining: this.ports.isDraining() || !mayServeHere,
        },
        context,
        originAllowed: this.ports.hasOrigin,
        ...how,
      },
      clock.nowMs(),
    )
    return route(view, this.ports.randomInt)
  }

  /** Milliseconds to have the model again if it were not here, for the eviction policies. */
  missCostMs(model: ModelId): number {
    const row = this.ports.table.get(model)
    if (row === null) return Number.POSITIVE_INFINITY
    const sizeBytes = manifestSizeBytes(row.manifest)
    const sources = this.ports.core
      .sources(model, this.ports.hasOrigin, this.ports.clock.nowMs())
      .filter(({ source }) => source === 'peer' || source === 'origin')
    return missCostMs({ sizeBytes, initMs: this.ports.profile.initMs(model, sizeBytes) }, sources)
  }

  /** A model that the runtime has loaded counts as in memory; one whose files are in memory still has to be converted. */
  private selfTier(model: ModelId): 'memory' | 'disk' | null {
    if (this.ports.cache().isRunnable(model)) return 'memory'
    return this.ports.table.tierOf(model) === null ? null : 'disk'
  }
}
