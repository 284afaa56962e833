import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { connectStore } from '../../../../../native/index.ts'
import { parseStoreAccess } from '../../../../../node/doors/store-socket/store-access.ts'
import { StoreFixture } from '../../../fixture.ts'

const token = 'a token of some length'
const digest = createHash('sha256').update(token).digest('hex')

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
