/** Views of the node without what their caller may not know: models of the private namespaces of others. */
import { errorTable } from '../../../common/index.ts'
import type {
  ClusterMember,
  EvictionView,
  FetchView,
  NodeStatus,
  PinView,
  PlacementPlanView,
  ReplicaPinView,
  ScrubView,
} from '../../admin/index.ts'
import type { Caller, NameAccess } from '../../tenants/index.ts'

export type NameFilter = Pick<
  NameAccess,
  'check' | 'checkOwn' | 'only' | 'mayKnowText' | 'knownModels' | 'mayReadTexts'
>

interface Pinned {
  readonly pins: readonly PinView[]
  readonly replicated: readonly ReplicaPinView[]
}

type Plan = EvictionView & { readonly placement: PlacementPlanView }

export function onlyKnown(names: NameFilter) {
  const named = <T extends { readonly name: string }>({ tenant }: Caller, items: readonly T[]): readonly T[] =>
    items.filter(({ name }) => names.mayKnowText(tenant, name))
  return {
    named,

    pins: (caller: Caller, { pins, replicated }: Pinned): Pinned => {
      return { pins: named(caller, pins), replicated: named(caller, replicated) }
    },

    plan: ({ tenant }: Caller, plan: Plan): Plan => {
      const known = names.knownModels(tenant)
      if (known === null) return plan
      const decisions = names.only(tenant, plan.placement.decisions).map(({ name, ...decision }) => {
        const displaces = decision.displaces.filter((model) => known.has(model))
        const isNamed = name !== undefined && names.mayKnowText(tenant, name)
        return { ...decision, displaces, ...(isNamed ? { name } : {}) }
      })
      return { ...plan, models: names.only(tenant, plan.models), placement: { ...plan.placement, decisions } }
    },

    /** Errors of the past may speak of models of others: where there are such, the caller is told the meaning of the code. */
    status: ({ tenant }: Caller, status: NodeStatus): NodeStatus => {
      const errors = status.errors.map((error) => {
        return names.mayReadTexts(tenant) ? error : { ...error, message: errorTable[error.code].meaning }
      })
      const known = names.knownModels(tenant)
      const setAside = known === null ? status.setAside : status.setAside.filter(({ model }) => known.has(model))
      return { ...status, errors, setAside }
    },

    scrub: ({ tenant }: Caller, scrub: ScrubView | null): ScrubView | null => {
      const known = names.knownModels(tenant)
      if (scrub === null || known === null) return scrub
      return { ...scrub, misstated: scrub.misstated.filter(({ model }) => known.has(model)) }
    },

    members: ({ tenant }: Caller, members: readonly ClusterMember[]): readonly ClusterMember[] => {
      const known = names.knownModels(tenant)
      if (known === null) return members
      return members.map((member) => ({ ...member, models: member.models.filter(({ model }) => known.has(model)) }))
    },

    fetches: ({ tenant }: Caller, fetches: readonly FetchView[]): readonly FetchView[] => names.only(tenant, fetches),
  }
}
