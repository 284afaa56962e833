/**
 * The tenants of the cluster, as this node sees and keeps them: what an operator changes here is gossiped, what was heard is kept over a
 * restart (core/cluster/tenant-set.ts). A token is told once, to the operator who asked for it.
 */
import { carriedQuotas, HoldfastError, type NodeId, quotasOf, type TenantQuotas } from '../../common/index.ts'
import { changedTenant, type NodeCore, type TenantNamespace, type TenantRecord } from '../../core/index.ts'
import type { CoreDriver } from '../cluster/index.ts'
import type { StateStore } from '../ports/index.ts'
import type { Clock, Log } from '../system/index.ts'
import { checkNamespace, checkTenantName } from './names.ts'
import { TenantIndex } from './tenant-index.ts'
import { generateTenantToken, hashOfToken, tokenIdOf } from './tokens.ts'

export interface TenantRegistryPorts {
  readonly self: NodeId
  readonly core: Pick<NodeCore, 'tenantRecords'>
  readonly driver: Pick<CoreDriver, 'dispatch'>
  readonly state: StateStore
  readonly clock: Clock
  readonly log: Log
}

export interface TenantRegistryOptions {
  /** Tenants of the cluster that may be in force. */
  readonly tenantsMax: number
  /** Valid tokens of one tenant: several, so that a new one can be handed out before the old one is withdrawn. */
  readonly tokensMax: number
  readonly namespacesMax: number
  /** How often it is looked whether other nodes changed something. */
  readonly lookMs: number
  /** How often what was removed long ago is forgotten, pins too; a change made here does that at once. */
  readonly forgetMs: number
}

export const defaultTenantRegistryOptions: TenantRegistryOptions = {
  tenantsMax: 96,
  tokensMax: 8,
  namespacesMax: 16,
  lookMs: 1_000,
  forgetMs: 3_600_000,
}

export interface TenantView {
  readonly name: string
  readonly namespaces: readonly TenantNamespace[]
  readonly quotas: TenantQuotas
  readonly tokens: readonly { readonly id: string; readonly createdMs: number }[]
}

/** Settings of an operator. A field that is left out stays as it is. */
export interface TenantSettings {
  readonly namespaces?: readonly TenantNamespace[]
  readonly quotas?: Partial<TenantQuotas>
}

/** The token is told here and never again. */
export interface NewToken {
  readonly tenant: string
  readonly id: string
  readonly token: string
}

type KeptTenant = Omit<TenantRecord, 'quotas' | 'revoked'> &
  Partial<Pick<TenantRecord, 'revoked'>> & { readonly quotas?: Partial<TenantQuotas> }

const stateKey = 'tenants'

export class TenantRegistry {
  private readonly ports: TenantRegistryPorts
  private readonly options: TenantRegistryOptions
  private indexed: { readonly version: number; readonly index: TenantIndex } | null = null
  private savedVersion = 0
  private toldVersion = 0
  private stopLooking: () => void = () => {}
  private onChange: () => void = () => {}

  constructor(ports: TenantRegistryPorts, options: Partial<TenantRegistryOptions> = {}) {
    this.ports = ports
    this.options = { ...defaultTenantRegistryOptions, ...options }
  }

  /** Before any door opens. */
  async load(): Promise<void> {
    this.tell(await keptTenants(this.ports.state))
    this.savedVersion = this.ports.core.tenantRecords.version
    this.toldVersion = this.savedVersion
  }

  /** @param onChange called soon after any change, here or elsewhere; when it throws, again and again until it does not. */
  start(onChange: () => void): void {
    this.onChange = onChange
    const stopForgetting = this.ports.clock.every(this.options.forgetMs, () => this.dispatch([]))
    const stopLooking = this.ports.clock.every(this.options.lookMs, () => {
      void this.save().catch((error: Error) => {
        this.ports.log.error({ error: error.stack }, 'the tenants of the cluster could not be kept')
      })
    })
    this.stopLooking = () => {
      stopForgetting()
      stopLooking()
    }
  }

  stop(): void {
    this.stopLooking()
  }

  /** Index of the present records. */
  get index(): TenantIndex {
    const { tenantRecords } = this.ports.core
    const { version } = tenantRecords
    if (this.indexed?.version !== version) this.indexed = { version, index: new TenantIndex(tenantRecords.all()) }
    return this.indexed.index
  }

  records(): readonly TenantRecord[] {
    return this.ports.core.tenantRecords.active()
  }

  list(): TenantView[] {
    return this.records().map(viewOf)
  }

  /** UNKNOWN_TENANT. */
  get(name: string): TenantView {
    return viewOf(this.find(name))
  }

