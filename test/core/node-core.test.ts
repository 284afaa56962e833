import { describe, expect, test } from 'vitest'
import { defaultLedgerOptions } from '../../core/cluster/ledger.ts'
import { defaultMembershipOptions } from '../../core/cluster/membership.ts'
import type { Effect } from '../../core/events.ts'
import { CoreFixture, chunksOf, digest, type EffectOf, entryOf, only, resident, stateBody } from './fixture.ts'

const model = digest('model')
const kindsOf = (published: EffectOf<'publish'>[]) => published.map((effect) => effect.signed.entry.kind)
const versionOf = (published: EffectOf<'publish'>) => {
  const { epoch, sequence } = published.signed.entry
  return { epoch, sequence }
}

describe('publishing', () => {
  test('the first state goes out at once, changes of residency together soon after', () => {
    const node = new CoreFixture()
    expect(kindsOf(only(node.step({ kind: 'local-state', body: stateBody() }), 'publish'))).toEqual(['state'])
    node.step({ kind: 'local-residency', models: [resident(model)] })
    node.step({ kind: 'local-residency', models: [] })
    const published = only(node.pass(250), 'publish')
    expect(published.map((effect) => effect.signed.entry.body)).toEqual([{ models: [] }])
  })

  test('load that wobbles is not news; a queue that grows is, but not more often than every few seconds', () => {
    const node = new CoreFixture()
    node.step({ kind: 'local-state', body: stateBody({ queueMs: 100 }) })
    node.pass(5_000)
    node.step({ kind: 'local-state', body: stateBody({ queueMs: 110 }) })
    expect(only(node.pass(5_000), 'publish')).toEqual([])
    let count = 0
    for (let queueMs = 200; queueMs < 200 * 2 ** 30; queueMs *= 2) {
      node.step({ kind: 'local-state', body: stateBody({ queueMs }) })
      count += only(node.pass(300), 'publish').length
    }
    expect(count).toBeGreaterThanOrEqual(3)
    expect(count).toBeLessThanOrEqual(5)
  })

  test('state is said again before others would forget us, never in step with another node', () => {
    const times = [1, 2].map((seed) => {
      const node = new CoreFixture({ seed })
      node.step({ kind: 'local-state', body: stateBody() })
      const at: number[] = []
      while (node.nowMs < 600_000) if (only(node.pass(100), 'publish').length > 0) at.push(node.nowMs)
      return at
    })
    for (const at of times) {
      expect(at.length).toBeGreaterThanOrEqual(9)
      for (let index = 1; index < at.length; index += 1) {
        expect(at[index]! - at[index - 1]!).toBeLessThan(defaultLedgerOptions.expiryMs / 2)
      }
    }
    expect(times[0]).not.toEqual(times[1])
  })

  test('demand is published sorted by model, and its rate is in the cluster demand of others', () => {
    const [here, there] = [new CoreFixture({ self: 'here' }), new CoreFixture({ self: 'there' })]
    const effects: Effect[] = []
    for (let count = 0; count < 100; count += 1) {
      here.step({ kind: 'demand', model: digest(`m${count % 3}`) })
      effects.push(...here.pass(100))
    }
    effects.push(...here.pass(10_000))
    const published = only(effects, 'publish').filter((effect) => effect.signed.entry.kind === 'demand')
    expect(published.length).toBeGreaterThan(0)
    there.step({ kind: 'entries', from: 'here', entries: published.map((effect) => effect.signed) })
    const wanted = digest('m1')
    expect(there.core.demandOf(wanted, there.nowMs)).toBe(0)
    const ratePerS = here.core.demandOf(wanted, here.nowMs)
    expect(there.core.clusterDemandOf(wanted, there.nowMs) / ratePerS).toBeCloseTo(1, 0)
    expect(here.core.clusterDemandOf(wanted, here.nowMs)).toBe(ratePerS)
  })

  test('an own entry from an earlier life makes the node speak above it', () => {
    const node = new CoreFixture()
    node.step({ kind: 'local-state', body: stateBody() })
    node.step({
      kind: 'entries',
      from: 'a',
      entries: [entryOf('state', 'self', stateBody(), { epoch: 7, sequence: 3 })],
    })
    const [published] = only(node.pass(1_000), 'publish')
    expect(versionOf(published!)).toEqual({ epoch: 8, sequence: 1 })
  })
})

