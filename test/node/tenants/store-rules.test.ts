import { expect, it } from 'vitest'
import { storeRules } from '../../../node/tenants/index.ts'
import { tenantRecords } from '../../support/callers.ts'

const records = tenantRecords({
  'team-a': { tokens: ['token of a'], namespaces: ['acme'], open: ['shared'] },
  'team-b': { tokens: ['token of b'], namespaces: ['zoo'] },
  'team-c': {},
})
const [ofA, ofB] = records.map(({ tokens }) => tokens.map(({ sha256 }) => sha256)) as [string[], string[]]
const rule = { uids: [], mayList: true, isForAnyone: false }

it('without a file a token opens all but what is private to others, and so does none', () => {
  expect(storeRules(records, null, { hasPublic: true })).toEqual([
    { ...rule, tenant: 'team-a', tokenDigests: ofA, models: ['*'], hidden: ['zoo'] },
    { ...rule, tenant: 'team-b', tokenDigests: ofB, models: ['*'], hidden: ['acme'] },
    { ...rule, tenant: 'public', tokenDigests: [], models: ['*'], hidden: ['acme', 'zoo'], isForAnyone: true },
  ])
})

it('with a file it opens the namespaces of its tenant, and the file says the rest, but for what is private', () => {
  const file = [
    { tenant: '', uids: [7], tokenDigests: [], models: ['*'], mayList: false },
    { tenant: 'team-b', uids: [8], tokenDigests: [], models: ['*'], mayList: false },
  ]
  expect(storeRules(records, file, { hasPublic: true })).toEqual([
    { ...rule, tenant: 'team-a', tokenDigests: ofA, models: ['acme/*', 'shared/*'], hidden: ['zoo'] },
    { ...rule, tenant: 'team-b', tokenDigests: ofB, models: ['zoo/*'], hidden: ['acme'] },
    { ...file[0], hidden: ['acme', 'zoo'], isForAnyone: false },
    { ...file[1], hidden: ['acme'], isForAnyone: false },
  ])
})

it('nobody has rules where there are no tenants; where the public is shut out, one that fits nobody', () => {
  expect(storeRules([], null, { hasPublic: true })).toEqual([])
  expect(storeRules([], null, { hasPublic: false })).toMatchObject([{ uids: [], tokenDigests: [], isForAnyone: false }])
})

it('after the last tenant a token that was revoked opens nothing, and no token opens all', () => {
  const gone = tenantRecords({ 'team-a': { isRemoved: true } })
  expect(storeRules(gone, null, { hasPublic: true })).toEqual([
    { ...rule, tenant: 'public', tokenDigests: [], models: ['*'], hidden: [], isForAnyone: true },
  ])
})
