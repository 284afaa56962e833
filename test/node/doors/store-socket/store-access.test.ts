import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { parseStoreAccess } from '../../../../node/doors/store-socket/store-access.ts'

const token = 'a token of some length'
const digest = createHash('sha256').update(token).digest('hex')

it('reads rules, and keeps tokens as digests only', () => {
  const text = JSON.stringify({
    rules: [
      { tenant: 'team-a', tokens: [token], models: ['acme/*'], list: true },
      { uids: [1000], models: ['*'] },
    ],
  })
  expect(parseStoreAccess(text)).toEqual([
    { tenant: 'team-a', uids: [], tokenDigests: [digest], models: ['acme/*'], mayList: true },
    { tenant: '', uids: [1000], tokenDigests: [], models: ['*'], mayList: false },
  ])
})

it.each([
  { id: 'no JSON', text: '{', says: 'not JSON' },
  { id: 'no rules', text: '{"rules": []}', says: 'at least one rule' },
  { id: 'null', text: 'null', says: 'at least one rule' },
  { id: 'a misspelt key', text: '{"rules": [{"token": ["x"], "models": ["*"]}]}', says: 'rules[0] has token' },
  { id: 'nobody', text: '{"rules": [{"models": ["*"]}]}', says: 'fits nobody' },
  { id: 'nothing', text: '{"rules": [{"uids": [0]}]}', says: 'allows nothing' },
  { id: 'a short token', text: '{"rules": [{"tokens": ["short"], "models": ["*"]}]}', says: 'rules[0].tokens[0]' },
  { id: 'a negative user', text: '{"rules": [{"uids": [-1], "models": ["*"]}]}', says: 'rules[0].uids[0]' },
  { id: 'a pattern with a space', text: '{"rules": [{"uids": [1], "models": ["a b"]}]}', says: 'rules[0].models[0]' },
  { id: 'a list that is a word', text: '{"rules": [{"uids": [1], "models": ["*"], "list": "yes"}]}', says: 'list' },
])('refuses $id', ({ text, says }) => {
  expect(() => parseStoreAccess(text)).toThrowError(
    expect.objectContaining({ code: 'BAD_CONFIG', message: expect.stringContaining(says) }),
  )
})
