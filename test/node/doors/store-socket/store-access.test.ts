import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { connectStore } from '../../../../native/index.ts'
import { parseStoreAccess } from '../../../../node/doors/store-socket/store-access.ts'
import { StoreFixture } from '../../../native/fixture.ts'

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

it('lets a client with a token open and list what its rule names, and nobody else anything', async () => {
  const accessRules = parseStoreAccess(
    JSON.stringify({ rules: [{ tenant: 'team-a', tokens: [token], models: ['acme/*'], list: true }] }),
  )
  const ownTokenDigest = createHash('sha256').update('own').digest('hex')
  await using fixture = new StoreFixture({ accessRules, ownTokenDigest })
  const { socketPath } = fixture.options
  await fixture.publish('acme/x:v1', [Buffer.from('mine')])
  const secret = await fixture.publish('other/y', [Buffer.from('not mine')])
  const client = await connectStore(socketPath, { token })
  expect(await client.list()).toEqual(['acme/x:v1'])
  using model = await client.open('acme/x:v1', { tenant: 'somebody' })
  expect(Buffer.from(model.files[0]!.bytes).toString()).toBe('mine')
  for (const name of ['other/y', `sha256:${secret}`, `sha256:${digest}`])
    await expect(client.open(name)).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
  await fixture.until(() => fixture.leases.length > 0)
  expect(fixture.leases[0]).toMatchObject({ tenant: 'team-a' })
  await expect(connectStore(socketPath, { token: 'another token of length' })).rejects.toMatchObject({
    code: 'UNAUTHORIZED',
  })
  const stranger = await connectStore(socketPath)
  await expect(stranger.open('acme/x:v1')).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
  await expect(stranger.list()).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
  await expect(stranger.status()).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
  const own = await connectStore(socketPath, { token: 'own' })
  ;(await own.open(`sha256:${secret}`)).close()
  for (const each of [client, stranger, own]) each.close()
})
