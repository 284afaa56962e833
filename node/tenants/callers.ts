/**
 * Finds the caller of a request by its token: the admin, a tenant, or the public. Every door that takes tokens asks here, with the role
 * that its route needs.
 */
import { HoldfastError } from '../../common/index.ts'
import type { Clock } from '../system/index.ts'
import { operatorTenant, publicTenant } from './names.ts'
import type { TenantIndex } from './tenant-index.ts'
import type { TenantRegistry } from './tenant-registry.ts'
import { hashOfToken, isTenantToken } from './tokens.ts'
import type { WrongTokens } from './wrong-tokens.ts'

/** From the one that may least to the one that may most. */
export const roles = ['public', 'tenant', 'admin'] as const
export type Role = (typeof roles)[number]

export interface Caller {
  readonly role: Role
  readonly tenant: string
}

/** The fields of a request that tell of its caller. */
export interface CallerFacts {
  /** `Bearer TOKEN`. */
  readonly authorization: string | undefined
  /** `holdfast-tenant`. */
  readonly named: string | undefined
  readonly address: string
}

export interface CallersPorts {
  readonly adminTokens: {
    readonly count: number
    /** Rises when they are replaced. */
    readonly generation: number
    /** Changes are open to everybody who reaches the node. */
    readonly isOpen: boolean
    has(hash: Buffer): boolean
  }
  readonly tenants: Pick<TenantRegistry, 'index'>
  readonly wrongTokens: WrongTokens
  readonly clock: Clock
}

export interface CallersOptions {
  /** Requests without a token are let in, as those of the tenant `public`. */
  readonly hasPublic: boolean
}

const publicCaller: Caller = { role: 'public', tenant: publicTenant }
const adminCaller: Caller = { role: 'admin', tenant: operatorTenant }

export class Callers {
  private readonly ports: CallersPorts
  private readonly options: CallersOptions
  private tokensOf: readonly [generation: number, index: TenantIndex] | null = null

  constructor(ports: CallersPorts, options: CallersOptions) {
    this.ports = ports
    this.options = options
  }

  /** UNAUTHORIZED, FORBIDDEN, TENANT_MISMATCH or TOO_MANY_GUESSES. */
  admit(facts: CallerFacts, needed: Role): Caller {
    const known = this.known(facts)
    const caller = known ?? this.withoutToken(needed)
    if (facts.named !== undefined && facts.named !== caller.tenant) throw mismatch(caller.tenant)
    if (roles.indexOf(caller.role) >= roles.indexOf(needed)) return caller
    if (needed === 'admin' && this.ports.adminTokens.isOpen) return adminCaller
    throw new HoldfastError(
      'FORBIDDEN',
      `This takes the ${needed} token; the token that was shown is ${caller.tenant}'s.`,
    )
  }

  private known({ authorization, address }: CallerFacts): Caller | null {
    if (authorization === undefined || !/^bearer\b/i.test(authorization)) return null
    const { adminTokens, tenants, wrongTokens, clock } = this.ports
    const token = /^bearer +(\S+) *$/i.exec(authorization)?.[1] ?? ''
    // Without an admin token only tenants have tokens. A token of another form is none of this node's, such as one that `holdfast init` made
    // for a node that does not ask for it.
    if (adminTokens.count === 0 && !(tenants.index.hasHadTenants && isTenantToken(token))) return null
    this.noteChange(adminTokens.generation, tenants.index)
    const hash = hashOfToken(token)
    const isAdmin = adminTokens.has(hash)
    const tenant = tenants.index.tenantOf(hash)
    // It has 202 bits of chance, so it was not guessed: the guesses of others at that address do not lock it out.
    if (!isAdmin && tenant !== null) return { role: 'tenant', tenant }
    // The operator chose this one, or it is wrong.
    wrongTokens.check(address, hash, clock.nowMs())
    if (isAdmin) {
      wrongTokens.right(address, hash)
      return adminCaller
    }
    wrongTokens.wrong(address, hash, clock.nowMs())
    throw new HoldfastError('UNAUTHORIZED', 'The token is not known here; it may have been revoked.')
  }

  private noteChange(generation: number, index: TenantIndex): void {
    const [before, indexBefore] = this.tokensOf ?? [generation, index]
    this.tokensOf = [generation, index]
    if (before !== generation || indexBefore !== index) this.ports.wrongTokens.forgetWrong()
  }

  private withoutToken(needed: Role): Caller {
    if (needed !== 'public' && this.ports.adminTokens.isOpen) return adminCaller
    if (needed === 'admin')
      throw new HoldfastError('UNAUTHORIZED', 'This takes the admin token, as `Authorization: Bearer TOKEN`.')
    if (needed === 'tenant')
      throw new HoldfastError('UNAUTHORIZED', 'This takes the token of a tenant, as `Authorization: Bearer TOKEN`.')
    if (this.options.hasPublic) return publicCaller
    throw new HoldfastError(
      'UNAUTHORIZED',
      'This node answers tenants only (tenants.public); show a token, as `Authorization: Bearer TOKEN`.',
    )
  }
}

function mismatch(tenant: string): HoldfastError {
  return new HoldfastError(
    'TENANT_MISMATCH',
    `holdfast-tenant says another tenant than the token does, which is ${tenant}'s; leave the header out, or send the token of that tenant.`,
    { details: { tenant } },
  )
}
