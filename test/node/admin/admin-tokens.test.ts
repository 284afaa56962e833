import { describe, expect, it } from 'vitest'
import { AdminTokens, generateAdminToken, parseAdminTokens } from '../../../node/admin/admin-tokens.ts'
import { hashOfToken } from '../../../node/tenants/index.ts'

const [first, second] = ['first-token-0123456789', 'second-token-0123456789'] as const

describe('admin tokens', () => {
  const has = (tokens: AdminTokens, token: string) => tokens.has(hashOfToken(token))

  it.each([
    { id: 'another', token: 'third-token-0123456789' },
    { id: 'a part', token: first.slice(0, -1) },
    { id: 'more', token: `${first}x` },
    { id: 'empty', token: '' },
  ])('are no others: $id', ({ token }) => {
    expect(has(new AdminTokens([first, second], { openWithoutToken: true }), token)).toBe(false)
  })

  it('are all valid, until they are replaced', () => {
    const tokens = new AdminTokens([first, second], { openWithoutToken: false })
    expect([has(tokens, first), has(tokens, second)]).toEqual([true, true])
    const { generation } = tokens
    tokens.replace([second])
    expect([has(tokens, first), has(tokens, second)]).toEqual([false, true])
    expect(tokens.generation).toBeGreaterThan(generation)
  })

  it('without any, changes are open on loopback only', () => {
    expect(new AdminTokens([], { openWithoutToken: true }).isOpen).toBe(true)
    expect(new AdminTokens([], { openWithoutToken: false }).isOpen).toBe(false)
    expect(new AdminTokens([first], { openWithoutToken: true }).isOpen).toBe(false)
  })
})

describe('a token file', () => {
  it('has a token per line; comments and empty lines count for nothing', () => {
    expect(parseAdminTokens(`# ops\n${first}\n\n ${second}\n`, 'f')).toEqual([first, second])
    const made = generateAdminToken()
    expect(parseAdminTokens(made, 'f')).toEqual([made])
    expect(made).not.toBe(generateAdminToken())
  })

  it.each([
    { id: 'empty', text: '# nothing\n' },
    { id: 'short', text: 'secret' },
    { id: 'with spaces', text: 'a token of several words' },
    { id: 'control characters', text: 'token-0123456789\u0007-bell' },
    { id: 'too many', text: Array.from({ length: 65 }, (_, i) => `token-number-${1000 + i}-xxxx`).join('\n') },
  ])('of wrong form is BAD_CONFIG, and the message repeats no token: $id', ({ text }) => {
    expect(() => parseAdminTokens(text, 'FILE')).toThrow(
      expect.objectContaining({ code: 'BAD_CONFIG', message: expect.not.stringContaining('secret') }),
    )
  })
})
