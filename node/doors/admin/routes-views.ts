/** Our own views: who is in the cluster, which models are where, how a request would be routed and why. */
import type { FastifyInstance } from 'fastify'
import { HoldfastError, type NodeId, withNamespace } from '../../../common/index.ts'
import { formatModelName, type ModelReference, parseModelReference } from '../../../origin/index.ts'
import { type ClusterMember, type FetchViews, type ModelView, unknownFetch } from '../../admin/index.ts'
import type { ModelPaths } from '../../models/index.ts'
import { contextOf, type ModelCalls } from '../../requests/index.ts'
import { parseModelPath, restOfPath } from '../http/index.ts'
import { type NameFilter, onlyKnown } from './only-known.ts'

export interface ViewPorts {
  readonly names: NameFilter
  /** Of names that are written without one. */
  readonly defaultNamespace: string
  readonly calls: Pick<ModelCalls, 'route' | 'predict'>
  readonly cluster: () => {
    readonly self: NodeId
    readonly version: string
    readonly members: readonly ClusterMember[]
  }
  readonly models: () => readonly ModelView[]
  readonly fetches: Pick<FetchViews, 'list' | 'get'>
  /** Where programs of this machine find the files; UNKNOWN_MODEL when they are not here by a path. */
  readonly paths: (reference: ModelReference) => Promise<ModelPaths>
}

function batchOf(text = '1'): number {
  if (!/^[1-9]\d{0,5}$/.test(text))
    throw new HoldfastError('BAD_REQUEST', 'The batch has to be a number from 1 to 999999.')
  return Number(text)
}

type Named = { Params: { '*': string } }

export function registerViewRoutes(scope: FastifyInstance, ports: ViewPorts): void {
  const { names } = ports
  const only = onlyKnown(names)
  scope.get('/cluster', async ({ caller }) => {
    const { members, ...cluster } = ports.cluster()
    return { ...cluster, members: only.members(caller, members) }
  })
  scope.get('/models', async ({ caller }) => ({ models: names.only(caller.tenant, ports.models()) }))
  scope.get('/fetches', async ({ caller }) => ({ fetches: only.fetches(caller, ports.fetches.list()) }))
  scope.get<{ Params: { id: string } }>('/fetches/:id', async ({ params, caller }) => {
    const timeline = ports.fetches.get(params.id)
    const [fetch] = only.fetches(caller, [timeline.fetch])
    if (fetch === undefined) throw unknownFetch(params.id)
    return { ...timeline, fetch }
  })
  scope.get<Named>('/route/*', async ({ url, headers, caller, ip }) => {
    const { name } = parseModelPath(restOfPath(url, 2), undefined, ports.defaultNamespace)
    const { model, refAgeMs, decision } = await ports.calls.route(name, contextOf(headers, caller.tenant, ip))
    const ageMs = Number.isFinite(refAgeMs) ? Math.round(refAgeMs) : null
    return { name: formatModelName(name), model, refAgeMs: ageMs, decision }
  })
  scope.get<Named & { Querystring: { batch?: string } }>('/predict/*', async ({ url, headers, query, caller, ip }) => {
    const { name } = parseModelPath(restOfPath(url, 2), undefined, ports.defaultNamespace)
    const prediction = await ports.calls.predict(name, contextOf(headers, caller.tenant, ip), batchOf(query.batch))
    return { name: formatModelName(name), ...prediction }
  })
  scope.get<Named>('/paths/*', async ({ params, caller }) => {
    const reference = parseModelReference(withNamespace(params['*'], ports.defaultNamespace))
    names.check(caller.tenant, reference)
    return ports.paths(reference)
  })
}
