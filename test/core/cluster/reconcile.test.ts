/** Two nodes whose ledgers differ exchange messages until both know the same, and say little when they know the same already. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Effect, SignedEntry } from '../../../core/events.ts'
import { CoreFixture, type EffectOf, entryOf, only, stateBody } from '../fixture.ts'

const nodes = Array.from({ length: 60 }, (_, at) => `n${String(at).padStart(2, '0')}`)

/** Carries what the two send each other until both are silent. Returns all that was sent. */
function exchange(
  a: CoreFixture,
  b: CoreFixture,
  first: readonly Effect[],
): (EffectOf<'send-summary'> | EffectOf<'send-entries'>)[] {
  const sent: (EffectOf<'send-summary'> | EffectOf<'send-entries'>)[] = []
  const under = first.map((effect) => ({ effect, here: a, there: b, from: 'a' }))
  for (let next = under.shift(); next !== undefined; next = under.shift()) {
    const { effect, here, there, from } = next
    if (effect.kind !== 'send-summary' && effect.kind !== 'send-entries') continue
    sent.push(effect)
    expect(sent.length, 'an exchange ends').toBeLessThan(50)
    const answer =
      effect.kind === 'send-entries'
        ? there.step({ kind: 'entries', from, entries: effect.entries })
        : there.step({ ...effect, kind: 'summary', from })
    const back = from === 'a' ? 'b' : 'a'
    under.push(...answer.map((one) => ({ effect: one, here: there, there: here, from: back })))
  }
  return sent
}

const pair = () => {
  const [a, b] = [new CoreFixture({ self: 'a' }), new CoreFixture({ self: 'b' })]
  return { a, b }
}
const tell = (node: CoreFixture, entries: readonly SignedEntry[]) => node.step({ kind: 'entries', from: 'x', entries })
const versions = (node: CoreFixture) => node.core.ledgerSummary()
const anyLedger = fc.dictionary(fc.constantFrom(...nodes), fc.integer({ min: 1, max: 3 }), { minKeys: 0, maxKeys: 60 })
const entriesOf = (ledger: Record<string, number>) =>
  Object.entries(ledger).map(([node, sequence]) => entryOf('state', node, stateBody(), { epoch: 1, sequence }))

describe('after one exchange', () => {
  test('both know what either knew, however much they knew', () => {
    fc.assert(
      fc.property(anyLedger, anyLedger, (hers, his) => {
        const { a, b } = pair()
        tell(a, entriesOf(hers))
        tell(b, entriesOf(his))
        exchange(a, b, a.step({ kind: 'peer-up', node: 'b' }))
        expect(versions(a)).toEqual(versions(b))
        expect(versions(a).length).toBe(new Set([...Object.keys(hers), ...Object.keys(his)]).size)
      }),
      { numRuns: 50 },
    )
  })
})

describe('in a large cluster', () => {
  const known = nodes.map((node) => entryOf('state', node, stateBody(), { epoch: 1, sequence: 5 }))

  test('equal ledgers cost one message of sums', () => {
    const { a, b } = pair()
    for (const node of [a, b]) tell(node, known)
    const sent = exchange(a, b, a.step({ kind: 'peer-up', node: 'b' }))
    expect(only(sent, 'send-summary').map(({ items, sums }) => [items.length, sums?.length])).toEqual([[0, 256]])
  })

  test('one lost entry costs the summary of its group, and the entry', () => {
    const { a, b } = pair()
    for (const node of [a, b]) tell(node, known)
    tell(b, [entryOf('state', nodes[7]!, stateBody(), { epoch: 1, sequence: 6 })])
    const sent = exchange(a, b, a.step({ kind: 'peer-up', node: 'b' }))
    expect(only(sent, 'send-entries').map(({ entries }) => entries.map(({ entry }) => entry.node))).toEqual([
      [nodes[7]],
    ])
    for (const { items } of only(sent, 'send-summary')) expect(items.length).toBeLessThan(6)
    expect(versions(a)).toEqual(versions(b))
  })

  test('a node that just joined is sent everything without being asked for it', () => {
    const { a, b } = pair()
    tell(a, known)
    const sent = exchange(a, b, a.step({ kind: 'peer-up', node: 'b' }))
    expect(versions(b)).toEqual(versions(a))
    expect(only(sent, 'send-summary').flatMap(({ items }) => items).length).toBeLessThanOrEqual(known.length)
  })
})

test('a node that is connected with many at once asks the first few', () => {
  const { a } = pair()
  const asked = nodes.flatMap((node) => only(a.step({ kind: 'peer-up', node }), 'send-summary').map(({ to }) => to))
  expect(asked).toEqual(nodes.slice(0, 3))
  a.pass(20_000)
  expect(only(a.step({ kind: 'peer-up', node: 'z' }), 'send-summary').map(({ to }) => to)).toEqual(['z'])
})
