import { expect, it } from 'vitest'
import { namespacesAfter } from '../../cli/commands/tenant-namespaces.ts'

const flags = { namespace: [], private: [], dropNamespace: [] }
const acme = { name: 'acme', isPrivate: true }
const shared = { name: 'shared', isPrivate: false }

it('a private namespace stays private when another one is added', () => {
  expect(namespacesAfter([acme], { ...flags, namespace: ['shared'] })).toEqual([acme, shared])
  expect(namespacesAfter([shared], { ...flags, private: ['acme'] })).toEqual([shared, acme])
  expect(namespacesAfter([acme, shared], flags)).toEqual([acme, shared])
})

it('one that is passed again is set, and one goes only when it is dropped by its name', () => {
  expect(namespacesAfter([acme], { ...flags, namespace: ['acme'] })).toEqual([{ name: 'acme', isPrivate: false }])
  expect(namespacesAfter([acme, shared], { ...flags, dropNamespace: ['acme'] })).toEqual([shared])
  expect(() => namespacesAfter([acme], { ...flags, dropNamespace: ['other'] })).toThrow(
    expect.objectContaining({ code: 'BAD_REQUEST' }),
  )
})