describe('suspicion', () => {
  const withPeer = () => {
    const node = new CoreFixture()
    node.peer('a', [model])
    return node
  }
  const suspected = (node: CoreFixture) => node.core.holders(model, node.nowMs).map((holder) => holder.suspected)

  test('a closed connection is honoured at once and published soon', () => {
    const node = withPeer()
    const effects = node.step({ kind: 'peer-down', node: 'a' })
    expect(only(effects, 'note')).toEqual([{ kind: 'note', note: 'suspected', node: 'a', by: 'self' }])
    expect(suspected(node)).toEqual([true])
    const published = [...only(effects, 'publish'), ...only(node.pass(300), 'publish')]
    expect(kindsOf(published)).toEqual(['suspicion'])
    expect(published[0]!.signed.entry.body).toMatchObject({ suspects: [{ node: 'a' }] })
  })

  test('a spare connection that is closed says nothing about the node, and the node is known to be gone from it', () => {
    const node = withPeer()
    expect(node.step({ kind: 'peer-down', node: 'a', isSpare: true })).toEqual([])
    expect(suspected(node)).toEqual([false])
    expect(node.core.members(node.nowMs).find((member) => member.node === 'a')).toMatchObject({ connected: false })
    expect(node.core.isMember('a', node.nowMs)).toBe(true)
    node.step({ kind: 'call-failed', node: 'a' })
    expect(node.core.isMember('a', node.nowMs)).toBe(false)
    expect(node.core.isMember('stranger', node.nowMs)).toBe(false)
  })

  test('a failed call does the same', () => {
    const node = withPeer()
    node.step({ kind: 'call-failed', node: 'a' })
    expect(suspected(node)).toEqual([true])
  })

  test('a connection that is back clears it, and the clearing is published', () => {
    const node = withPeer()
    node.step({ kind: 'peer-down', node: 'a' })
    node.pass(1_000)
    const effects = node.step({ kind: 'peer-up', node: 'a' })
    expect(suspected(node)).toEqual([false])
    const bodies = only([...effects, ...node.pass(1_000)], 'publish').map((effect) => effect.signed.entry.body)
    expect(bodies).toEqual([{ suspects: [] }])
  })

  test('what others suspect is avoided too, until a newer state refutes it', () => {
    const node = withPeer()
    const { epoch, sequence } = node.core.members(node.nowMs).find((member) => member.node === 'a')!
    const suspects = [{ node: 'a', epoch, sequence }]
    node.step({ kind: 'peer-down', node: 'a', isSpare: true })
    node.step({ kind: 'entries', from: 'b', entries: [entryOf('suspicion', 'b', { suspects })] })
    expect(suspected(node), 'one voice is not enough').toEqual([false])
    node.step({ kind: 'entries', from: 'b', entries: [entryOf('suspicion', 'c', { suspects })] })
    expect(suspected(node)).toEqual([true])
    node.step({ kind: 'entries', from: 'b', entries: [entryOf('state', 'a', stateBody())] })
    expect(suspected(node)).toEqual([false])
  })

  test('whatever others say, a node that we are connected to is not avoided, and liars lose their weight', () => {
    const node = withPeer()
    const { epoch, sequence } = node.core.members(node.nowMs).find((member) => member.node === 'a')!
    const against = (author: string) => {
      const suspects = [{ node: 'a', epoch, sequence }]
      node.step({ kind: 'entries', from: 'b', entries: [entryOf('suspicion', author, { suspects })] })
      node.step({ kind: 'entries', from: 'b', entries: [entryOf('suspicion', author, { suspects: [] })] })
      node.step({ kind: 'entries', from: 'b', entries: [entryOf('suspicion', author, { suspects })] })
    }
    for (let round = 0; round < defaultMembershipOptions.doubtsMax; round += 1) {
      against('b')
      against('c')
    }
    expect(suspected(node)).toEqual([false])
    node.step({ kind: 'peer-down', node: 'a', isSpare: true })
    expect(suspected(node), 'their word counts no more').toEqual([false])
  })

  test('a suspicion of a version that does not exist counts for nothing', () => {
    const node = withPeer()
    const suspects = [{ node: 'a', epoch: 1_000, sequence: 1 }]
    node.step({ kind: 'entries', from: 'b', entries: [entryOf('suspicion', 'b', { suspects })] })
    expect(suspected(node)).toEqual([false])
  })

  test('a suspicion that arrives before the state it names counts as soon as that is here', () => {
    const node = withPeer()
    const suspects = [{ node: 'z', epoch: 1, sequence: 999_999 }]
    const entries = [
      entryOf('suspicion', 'b', { suspects }),
      entryOf('suspicion', 'c', { suspects }),
      entryOf('residency', 'z', { models: [resident(model)] }),
      entryOf('state', 'z', stateBody(), { epoch: 1, sequence: 999_999 }),
    ]
    for (const entry of entries) node.step({ kind: 'entries', from: 'b', entries: [entry] })
    expect(node.core.holders(model, node.nowMs).map((holder) => [holder.node, holder.suspected])).toEqual([
      ['a', false],
      ['z', true],
    ])
  })

  test('a refuted suspicion of our own keeps us away a little longer: others reach the node, we did not', () => {
    const node = withPeer()
    node.step({ kind: 'call-failed', node: 'a' })
    const effects = node.step({ kind: 'entries', from: 'b', entries: [entryOf('state', 'a', stateBody())] })
    expect(only(effects, 'note')).toEqual([{ kind: 'note', note: 'refuted', node: 'a', by: 'a' }])
    expect(suspected(node)).toEqual([true])
    node.pass(defaultMembershipOptions.avoidMs)
    expect(suspected(node)).toEqual([false])
  })

  test('a suspected node refutes with a newer state, at a bounded rate', () => {
    const node = new CoreFixture()
    node.step({ kind: 'local-state', body: stateBody() })
    let refutations = 0
    for (let count = 0; count < 50; count += 1) {
      const self = node.core.members(node.nowMs).find((member) => member.isSelf)!
      const suspects = [{ node: 'self', epoch: self.epoch, sequence: self.sequence }]
      const effects = node.step({ kind: 'entries', from: 'b', entries: [entryOf('suspicion', 'b', { suspects })] })
      refutations += only([...effects, ...node.pass(100)], 'publish').length
    }
    expect(refutations).toBeGreaterThanOrEqual(5)
    expect(refutations).toBeLessThanOrEqual(11)
  })

  test('we do not repeat what enough others say already', () => {
    const node = withPeer()
    const { epoch, sequence } = node.core.members(node.nowMs).find((member) => member.node === 'a')!
    for (const author of ['b', 'c', 'd']) {
      const entries = [entryOf('suspicion', author, { suspects: [{ node: 'a', epoch, sequence }] })]
      node.step({ kind: 'entries', from: author, entries })
    }
    const effects = node.step({ kind: 'peer-down', node: 'a' })
    expect(only([...effects, ...node.pass(2_000)], 'publish')).toEqual([])
  })

  test('long silence removes the node and all that was said of it', () => {
    const node = withPeer()
    node.step({ kind: 'peer-down', node: 'a' })
    const effects = node.pass(defaultLedgerOptions.expiryMs + 10_000)
    expect(only(effects, 'note').map((effect) => effect.note)).toEqual(['expired'])
    expect(node.core.holders(model, node.nowMs)).toEqual([])
    expect(node.core.members(node.nowMs).map((member) => member.node)).not.toContain('a')
  })
})

