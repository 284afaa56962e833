import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { connectStore } from '../../../../../native/index.ts'
import { parseStoreAccess } from '../../../../../node/doors/store-socket/store-access.ts'
import { storeRules } from '../../../../../node/tenants/index.ts'
import { tenantRecords } from '../../../../support/callers.ts'
import { StoreFixture } from '../../../fixture.ts'

const token = 'a token of some length'
const digest = createHash('sha256').update(token).digest('hex')

it('lets a client with a token open and list what its rule names, and nobody else anything', async () => {
  const file = parseStoreAccess(
    JSON.stringify({ rules: [{ tenant: 'team-a', tokens: [token], models: ['acme/*'], list: true }] }),
  )
  const accessRules = storeRules([], file, { hasPublic: true })
  const ownTokenDigest = createHash('sha256').update('own').digest('hex')
  await using fixture = new StoreFixture({ accessRules, ownTokenDigest })
  const { socketPath } = fixture.options
  await fixture.publish('acme/x:v1', [Buffer.from('mine')])
  const secret = await fixture.publish('other/y', [Buffer.from('not mine')])
  const client = await connectStore(socketPath, { token })
  expect(await client.list()).toEqual(['acme/x:v1'])
  await expect(client.open('acme/x:v1', { tenant: 'somebody' })).rejects.toMatchObject({ code: 'TENANT_MISMATCH' })
  using model = await client.open('acme/x:v1', { tenant: 'team-a' })
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

it('hides the private namespaces of others, and says no more of names that are there than of others', async () => {
  const [ofA, ofB] = ['hf_token of team-a', 'hf_token of team-b']
  const records = tenantRecords({
    'team-a': { tokens: [ofA], namespaces: ['acme'] },
    'team-b': { tokens: [ofB], namespaces: ['zoo'] },
  })
  await using fixture = new StoreFixture({ accessRules: storeRules(records, null, { hasPublic: true }) })
  const { socketPath } = fixture.options
  const secret = await fixture.publish('acme/x:v1', [Buffer.from('mine')])
  const open = await fixture.publish('other/y:v1', [Buffer.from('everybody’s')])
  const [a, b] = [await connectStore(socketPath, { token: ofA }), await connectStore(socketPath, { token: ofB })]
  const nobody = await connectStore(socketPath)
  expect(await Promise.all([a, b, nobody].map((client) => client.list()))).toEqual([
    ['acme/x:v1', 'other/y:v1'],
    ['other/y:v1'],
    ['other/y:v1'],
  ])
  const answers = new Set<string>()
  for (const client of [b, nobody]) {
    for (const name of ['acme/x:v1', 'acme/nothing:v1', 'acme/x:v2', `sha256:${secret}`, `sha256:${digest}`]) {
      const error = await client.open(name).catch((one: Error & { code: string }) => one)
      answers.add(`${(error as { code?: string }).code} ${(error as Error).message}`)
    }
    ;(await client.open(`sha256:${open}`)).close()
  }
  expect([...answers]).toEqual([expect.stringMatching(/^UNAUTHORIZED /)])
  expect(fixture.store.stats().openMisses, 'nothing was looked up for them').toBe(0)
  ;(await a.open('acme/x:v1')).close()
  ;(await nobody.open('other/y:v1')).close()
  await expect(nobody.open('other/y:v1', { tenant: 'team-a' })).rejects.toMatchObject({ code: 'TENANT_MISMATCH' })
  await fixture.until(() => fixture.leases.filter(({ kind }) => kind === 'opened').length === 4)
  const tenants = fixture.leases.filter(({ kind }) => kind === 'opened').map(({ tenant }) => tenant)
  expect(tenants).toEqual(['team-b', 'public', 'team-a', 'public'])
  await expect(connectStore(socketPath, { token: 'an unknown token' })).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
  fixture.store.setAccess(storeRules(records, null, { hasPublic: false }))
  await expect(nobody.open('other/y:v1')).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
  for (const each of [a, b, nobody]) each.close()
})
