/** Asks placement/ where a request should run, with what this node believes of itself and of the cluster. Decides nothing. */

import type { ModelId, NodeId, RandomInt, RequestContext } from '../../common/index.ts'
import type { CopyWorth, NodeCore } from '../../core/index.ts'
import { manifestSizeBytes } from '../../origin/index.ts'
import { type RouteDecision, route } from '../../placement/index.ts'
import type { ModelCache, ModelRow, ModelTable, ResolvedModel } from '../models/index.ts'
import type { Clock } from '../system/index.ts'
import type { LoadProfile } from './load-profile.ts'

export interface RouterPorts {
  readonly core: NodeCore
  readonly cache: () => ModelCache
  readonly table: ModelTable
  readonly profile: LoadProfile
  readonly queueMs: () => number
  readonly isDraining: () => boolean
  readonly isRunnable: (resolved: Pick<ResolvedModel, 'manifest'>) => boolean
  readonly hasOrigin: boolean
  /** One over the time until the model is expected to be asked for here; null when the policy does not predict. */
  readonly soonRatePerS: (model: ModelId) => number | null
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
  /** Execution of a model that never ran here, where only its load on another node is asked for: a small model on a CPU. */
  readonly unknownExecuteMs: number
}

/** A solid-state disk of the ordinary kind. */
export const defaultRouterOptions: RouterOptions = { diskBandwidthBytesPerS: 1_000_000_000, unknownExecuteMs: 10 }

export class Router {
  private readonly ports: RouterPorts
  private readonly options: RouterOptions
  /** Expected execution of what is on its way to other nodes. */
  private readonly sentMs = new Map<NodeId, number>()

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
          ...this.underWay(model),
        },
        context,
        originAllowed: this.ports.hasOrigin,
        ...how,
      },
      clock.nowMs(),
    )
    const holders = view.holders.map((holder) => ({ ...holder, sentMs: this.sentMs.get(holder.node) ?? 0 }))
    return route({ ...view, holders }, this.ports.randomInt)
  }

  /** A request is on its way to a node until the result is disposed: those after it count with it there. */
  sent(node: NodeId, model: ModelId): Disposable {
    const executeMs = this.ports.profile.executeMs(model) || this.options.unknownExecuteMs
    this.sentMs.set(node, (this.sentMs.get(node) ?? 0) + executeMs)
    return {
      [Symbol.dispose]: () => {
        const restMs = (this.sentMs.get(node) ?? 0) - executeMs
        // Sums of floating point numbers do not end at zero by themselves.
        if (restMs > 1e-6) this.sentMs.set(node, restMs)
        else this.sentMs.delete(node)
      },
    }
  }

  /** What the copy in a tier is worth, for the eviction policies: what is lost without it, here and at other nodes. */
  copyWorth(model: ModelId, tier: 'memory' | 'disk'): CopyWorth {
    const { core, table, profile, clock, hasOrigin, soonRatePerS } = this.ports
    const row = table.get(model)
    if (row === null) return { missCostMs: Number.POSITIVE_INFINITY, othersLossMsPerS: 0 }
    const sizeBytes = manifestSizeBytes(row.manifest)
    return core.copyWorth(
      {
        model,
        sizeBytes,
        initMs: profile.initMs(model, sizeBytes),
        diskMs: tier === 'memory' && table.filesOnDisk(row) ? this.diskMs(sizeBytes) : null,
        mayForward: this.mayForward(row),
        originAllowed: hasOrigin,
        soonRatePerS: soonRatePerS(model),
      },
      clock.nowMs(),
    )
  }

  /** Reading so many bytes from the disk of this node. */
  diskMs(sizeBytes: number): number {
    return (sizeBytes / this.options.diskBandwidthBytesPerS) * 1000
  }

  /** What programs map here, another node cannot answer for. */
  mayForward({ manifest }: Pick<ModelRow, 'manifest'>): boolean {
    return this.ports.isRunnable({ manifest })
  }

  private underWay(model: ModelId): { readonly missingBytes?: number } {
    const loading = this.ports.cache().loading(model)
    if (loading === null || loading.state !== 'fetching' || loading.totalBytes === 0) return {}
    return { missingBytes: loading.totalBytes - loading.doneBytes }
  }

  /** A model that the runtime has loaded counts as in memory; one whose files are in memory still has to be converted. */
  private selfTier(model: ModelId): 'memory' | 'disk' | null {
    if (this.ports.cache().isRunnable(model)) return 'memory'
    return this.ports.table.tierOf(model) === null ? null : 'disk'
  }
}
