import { describe, expect, it } from 'vitest'
import type { Effect, SignedEntry } from '../../../core/events.ts'
import { CoreFixture, only, stateBody } from '../fixture.ts'

/** Two runs of one identity that hear each other at once, by way of a third node. */
class Twins {
  readonly first: CoreFixture
  readonly second: CoreFixture
  readonly effects = { first: [] as Effect[], second: [] as Effect[] }

  constructor(epochs: { first: number; second: number }, startedMs = { first: 1_000, second: 2_000 }) {
    this.first = new CoreFixture({ self: 'x', ports: { epoch: epochs.first } })
    this.second = new CoreFixture({ self: 'x', ports: { epoch: epochs.second } })
    for (const [run, fixture] of [
      ['first', this.first],
      ['second', this.second],
    ] as const) {
      this.effects[run].push(...fixture.step({ kind: 'peer-up', node: 'relay' }))
      this.effects[run].push(...fixture.step({ kind: 'local-state', body: stateBody({ startedMs: startedMs[run] }) }))
    }
  }

  /** What each says within a second goes to the other. The number of entries that went. */
  exchange(): number {
    const said = { first: this.said('first', this.first), second: this.said('second', this.second) }
    this.effects.second.push(...this.second.step({ kind: 'entries', from: 'relay', entries: said.first }))
    this.effects.first.push(...this.first.step({ kind: 'entries', from: 'relay', entries: said.second }))
    return said.first.length + said.second.length
  }

  private said(run: 'first' | 'second', fixture: CoreFixture): SignedEntry[] {
    const effects = [...this.effects[run].splice(0), ...fixture.pass(1_000)]
    for (const twin of only(effects, 'twin')) this.found[run].push(twin.isFirst)
    return only(effects, 'publish').map(({ signed }) => signed)
  }

  readonly found = { first: [] as boolean[], second: [] as boolean[] }
}

describe('two runs of one identity', () => {
  it.each([
    { id: 'the later has the higher epoch', epochs: { first: 1, second: 9 } },
    { id: 'the later has the lower epoch', epochs: { first: 9, second: 1 } },
    { id: 'both have the same epoch', epochs: { first: 5, second: 5 } },
  ])('find each other once, and stop speaking above each other: $id', ({ epochs }) => {
    const twins = new Twins(epochs)
    for (let round = 0; round < 8; round += 1) twins.exchange()
    expect(twins.found).toEqual({ first: [true], second: [false] })
    // The pause of an ordinary announcement is a minute: silence now is no accident.
    for (let round = 0; round < 8; round += 1) expect(twins.exchange()).toBe(0)
  })

  it('are not seen in what an earlier run left, whatever its epoch was', () => {
    const node = new CoreFixture({ self: 'x', ports: { epoch: 5 } })
    node.step({ kind: 'peer-up', node: 'relay' })
    node.step({ kind: 'local-state', body: stateBody({ startedMs: 2_000 }) })
    node.pass(1_000)
    const left = (epoch: number, sequence: number): SignedEntry => ({
      entry: { kind: 'state', node: 'x', epoch, sequence, body: stateBody({ startedMs: 1_000 }) },
      envelope: null,
    })
    const effects = [left(3, 7), left(9, 7), left(9, 8)].flatMap((entry) => [
      ...node.step({ kind: 'entries', from: 'relay', entries: [entry] }),
    ])
    expect(only([...effects, ...node.pass(1_000)], 'twin')).toEqual([])
  })
})