  /** Adds the tenant, with its first token, or changes it. */
  async put(name: string, settings: TenantSettings): Promise<{ tenant: TenantView; token: NewToken | null }> {
    checkTenantName(name)
    const known = this.records().find((record) => record.name === name)
    const namespaces = settings.namespaces ?? known?.namespaces ?? []
    this.checkNamespaces(name, namespaces)
    const { tenantsMax } = this.options
    if (known === undefined && this.records().length >= tenantsMax)
      throw new HoldfastError('OVERLOADED', `The cluster has ${tenantsMax} tenants, the most; remove some.`)
    const token = known === undefined ? this.newToken(name) : null
    const tokens = [...(known?.tokens ?? []), ...(token === null ? [] : [token.kept])]
    const quotas = carriedQuotas({ ...known?.quotas, ...settings.quotas })
    await this.change({ name, tokens, namespaces, quotas, isRemoved: false })
    return { tenant: this.get(name), token: token?.told ?? null }
  }

  /** False when there was none. Its tokens are no longer valid, and its namespaces are everybody's. */
  async remove(name: string): Promise<boolean> {
    if (!this.records().some((record) => record.name === name)) return false
    await this.change({ name, tokens: [], namespaces: [], quotas: quotasOf({}), isRemoved: true })
    return true
  }

  async addToken(name: string): Promise<NewToken> {
    const record = this.find(name)
    const { tokensMax } = this.options
    if (record.tokens.length >= tokensMax)
      throw new HoldfastError('OVERLOADED', `${name} has ${tokensMax} tokens, the most; revoke one.`)
    const { told, kept } = this.newToken(name)
    await this.change({ ...record, tokens: [...record.tokens, kept] })
    return told
  }

  /** False when the tenant has no such token. */
  async revokeToken(name: string, id: string): Promise<boolean> {
    const record = this.find(name)
    const tokens = record.tokens.filter(({ sha256 }) => tokenIdOf(sha256) !== id)
    if (tokens.length === record.tokens.length) return false
    await this.change({ ...record, tokens })
    return true
  }

  private find(name: string): TenantRecord {
    const record = this.records().find((one) => one.name === name)
    if (record !== undefined) return record
    throw new HoldfastError('UNKNOWN_TENANT', `There is no tenant ${JSON.stringify(name.slice(0, 64))}.`)
  }

  private checkNamespaces(tenant: string, namespaces: readonly TenantNamespace[]): void {
    if (namespaces.length > this.options.namespacesMax)
      throw new HoldfastError('BAD_REQUEST', `A tenant has at most ${this.options.namespacesMax} namespaces.`)
    for (const { name } of namespaces) {
      checkNamespace(name)
      const owner = this.index.ownerOf(name)
      if (owner !== null && owner !== tenant)
        throw new HoldfastError('NAMESPACE_TAKEN', `The namespace ${name} is ${owner}'s.`, { details: { owner } })
    }
    if (new Set(namespaces.map(({ name }) => name)).size < namespaces.length)
      throw new HoldfastError('BAD_REQUEST', 'A namespace is named twice; leave out one of them.')
  }

  private newToken(tenant: string): { readonly told: NewToken; readonly kept: TenantRecord['tokens'][number] } {
    const token = generateTenantToken()
    const sha256 = hashOfToken(token).toString('hex')
    const createdMs = Math.floor(this.ports.clock.wallMs())
    return { told: { tenant, id: tokenIdOf(sha256), token }, kept: { sha256, createdMs } }
  }

  private async change(change: Omit<TenantRecord, 'by' | 'changedMs' | 'revoked'>): Promise<void> {
    const { core, self, clock } = this.ports
    const known = core.tenantRecords.all().find(({ name }) => name === change.name)
    this.tell([changedTenant(change, known, self, clock.wallMs())])
    await this.save()
  }

  private tell(records: readonly TenantRecord[]): void {
    if (records.length > 0) this.dispatch(records)
  }

  private dispatch(records: readonly TenantRecord[]): void {
    this.ports.driver.dispatch({ kind: 'tenants', records, wallMs: this.ports.clock.wallMs() })
  }

  private tellChange(): void {
    const { version } = this.ports.core.tenantRecords
    if (version === this.toldVersion) return
    try {
      this.onChange()
      this.toldVersion = version
    } catch (error) {
      const { message } = error as Error
      this.ports.log.error(
        { error: message },
        'a change of tenants is not in force at the socket yet; it is tried again',
      )
    }
  }

  private async save(): Promise<void> {
    this.tellChange()
    const { tenantRecords } = this.ports.core
    const { version } = tenantRecords
    if (version === this.savedVersion) return
    await this.ports.state.put(stateKey, tenantRecords.all())
    this.savedVersion = version
  }
}

/** Records of former runs, also removed ones; can be read before there is a cluster. An earlier version may have kept fewer fields. */
export async function keptTenants(state: StateStore): Promise<readonly TenantRecord[]> {
  const kept = ((await state.get(stateKey)) as readonly KeptTenant[] | null) ?? []
  return kept.map((record) => ({
    ...record,
    revoked: record.revoked ?? [],
    quotas: carriedQuotas({ ...record.quotas }),
  }))
}

function viewOf({ name, namespaces, quotas, tokens }: TenantRecord): TenantView {
  return {
    name,
    namespaces,
    quotas: quotasOf(quotas),
    tokens: tokens.map(({ sha256, createdMs }) => ({ id: tokenIdOf(sha256), createdMs })),
  }
}
