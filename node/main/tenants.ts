/** Tenants of the cluster: their records, the callers that they make, and the rules of the store's socket. */
import { HoldfastError } from '../../common/index.ts'
import { unknownManifest, unknownName } from '../../core/index.ts'
import { formatModelName, type ModelReference } from '../../origin/index.ts'
import type { AdminTokens } from '../admin/index.ts'
import {
  AppliedRules,
  Callers,
  NameAccess,
  PinQuota,
  RequestQuotas,
  TenantRegistry,
  WrongTokens,
} from '../tenants/index.ts'
import type { Base } from './base.ts'
import type { Cluster } from './cluster.ts'
import type { Names } from './names.ts'
import type { Pins } from './replication.ts'
import type { OpenStore } from './store.ts'
import { fileRules } from './store-rules.ts'

export interface Tenants {
  readonly registry: TenantRegistry
  readonly callers: Callers
  readonly quotas: RequestQuotas
  readonly storeRules: AppliedRules
}

export function createTenants(base: Base, tokens: AdminTokens, cluster: Cluster, open: OpenStore): Tenants {
  const { options, state, clock, log } = base
  const { network, core, driver } = cluster
  const registry = new TenantRegistry({ self: network.self, core, driver, state, clock, log })
  const wrongTokens = new WrongTokens({ wrongMax: options['http.wrongTokensMax'] })
  const callers = new Callers(
    { adminTokens: tokens, tenants: registry, wrongTokens, clock },
    { hasPublic: options['tenants.public'] },
  )
  const storeRules = new AppliedRules(
    {
      records: () => core.tenantRecords.all(),
      readFile: () => fileRules(base),
      setAccess: (rules) => open.store.setAccess(rules),
    },
    { hasPublic: options['tenants.public'] },
    open.firstFileRules,
  )
  const quotas = new RequestQuotas({ quotasOf: (tenant) => registry.index.quotasOf(tenant), clock })
  return { registry, callers, quotas, storeRules }
}

export function createPinQuota({ registry }: Tenants, { nodePins, clusterPins }: Pins): PinQuota {
  return new PinQuota({
    tenants: registry,
    pins: () => [...nodePins.list().map(({ name }) => ({ name, replicaCount: 1 })), ...clusterPins.list()],
  })
}

export function createNameAccess({ registry }: Tenants, { directory, origin }: Names): NameAccess {
  const hasOrigin = origin !== null
  return new NameAccess({
    tenants: registry,
    knownNames: () => directory.knownNames(),
    unknown: (reference: ModelReference) => {
      const { code, message } =
        reference.kind === 'name'
          ? unknownName(formatModelName(reference.name), hasOrigin)
          : unknownManifest(reference.digest, hasOrigin)
      return new HoldfastError(code, message)
    },
  })
}
