import { expect, it } from 'vitest'
import { RevisionWatch } from '../../../core/replication/revision-watch.ts'

it('tells which revision took the name of a held one, until it is here or the old one is gone', () => {
  const watch = new RevisionWatch()
  const look = (model: string, ...held: string[]) => [...watch.look([{ name: 'acme/x:v1', model }], new Set(held))]
  expect(look('old', 'old')).toEqual([])
  expect(look('new', 'old')).toEqual([['new', 'old']])
  expect(look('new', 'old')).toEqual([['new', 'old']])
  expect(look('new', 'old', 'new')).toEqual([])
  expect(look('newer', 'new')).toEqual([['newer', 'new']])
  expect(look('newer')).toEqual([])
})
