import { describe, expect, it } from 'vitest'
import { AdminTokens, generateAdminToken, parseAdminTokens } from '../../../node/admin/admin-tokens.ts'

const [first, second] = ['first-token-0123456789', 'second-token-0123456789'] as const

describe('admin tokens', () => {
  it.each([
    { id: 'none', authorization: undefined },
    { id: 'another', authorization: 'Bearer third-token-0123456789' },
    { id: 'a part', authorization: `Bearer ${first.slice(0, -1)}` },
    { id: 'more', authorization: `Bearer ${first}x` },
    { id: 'another scheme', authorization: `Basic ${first}` },
    { id: 'no scheme', authorization: first },
    { id: 'two', authorization: `Bearer ${first} ${second}` },
    { id: 'empty', authorization: 'Bearer ' },
  ])('are asked for: $id is refused', ({ authorization }) => {
    const tokens = new AdminTokens([first, second], { openWithoutToken: true })
    expect(() => tokens.check(authorization)).toThrow(expect.objectContaining({ code: 'UNAUTHORIZED' }))
  })

  it('are all valid, until they are replaced', () => {
    const tokens = new AdminTokens([first, second], { openWithoutToken: false })
    tokens.check(`Bearer ${first}`)
    tokens.check(`bearer  ${second} `)
    tokens.replace([second])
    tokens.check(`Bearer ${second}`)
    expect(() => tokens.check(`Bearer ${first}`)).toThrow('not one of this node')
  })

  it('without any, changes are open on loopback only', () => {
    new AdminTokens([], { openWithoutToken: true }).check(undefined)
    expect(() => new AdminTokens([], { openWithoutToken: false }).check(undefined)).toThrow('takes the admin token')
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
