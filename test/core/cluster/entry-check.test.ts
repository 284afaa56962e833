import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isHoldfastError } from '../../../common/errors.ts'
import { checkEntry } from '../../../core/cluster/entry-check.ts'
import { defaultEntryLimits } from '../../../core/cluster/entry-checker.ts'
import { digest, entryOf, resident, stateBody } from '../fixture.ts'

const [low, high] = [digest('x'), digest('y')].sort() as [string, string]
const good = {
  state: entryOf('state', 'a', stateBody()).entry,
  residency: entryOf('residency', 'a', { models: [resident(low), resident(high)], fetching: [low] }).entry,
  demand: entryOf('demand', 'a', { rates: [{ model: low, ratePerS: 0.5 }] }).entry,
  suspicion: entryOf('suspicion', 'a', { suspects: [{ node: 'b', epoch: 1, sequence: 2 }] }).entry,
}

function codeOf(value: unknown): string {
  try {
    checkEntry(value, { ...defaultEntryLimits, textLengthMax: 100, modelsMax: 2 })
    return 'accepted'
  } catch (error) {
    if (!isHoldfastError(error)) throw error
    return error.code
  }
}

test.each(Object.values(good))('a well-formed $kind entry comes back equal', (entry) => {
  expect(checkEntry(structuredClone(entry))).toEqual(entry)
})

test('unknown fields are dropped', () => {
  const entry = { ...good.state, extra: 1, body: { ...stateBody(), later: 'x' } }
  expect(checkEntry(entry)).toEqual(good.state)
})

describe('malformed entries are refused', () => {
  const cases: { id: string; value: unknown }[] = [
    { id: 'nothing', value: null },
    { id: 'a list', value: [] },
    { id: 'an unknown kind', value: { ...good.state, kind: 'constructor' } },
    { id: 'an empty node', value: { ...good.state, node: '' } },
    { id: 'a long node', value: { ...good.state, node: 'a'.repeat(101) } },
    { id: 'a negative epoch', value: { ...good.state, epoch: -1 } },
    { id: 'a fractional sequence', value: { ...good.state, sequence: 1.5 } },
    { id: 'a sequence beyond 2^53', value: { ...good.state, sequence: 2 ** 53 } },
    { id: 'a body of another kind', value: { ...good.state, body: { models: [] } } },
    { id: 'an infinite queue', value: { ...good.state, body: stateBody({ queueMs: Number.POSITIVE_INFINITY }) } },
    { id: 'a queue that is not a number', value: { ...good.state, body: stateBody({ queueMs: Number.NaN }) } },
    { id: 'too many addresses', value: { ...good.state, body: stateBody({ addresses: Array(33).fill('x') }) } },
    { id: 'a flag that is a number', value: { ...good.state, body: { ...stateBody(), draining: 1 } } },
    { id: 'models out of order', value: { ...good.residency, body: { models: [resident(high), resident(low)] } } },
    { id: 'a model twice', value: { ...good.residency, body: { models: [resident(low), resident(low)] } } },
    {
      id: 'too many models',
      value: { ...good.residency, body: { models: [low, high, 'f'.repeat(64)].map((id) => resident(id)) } },
    },
    { id: 'a model that is no digest', value: { ...good.residency, body: { models: [resident('../etc')] } } },
    {
      id: 'a tier that does not exist',
      value: { ...good.residency, body: { models: [{ ...resident(low), tier: 'tape' }] } },
    },
    { id: 'a negative size', value: { ...good.residency, body: { models: [{ ...resident(low), sizeBytes: -1 }] } } },
    { id: 'fetching that is no list', value: { ...good.residency, body: { models: [], fetching: low } } },
    { id: 'a negative rate', value: { ...good.demand, body: { rates: [{ model: low, ratePerS: -1 }] } } },
    { id: 'a suspect without a version', value: { ...good.suspicion, body: { suspects: [{ node: 'b' }] } } },
  ]
  test.each(cases)('$id', ({ value }) => expect(codeOf(value)).toBe('PEER_PROTOCOL'))
})

test('anything at all is an entry or a PEER_PROTOCOL error', () => {
  const body = fc.oneof(fc.anything(), fc.constantFrom(...Object.values(good).map((entry) => entry.body)))
  const kind = fc.oneof(fc.constantFrom('state', 'residency', 'demand', 'suspicion'), fc.anything())
  const value = fc.oneof(
    fc.anything(),
    fc.record({ kind, node: fc.anything(), epoch: fc.nat(), sequence: fc.nat(), body }),
  )
  fc.assert(fc.property(value, (anything) => ['accepted', 'PEER_PROTOCOL'].includes(codeOf(anything))))
})