describe('reconciliation', () => {
  test('on connecting the node with the lower id asks; after the exchange both know the same', () => {
    const [a, b] = [new CoreFixture({ self: 'a' }), new CoreFixture({ self: 'b' })]
    a.step({ kind: 'local-state', body: stateBody() })
    a.step({ kind: 'entries', from: 'x', entries: [entryOf('residency', 'x', { models: [resident(model)] })] })
    b.step({ kind: 'local-state', body: stateBody({ zone: 'paris' }) })
    b.step({ kind: 'entries', from: 'y', entries: [entryOf('state', 'y', stateBody())] })
    expect(b.step({ kind: 'peer-up', node: 'a' })).toEqual([])
    const waiting = a.step({ kind: 'peer-up', node: 'b' }).map((effect) => ({ from: 'a', effect }))
    expect(waiting.map(({ effect }) => effect.kind)).toEqual(['send-summary'])
    for (let message = waiting.shift(); message !== undefined; message = waiting.shift()) {
      const { from, effect } = message
      const [to, here] = from === 'a' ? [b, 'b'] : [a, 'a']
      const answers =
        effect.kind === 'send-summary'
          ? to.step({
              kind: 'summary',
              from,
              items: effect.items,
              range: effect.range!,
              wantsSummary: effect.wantsSummary,
            })
          : effect.kind === 'send-entries'
            ? to.step({ kind: 'entries', from, entries: effect.entries })
            : []
      waiting.push(...answers.map((answer) => ({ from: here, effect: answer })))
    }
    expect(a.core.ledgerSummary()).toEqual(b.core.ledgerSummary())
    expect(a.core.ledgerSummary().length).toBe(4)
  })

  test('then one random peer is asked per period', () => {
    const node = new CoreFixture()
    for (const peer of ['a', 'b', 'c']) node.peer(peer, [])
    const asked = only(node.pass(100_000), 'send-summary')
    expect(asked.length).toBeGreaterThanOrEqual(9)
    expect(asked.length).toBeLessThanOrEqual(10)
    expect(new Set(asked.map((effect) => effect.to)).size).toBeGreaterThan(1)
  })
})

