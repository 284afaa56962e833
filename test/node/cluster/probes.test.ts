/** The clock of these tests is moved by hand; how soon real nodes notice is a figure of `holdfast bench swarm`. */
import { describe, expect, it } from 'vitest'
import { HoldfastError, type NodeId } from '../../../common/index.ts'
import { defaultProbesOptions, Probes } from '../../../node/cluster/probes.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const { probePeriodMs, sameNodeMs, silenceMs, silenceRoundTrips } = defaultProbesOptions

class Fixture {
  readonly clock = new ManualClock()
  readonly sent: { readonly node: NodeId; readonly atMs: number }[] = []
  readonly silent: { readonly node: NodeId; readonly atMs: number }[] = []
  readonly probes: Probes
  peers: NodeId[] = []
  /** Of answers; null: none comes. */
  rttMs: number | null = 1
  /** The error of this node's own network; null: it sends. */
  refusal: HoldfastError | null = null

  constructor() {
    const { clock } = this
    const network = {
      peers: () => this.peers,
      ping: (node: NodeId, { signal }: { signal?: AbortSignal } = {}) => {
        this.sent.push({ node, atMs: clock.nowMs() })
        const { rttMs, refusal } = this
        if (refusal !== null) return Promise.reject(refusal)
        return new Promise<number>((resolve, reject) => {
          signal?.addEventListener('abort', () => reject(new HoldfastError('DEADLINE_EXCEEDED', 'no answer')))
          if (rttMs !== null) clock.after(rttMs, () => resolve(rttMs))
        })
      },
    }
    this.probes = new Probes({
      network,
      clock,
      onMeasured: () => {},
      onSilent: (node) => this.silent.push({ node, atMs: clock.nowMs() }),
    })
    this.probes.start()
  }

  async pass(ms: number): Promise<void> {
    for (let passedMs = 0; passedMs < ms; passedMs += 10) {
      this.clock.advance(10)
      await new Promise(setImmediate)
    }
  }
}

describe('probes', () => {
  it('ask each node in its turn, and all of them together no more often than one', async () => {
    const fixture = new Fixture()
    fixture.peers = ['a', 'b', 'c', 'd']
    await fixture.pass(8_000)
    expect(fixture.sent.length).toBe(8_000 / probePeriodMs)
    for (const node of fixture.peers) {
      expect(fixture.sent.filter((one) => one.node === node).length).toBe(8_000 / probePeriodMs / 4)
    }
    const alone = new Fixture()
    alone.peers = ['a']
    await alone.pass(8_000)
    expect(alone.sent.length).toBe(8_000 / sameNodeMs)
  })

  it('take a node for alive that this side has no room to ask', async () => {
    const fixture = new Fixture()
    fixture.peers = ['a']
    fixture.refusal = new HoldfastError('OVERLOADED', 'Too many calls to a are open.')
    await fixture.pass(3_000)
    expect(fixture.silent).toEqual([])
    fixture.refusal = new HoldfastError('PEER_UNREACHABLE', 'a does not answer.')
    await fixture.pass(1_000)
    expect(fixture.silent[0]?.node).toBe('a')
  })

  it('find a node silent within three seconds of its last answer', async () => {
    const fixture = new Fixture()
    fixture.peers = ['a']
    await fixture.pass(2_000)
    const diedMs = fixture.clock.nowMs()
    fixture.rttMs = null
    await fixture.pass(3_000)
    expect(fixture.silent[0]?.node).toBe('a')
    expect(fixture.silent[0]!.atMs - diedMs).toBeLessThan(3_000)
  })

  it('wait longer for a node that is far', async () => {
    const fixture = new Fixture()
    fixture.peers = ['a']
    fixture.rttMs = 1_000
    await fixture.pass(3_000)
    const diedMs = fixture.clock.nowMs()
    fixture.rttMs = null
    await fixture.pass(silenceRoundTrips * 1_000 - sameNodeMs)
    expect(fixture.silent).toEqual([])
    await fixture.pass(2_000)
    expect(fixture.silent[0]!.atMs - diedMs).toBeGreaterThan(silenceMs)
  })

  it('take a node for alive that says something else meanwhile', async () => {
    const fixture = new Fixture()
    fixture.peers = ['a']
    fixture.rttMs = null
    for (let second = 0; second < 10; second += 1) {
      await fixture.pass(500)
      fixture.probes.heard('a')
      await fixture.pass(500)
    }
    expect(fixture.silent).toEqual([])
    await fixture.pass(5_000)
    expect(fixture.silent.length).toBeGreaterThan(0)
  })

  it('say nothing of others when this node was held up itself', async () => {
    const fixture = new Fixture()
    fixture.peers = ['a']
    fixture.rttMs = null
    await fixture.pass(1_000)
    // The loop stands still: timers come late, all at once.
    fixture.clock.advance(10_000)
    await new Promise(setImmediate)
    expect(fixture.silent).toEqual([])
  })

  it('forget nodes that are not connected any more', async () => {
    const fixture = new Fixture()
    fixture.peers = ['a']
    await fixture.pass(1_000)
    fixture.peers = []
    const { length } = fixture.sent
    await fixture.pass(2_000)
    expect(fixture.sent.length).toBe(length)
  })
})
