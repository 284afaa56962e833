import { expect, it } from 'vitest'
import type { AccessRule } from '../../../native/index.ts'
import { AppliedRules } from '../../../node/tenants/index.ts'
import type { FileRule } from '../../../node/tenants/store-rules.ts'
import { tenantRecords } from '../../support/callers.ts'

const ofFile = (models: string): FileRule => ({
  tenant: '',
  uids: [],
  tokenDigests: [],
  models: [models],
  mayList: true,
})

function rulesWith(readFile: () => Promise<FileRule[] | null>, file: FileRule[] | null) {
  let records = tenantRecords({ 'team-a': { tokens: ['right'] } })
  let rules: readonly AccessRule[] = []
  const setAccess = (given: readonly AccessRule[]) => {
    rules = given
  }
  const applied = new AppliedRules({ records: () => records, readFile, setAccess }, { hasPublic: true }, file)
  const change = (tenants: Parameters<typeof tenantRecords>[0]) => {
    records = tenantRecords(tenants)
    applied.apply()
  }
  return { applied, change, rules: () => rules.map(({ tenant, models }) => [tenant, ...models]) }
}

it('a token that is revoked while store.accessFile cannot be read opens nothing, and what the file said goes on', async () => {
  const { applied, change, rules } = rulesWith(() => Promise.reject(new Error('EACCES')), [ofFile('public/*')])
  applied.apply()
  expect(rules()).toEqual([['team-a'], ['', 'public/*']])
  await expect(applied.readFile()).rejects.toThrow('EACCES')
  change({ 'team-a': {} })
  expect(rules()).toEqual([['', 'public/*']])
})

it('a file that changed counts from its reading on', async () => {
  const { applied, change, rules } = rulesWith(async () => [ofFile('new/*')], [ofFile('old/*')])
  await applied.readFile()
  change({ 'team-b': { tokens: ['right'], namespaces: ['b'] } })
  expect(rules()).toEqual([
    ['team-b', 'b/*'],
    ['', 'new/*'],
  ])
})
