/** What the HTTP interface shows of a node. Plain data out; the routes only translate. */
import type { Registry } from 'prom-client'
import type { ModelId, NodeId, RequestContext } from '../../../common/index.ts'
import type { ModelName } from '../../../origin/index.ts'
import type { RouteDecision } from '../../../placement/index.ts'
import type { ClusterMember, ModelView } from '../../admin/index.ts'
import type { Loading, ModelPaths, ResolvedModel } from '../../models/index.ts'
import type { ModelSignature } from '../../ports/index.ts'
import type { InferenceService } from '../../requests/index.ts'
import type { Clock, Log } from '../../system/index.ts'

export interface HttpPorts {
  readonly log: Log
  readonly metrics: Registry
  readonly inference: Pick<InferenceService, 'infer'>
  readonly pulse: () => Promise<{ readonly alive: boolean; readonly reason: string | null }>
  /** Null when the node is ready. */
  readonly whyNotReady: () => string | null
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
  /** Where programs of this machine find the files; UNKNOWN_MODEL when they are not here by a path. */
  readonly paths: (resolved: Pick<ResolvedModel, 'digest' | 'manifest'>) => ModelPaths
  readonly resolveDigest: (digest: ModelId) => Promise<Pick<ResolvedModel, 'digest' | 'manifest'>>
  readonly clock: Clock
}
