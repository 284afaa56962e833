/** Views leave out the models that a caller may not know. */
import { expect, it } from 'vitest'
import { errorTable } from '../../../../common/index.ts'
import { onlyKnown } from '../../../../node/doors/admin/only-known.ts'
import { namesWith } from '../../../support/callers.ts'

const [secret, open] = ['1', '2'].map((digit) => digit.repeat(64)) as [string, string]
const names = namesWith(
  { 'team-a': { namespaces: ['acme'], open: ['shared'] } },
  { 'acme/m:v1': secret, 'acme/alias:v1': open, 'shared/m:v1': open },
)
const only = onlyKnown(names)
const publicCaller = { role: 'public', tenant: 'public' } as const
const operator = { role: 'admin', tenant: 'operator' } as const

it('a plan tells strangers neither private pins nor digests of what a copy displaces', () => {
  const decision = { kind: 'copy', model: open, name: 'acme/alias:v1', displaces: [secret, open], parts: {} }
  const plan = {
    models: [],
    placement: { replication: true, decisions: [{ ...decision, names: ['acme/alias:v1', 'shared/m:v1'] }] },
  } as unknown as Parameters<typeof only.plan>[1]
  const seen = only.plan(publicCaller, plan)
  expect(seen.placement.decisions).toEqual([
    { kind: 'copy', model: open, displaces: [open], parts: {}, names: ['shared/m:v1'] },
  ])
  expect(only.plan(operator, plan).placement.decisions).toEqual(plan.placement.decisions)
})

it('a status tells strangers the meanings of errors alone, since a message may speak of a digest', () => {
  const error = { code: 'NO_SOURCE', message: `Nobody could deliver the bytes of model ${secret}.` } as const
  const status = { errors: [error], setAside: [] } as unknown as Parameters<typeof only.status>[1]
  expect(only.status(publicCaller, status).errors).toMatchObject([{ message: errorTable.NO_SOURCE.meaning }])
  expect(only.status(operator, status).errors).toEqual([error])
})
