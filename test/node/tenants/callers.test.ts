import { describe, expect, it } from 'vitest'
import { adminTokensMax } from '../../../node/admin/admin-tokens.ts'
import { hashOfToken } from '../../../node/tenants/index.ts'
import { generateTenantToken, tenantTokenPattern } from '../../../node/tenants/tokens.ts'
import { type CallersSetting, callersWith } from '../../support/callers.ts'

const admin = 'admin-token-0123456789'
const [ofA, ofB] = [generateTenantToken(), generateTenantToken()]
const setting: CallersSetting = {
  adminTokens: [admin],
  tenants: { 'team-a': { tokens: [ofA] }, 'team-b': { tokens: [ofB] } },
}
const facts = (token: string | null, named?: string, address = '192.0.2.1') => ({
  authorization: token === null ? undefined : `Bearer ${token}`,
  named,
  address,
})
const code = (expected: string) => expect.objectContaining({ code: expected })

describe('a token of a tenant', () => {
  it('has the form that clients of the field send, and chance in all of it', () => {
    const tokens = Array.from({ length: 200 }, generateTenantToken)
    for (const token of tokens) expect(token).toMatch(tenantTokenPattern)
    expect(tenantTokenPattern.source).toBe('^hf_[A-Za-z0-9]{34}$')
    for (let at = 3; at < 37; at += 1) expect(new Set(tokens.map((token) => token[at])).size).toBeGreaterThan(30)
  })
})

describe('a caller', () => {
  it.each([
    { id: 'without a token is the public', token: null, caller: { role: 'public', tenant: 'public' } },
    { id: 'is the tenant of the token', token: ofA, caller: { role: 'tenant', tenant: 'team-a' } },
    { id: 'is the admin', token: admin, caller: { role: 'admin', tenant: 'operator' } },
  ])('$id', ({ token, caller }) => {
    expect(callersWith(setting).callers.admit(facts(token), 'public')).toEqual(caller)
  })

  it.each([
    { id: 'another', authorization: `Bearer ${generateTenantToken()}` },
    { id: 'a part', authorization: `Bearer ${ofA.slice(0, -1)}` },
    { id: 'more', authorization: `Bearer ${ofA}x` },
    { id: 'two', authorization: `Bearer ${ofA} ${ofB}` },
    { id: 'none after the scheme', authorization: 'Bearer ' },
  ])('with an unknown token is nobody, not the public: $id', ({ authorization }) => {
    const { callers } = callersWith(setting)
    const shown = { authorization, named: undefined, address: '192.0.2.1' }
    expect(() => callers.admit(shown, 'public')).toThrow(code('UNAUTHORIZED'))
  })

  it('with another scheme shows no token', () => {
    const shown = { authorization: `Basic ${ofA}`, named: undefined, address: '192.0.2.1' }
    expect(callersWith(setting).callers.admit(shown, 'public').role).toBe('public')
  })

  it('may show any token to a node that knows none', () => {
    expect(callersWith().callers.admit(facts('whatever'), 'public').role).toBe('public')
  })

  it.each([
    { id: 'its last token was revoked', tenants: { 'team-a': {} } },
    { id: 'its tenant was removed', tenants: { 'team-a': { isRemoved: true } } },
  ])('with a revoked token is nobody, also on a node that knows no token any more: $id', ({ tenants }) => {
    const { callers } = callersWith({ tenants })
    expect(() => callers.admit(facts(ofA), 'public')).toThrow(code('UNAUTHORIZED'))
    expect(callers.admit(facts(null), 'public').role).toBe('public')
    expect(callers.admit(facts('of another system'), 'public').role).toBe('public')
  })

  it.each([
    { id: 'the tenant of the token', token: ofA, named: 'team-a', refused: false },
    { id: 'the public, without a token', token: null, named: 'public', refused: false },
    { id: 'another tenant', token: ofA, named: 'team-b', refused: true },
    { id: 'a tenant, without a token', token: null, named: 'team-a', refused: true },
    { id: 'nobody', token: null, named: '', refused: true },
    { id: 'a tenant, with the admin token', token: admin, named: 'team-a', refused: true },
  ])('may say in holdfast-tenant what the token says, and nothing else: $id', ({ token, named, refused }) => {
    const admit = () => callersWith(setting).callers.admit(facts(token, named), 'public')
    if (refused) expect(admit).toThrow(code('TENANT_MISMATCH'))
    else expect(admit).not.toThrow()
  })
})