describe('views', () => {
  test('a route view names holders, sources and what the request may do', () => {
    const node = new CoreFixture()
    node.step({ kind: 'local-state', body: stateBody({ zone: 'berlin' }) })
    node.peer('a', [model], { zone: 'berlin', queueMs: 7 })
    node.step({ kind: 'rtt-measured', node: 'a', rttMs: 3 })
    const view = node.core.routeView(
      {
        model: { id: model, sizeBytes: 1_000_000, initMs: 50 },
        self: { tier: null, queueMs: 0, diskBandwidthBytesPerS: 1e9, runnable: true },
        context: { tenant: 'public', deadlineMs: 1_000 },
        excluded: ['b'],
        mayForward: true,
        originAllowed: true,
        sentMs: new Map(),
      },
      node.nowMs,
    )
    expect(view.self.node).toBe('self')
    expect(view.holders).toMatchObject([
      { node: 'a', tier: 'memory', rttMs: 3, queueMs: 7, sameZone: true, suspected: false },
    ])
    expect(view.sources.map((source) => [source.source, source.latencyMs])).toEqual([
      ['peer', 3],
      ['origin', 60],
    ])
  })

  test('measured speed replaces the guess', () => {
    const node = new CoreFixture()
    const [asked] = only(node.fetch(model, chunksOf('m', 1, 8_000_000)), 'get-chunk')
    node.done(asked!, 100)
    expect(node.core.sources(model, true, node.nowMs)).toMatchObject([
      { source: 'origin', bandwidthBytesPerS: 80_000_000 },
    ])
  })

  test('unsorted local residency is a defect of the caller', () => {
    const node = new CoreFixture()
    const models = [resident('f'.repeat(64)), resident('0'.repeat(64))]
    expect(() => node.step({ kind: 'local-residency', models })).toThrow('broken invariant')
  })
})

test('of hundreds of holders a request weighs some: all of its zone, then others, and not each node the same', () => {
  const ask = (self: string) => {
    const node = new CoreFixture({ self })
    node.step({ kind: 'local-state', body: stateBody({ zone: 'here' }) })
    for (let at = 0; at < 300; at += 1) node.peer(`n${at}`, [model], { zone: at % 50 === 0 ? 'here' : 'there' })
    const context = { tenant: 'public', deadlineMs: Number.POSITIVE_INFINITY }
    const own = { tier: null, queueMs: 0, diskBandwidthBytesPerS: 1, runnable: true }
    const asked = { id: model, sizeBytes: 1, initMs: 0, executeMs: 1 }
    return node.core.routeView(
      { model: asked, self: own, context, excluded: [], mayForward: true, originAllowed: true, sentMs: new Map() },
      node.nowMs,
    )
  }
  const [one, two] = [ask('a'), ask('b')]
  expect(one.holders.length).toBe(48)
  expect(one.holders.filter(({ sameZone }) => sameZone).length).toBe(6)
  expect(one.sources.filter(({ source }) => source === 'peer').length).toBe(48)
  expect(one.holders.map(({ node }) => node)).not.toEqual(two.holders.map(({ node }) => node))
})
