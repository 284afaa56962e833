/** What the HTTP interface shows of a node. Plain data out; the routes only translate. */
import type { Registry } from 'prom-client'
import type { ModelName } from '../../origin/index.ts'
import type { RouteDecision } from '../../placement/index.ts'
import type { ModelId, NodeId, RequestContext, Tier, Zone } from '../../placement/types.ts'
import type { Loading } from '../cache/model-cache.ts'
import type { ResolvedModel } from '../cache/model-directory.ts'
import type { Log } from '../log.ts'
import type { ModelSignature } from '../ports.ts'
import type { InferenceService } from '../serving/inference-service.ts'

export interface ClusterMember {
  readonly node: NodeId
  readonly isSelf: boolean
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
  /** Requests per second that reach this node. */
  readonly ratePerS: number
  readonly loading: Loading | null
  readonly holders: readonly { readonly node: NodeId; readonly tier: Tier }[]
}

export interface HttpPorts {
  readonly log: Log
  readonly metrics: Registry
  readonly inference: InferenceService
  readonly isReady: () => boolean
  readonly resolve: (name: ModelName) => Promise<ResolvedModel>
  /** Loads the model when it is not. */
  readonly signature: (resolved: ResolvedModel, context: RequestContext) => Promise<ModelSignature>
  readonly isServable: (resolved: ResolvedModel) => boolean
  readonly route: (resolved: ResolvedModel, context: RequestContext) => RouteDecision
  readonly cluster: () => {
    readonly self: NodeId
    readonly version: string
    readonly members: readonly ClusterMember[]
  }
  readonly models: () => readonly ModelView[]
  readonly loading: (model: ModelId) => Loading | null
  readonly nodeName: NodeId
}