describe('a role', () => {
  it.each([
    { needed: 'public', token: null, error: null },
    { needed: 'tenant', token: null, error: 'UNAUTHORIZED' },
    { needed: 'tenant', token: ofA, error: null },
    { needed: 'tenant', token: admin, error: null },
    { needed: 'admin', token: null, error: 'UNAUTHORIZED' },
    { needed: 'admin', token: ofA, error: 'FORBIDDEN' },
    { needed: 'admin', token: admin, error: null },
  ] as const)('$needed with the token $token: $error', ({ needed, token, error }) => {
    const admit = () => callersWith(setting).callers.admit(facts(token), needed)
    if (error === null) expect(admit).not.toThrow()
    else expect(admit).toThrow(code(error))
  })

  it('of the admin is open on loopback without an admin token, and nowhere else', () => {
    const open = callersWith({ tenants: setting.tenants! }).callers
    expect(open.admit(facts(null), 'admin')).toEqual({ role: 'admin', tenant: 'operator' })
    expect(open.admit(facts(null), 'tenant')).toEqual({ role: 'admin', tenant: 'operator' })
    expect(open.admit(facts(ofA), 'admin').role).toBe('admin')
    expect(open.admit(facts(ofA), 'tenant').tenant).toBe('team-a')
    expect(open.admit(facts(null), 'public').role).toBe('public')
    const closed = callersWith({ openWithoutToken: false }).callers
    expect(() => closed.admit(facts(null), 'admin')).toThrow(code('UNAUTHORIZED'))
  })

  it('of the admin stays open to a program that shows the token of another node when there are tenants', () => {
    const { callers } = callersWith({ tenants: setting.tenants! })
    expect(callers.admit(facts(admin), 'admin').role).toBe('admin')
    expect(callers.admit(facts(admin), 'public').role).toBe('public')
    expect(() => callers.admit(facts(generateTenantToken()), 'admin')).toThrow(code('UNAUTHORIZED'))
  })

  it('of the public can be shut out', () => {
    const { callers } = callersWith({ ...setting, hasPublic: false })
    expect(() => callers.admit(facts(null), 'public')).toThrow(code('UNAUTHORIZED'))
    expect(callers.admit(facts(ofA), 'public').tenant).toBe('team-a')
  })
})

