/** To whom a model belongs. */
import { expect, it } from 'vitest'
import { claimsMax, ModelClaims } from '../../../core/names/model-claims.ts'

const secret = { model: 'acme/secret', publicKey: 'acme' }
const stolen = { model: 'public/stolen', publicKey: 'thief' }
const [first, second] = ['a'.repeat(64), 'b'.repeat(64)]

it('a model belongs to the publisher by whose name it came first', () => {
  const claims = new ModelClaims()
  expect(claims.isForeign(first, stolen)).toBe(false)
  expect(claims.claim(first, secret)).toEqual({ isNew: true, forgotten: null })
  expect(claims.isForeign(first, stolen)).toBe(true)
  expect(claims.isForeign(second, stolen)).toBe(false)
})

it('the publisher may give it other names, and go on with another key', () => {
  const claims = new ModelClaims()
  claims.claim(first, secret)
  const published = { model: 'public/gift', publicKey: 'acme' }
  const renewed = { model: 'acme/secret', publicKey: 'acme 2' }
  expect([claims.isForeign(first, published), claims.isForeign(first, renewed)]).toEqual([false, false])
  expect(claims.claim(first, published).isNew).toBe(false)
  expect(claims.claim(first, renewed).isNew).toBe(true)
  expect(claims.isForeign(first, { model: 'public/other', publicKey: 'acme 2' })).toBe(false)
})

it('the oldest is forgotten when they are too many', () => {
  const claims = new ModelClaims()
  claims.claim(first, secret)
  const rest = Array.from({ length: claimsMax }, (_, at) => claims.claim(String(at), stolen).forgotten)
  expect(rest.filter((model) => model !== null)).toEqual([first])
})
