import { expect, test } from 'vitest'
import { Suspects } from '../../../node/runtime/suspects.ts'

test('a model is set aside with the reason of its last offence, until it has answered often enough', () => {
  const suspects = new Suspects()
  expect([suspects.some, suspects.list()]).toEqual([false, []])
  suspects.noteOffence('a', 'crash')
  suspects.noteAnswer('a', 5)
  expect(suspects.list()).toEqual([{ digest: 'a', reason: 'crash', offences: 1, answersLeft: 15 }])
  suspects.noteOffence('a', 'memory')
  expect(suspects.list()).toEqual([{ digest: 'a', reason: 'memory', offences: 2, answersLeft: 128 }])
  for (let at = 0; at < 128; at += 1) suspects.noteAnswer('a', 5)
  expect([suspects.has('a'), suspects.list()]).toEqual([false, []])
})