describe('wrong tokens', () => {
  const guess = (callers: ReturnType<typeof callersWith>['callers'], token: string, address?: string) => {
    try {
      return callers.admit(facts(token, undefined, address), 'public').role
    } catch (error) {
      return (error as { code: string }).code
    }
  }

  it('of one address are looked at so often and not once more; others go on', () => {
    const { callers, clock } = callersWith({ ...setting, wrongMax: 3 })
    for (let at = 0; at < 3; at += 1) expect(guess(callers, `guess-${at}`)).toBe('UNAUTHORIZED')
    expect(guess(callers, 'guess-3')).toBe('TOO_MANY_GUESSES')
    expect(guess(callers, admin), 'a right guess counts for nothing then').toBe('TOO_MANY_GUESSES')
    expect(guess(callers, admin, '192.0.2.2')).toBe('admin')
    clock.advance(59_999)
    expect(guess(callers, admin)).toBe('TOO_MANY_GUESSES')
    clock.advance(1)
    expect(guess(callers, admin)).toBe('admin')
  })

  it('say when to come back', () => {
    const { callers } = callersWith({ ...setting, wrongMax: 1 })
    guess(callers, 'guess')
    expect(() => callers.admit(facts('another'), 'public')).toThrow(
      expect.objectContaining({ code: 'TOO_MANY_GUESSES', details: { retryAfterS: 60 } }),
    )
  })

  it('do not lock out an admin token that was right from there', () => {
    const { callers } = callersWith({ adminTokens: [admin, 'another-admin-token-01234'], wrongMax: 2 })
    expect(guess(callers, admin)).toBe('admin')
    guess(callers, 'one')
    guess(callers, 'two')
    expect([guess(callers, 'three'), guess(callers, admin), guess(callers, 'another-admin-token-01234')]).toEqual([
      'TOO_MANY_GUESSES',
      'admin',
      'TOO_MANY_GUESSES',
    ])
  })

  it('lock out no tenant, however many share the address and whether they were there before', () => {
    const tokens = Array.from({ length: 70 }, generateTenantToken)
    const tenants = Object.fromEntries(tokens.map((token, at) => [`team-${at}`, { tokens: [token] }]))
    const { callers } = callersWith({ adminTokens: [admin], tenants, wrongMax: 2 })
    const shown = tokens.slice(0, -1)
    expect(new Set(shown.map((token) => guess(callers, token)))).toEqual(new Set(['tenant']))
    for (const token of ['one', 'two', 'three']) guess(callers, token)
    expect(new Set(tokens.map((token) => guess(callers, token)))).toEqual(new Set(['tenant']))
  })

  it('lock out none of as many admin tokens as there may be, in whatever order they come', () => {
    const adminTokens = Array.from({ length: adminTokensMax }, (_, at) => `admin-token-0123456789-${at}`)
    const { callers, tokens } = callersWith({ adminTokens, wrongMax: 2 })
    for (const token of adminTokens) guess(callers, token)
    for (const token of ['one', 'two', 'three']) guess(callers, token)
    expect(new Set(adminTokens.toReversed().map((token) => guess(callers, token)))).toEqual(new Set(['admin']))
    tokens.replace([...adminTokens.slice(0, 1), 'next-admin-token-0123456789'])
    guess(callers, 'next-admin-token-0123456789')
    for (const token of ['one', 'two', 'three']) guess(callers, token)
    expect([guess(callers, adminTokens[0]!), guess(callers, 'next-admin-token-0123456789')]).toEqual(['admin', 'admin'])
  })

  it('of which one is shown over and over are refused by that one alone', () => {
    const { callers } = callersWith({ ...setting, wrongMax: 3 })
    for (let at = 0; at < 3; at += 1) guess(callers, 'stale')
    expect([guess(callers, 'stale'), guess(callers, admin)]).toEqual(['TOO_MANY_GUESSES', 'admin'])
  })

  it('are forgotten when tokens change: one of them may be right now', () => {
    const { callers, tokens } = callersWith({ ...setting, wrongMax: 1 })
    const next = 'next-admin-token-0123456789'
    expect([guess(callers, next), guess(callers, next)]).toEqual(['UNAUTHORIZED', 'TOO_MANY_GUESSES'])
    tokens.replace([next])
    expect(guess(callers, next)).toBe('admin')
  })

  it('of a network of IPv6 count together', () => {
    const { callers } = callersWith({ ...setting, wrongMax: 2 })
    guess(callers, 'one', '2001:db8::1')
    guess(callers, 'two', '2001:db8:0:0:ffff::2')
    expect(guess(callers, 'three', '2001:0db8::3')).toBe('TOO_MANY_GUESSES')
    expect(guess(callers, 'three', '2001:db8:0:1::3')).toBe('UNAUTHORIZED')
    expect(guess(callers, 'four', '::ffff:192.0.2.7')).toBe('UNAUTHORIZED')
  })

  it('are compared with all tokens, whichever is right', () => {
    const { index } = callersWith(setting)
    expect(index.tokenCount).toBe(2)
    expect([ofA, ofB, 'x'].map((token) => index.tenantOf(hashOfToken(token)))).toEqual(['team-a', 'team-b', null])
  })
})
