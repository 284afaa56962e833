import { describe, expect, it } from 'vitest'
import { parseModelReference } from '../../../origin/index.ts'
import { namesWith } from '../../support/callers.ts'

const [own, others, open] = ['1', '2', '3'].map((digit) => digit.repeat(64)) as [string, string, string]
const tenants = { 'team-a': { namespaces: ['acme'], open: ['shared'] }, 'team-b': { namespaces: ['zoo'] } }
const known = { 'acme/m:v1': own, 'zoo/m:v1': others, 'zoo/copy:v1': open, 'shared/m:v1': open }
const names = namesWith(tenants, known)

describe('a private namespace', () => {
  it.each([
    { tenant: 'team-a', name: 'acme/m', may: true },
    { tenant: 'team-b', name: 'acme/m', may: false },
    { tenant: 'public', name: 'acme/m', may: false },
    { tenant: 'operator', name: 'acme/m', may: true },
    { tenant: 'team-b', name: 'shared/m', may: true },
    { tenant: 'public', name: 'nobody/m', may: true },
    { tenant: 'public', name: `sha256:${own}`, may: false },
    { tenant: 'team-a', name: `sha256:${own}`, may: true },
    { tenant: 'public', name: `sha256:${open}`, may: true },
    { tenant: 'public', name: `sha256:${'9'.repeat(64)}`, may: false },
  ])('$tenant may learn of $name: $may', ({ tenant, name, may }) => {
    expect(names.mayKnowText(tenant, name)).toBe(may)
    const check = () => names.check(tenant, parseModelReference(name))
    if (may) expect(check).not.toThrow()
    else expect(check).toThrow(expect.objectContaining({ code: 'UNKNOWN_MODEL' }))
  })

  it('leaves lists as if its models were not there', () => {
    const items = [
      { model: own, names: ['acme/m:v1'] },
      { model: open, names: ['shared/m:v1', 'zoo/copy:v1'] },
      { model: 'unknown', names: [] },
    ]
    expect(names.only('public', items)).toEqual([{ model: open, names: ['shared/m:v1'] }])
    expect(names.only('team-b', items)).toEqual([items[1]])
    expect(names.only('operator', items)).toEqual(items)
    expect([...names.knownModels('team-a')!].sort()).toEqual([own, open])
    expect(names.knownModels('operator')).toBeNull()
  })

  it('is not told from a text that is no name, such as a pin that a member has made up', () => {
    expect(['no name', '', 'sha256:1'].map((text) => names.mayKnowText('public', text))).toEqual([false, false, false])
  })

  it('stays private when another tenant claims it for everybody, whatever that one is called', () => {
    const claimed = namesWith({ 'a-liar': { open: ['zoo'] }, 'team-b': { namespaces: ['zoo'] } }, known)
    expect(['public', 'a-liar', 'team-b'].map((one) => claimed.mayKnowText(one, 'zoo/m'))).toEqual([false, false, true])
  })

  it('leaves texts to the operator: they may speak of models by digests', () => {
    expect(['public', 'team-a', 'operator'].map((one) => names.mayReadTexts(one))).toEqual([false, false, true])
    expect(namesWith({ 'team-a': { open: ['acme'] } }, known).mayReadTexts('public')).toBe(true)
  })
})

it('without private namespaces everything is everybody’s, digests of unknown names too', () => {
  const plain = namesWith({ 'team-a': { open: ['acme'] } }, known)
  expect(plain.mayKnowText('public', `sha256:${'9'.repeat(64)}`)).toBe(true)
  const items = [{ model: 'unknown', names: [] }]
  expect(plain.only('public', items)).toBe(items)
})
