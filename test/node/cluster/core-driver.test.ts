import { describe, expect, it } from 'vitest'
import { HoldfastError } from '../../../common/errors.ts'
import type { FetchChunk } from '../../../core/events.ts'
import { chunksOf, entryOf, stateBody } from '../../core/fixture.ts'
import { DriverFixture, jsonCodec } from './driver-fixture.ts'

const model = 'a'.repeat(64)
const context = { tenant: 'public', deadlineMs: Number.POSITIVE_INFINITY }
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** A fetch from the origin whose chunks the test reports done or failed. */
function fetchOf(fixture: DriverFixture, count: number, onGet?: (chunk: FetchChunk) => void) {
  const asked: FetchChunk[] = []
  const outcome = fixture.driver.fetch(model, chunksOf('m', count), {
    context,
    originAllowed: true,
    getChunk: ({ chunk }) => {
      asked.push(chunk)
      onGet?.(chunk)
    },
    dropChunk: () => {},
  })
  outcome.catch(() => undefined)
  return { asked, outcome }
}

const done = ({ driver }: DriverFixture, { sha256, sizeBytes }: FetchChunk): void =>
  driver.dispatch({ kind: 'chunk-done', model, chunk: sha256, source: { kind: 'origin' }, sizeBytes, elapsedMs: 1 })

describe('a fetch', () => {
  it('ends when every chunk was reported, also by a getter that reports at once', async () => {
    const fixture = new DriverFixture()
    // Each report enters the driver while it carries out the effects of the step before.
    const { asked, outcome } = fetchOf(fixture, 40, (chunk) => done(fixture, chunk))
    expect(await outcome).toEqual({ peer: 0, origin: 40_000_000 })
    expect(asked).toHaveLength(40)
    fixture.core.checkInvariants()
  })

  it('ends once: reports after a cancel change nothing', async () => {
    const fixture = new DriverFixture()
    const { asked, outcome } = fetchOf(fixture, 2)
    fixture.driver.cancelFetch(model, new HoldfastError('DISK_FULL', 'no room'))
    await expect(outcome).rejects.toMatchObject({ code: 'DISK_FULL' })
    for (const chunk of asked) done(fixture, chunk)
    fixture.driver.cancelFetch(model, new HoldfastError('SYSTEM', 'again'))
    const again = fetchOf(fixture, 1, (chunk) => done(fixture, chunk))
    expect(await again.outcome).toEqual({ peer: 0, origin: 1_000_000 })
    fixture.core.checkInvariants()
  })

  it('is one at a time for a model', () => {
    const fixture = new DriverFixture()
    fetchOf(fixture, 1)
    expect(() => fetchOf(fixture, 1)).toThrow('broken invariant')
  })

  it('fails when nobody has the model, as soon as there is no hope', async () => {
    const fixture = new DriverFixture()
    fixture.driver.start()
    const outcome = fixture.driver.fetch(model, chunksOf('m', 1), {
      context,
      originAllowed: false,
      getChunk: () => {},
      dropChunk: () => {},
    })
    fixture.clock.advance(5_000)
    await expect(outcome).rejects.toMatchObject({ code: 'NO_SOURCE' })
    fixture.driver.stop()
  })

  it('fails when the node stops, and none begins afterwards', async () => {
    const fixture = new DriverFixture()
    fixture.driver.start()
    const { outcome } = fetchOf(fixture, 1)
    fixture.driver.stop()
    await expect(outcome).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
    await expect(fetchOf(fixture, 1).outcome).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
    expect(fixture.clock.timerCount).toBe(0)
  })
})

describe('gossip', () => {
  it('is relayed when it is well-formed, and not when it is malformed', () => {
    const fixture = new DriverFixture()
    const events = fixture.driver.networkEvents(() => {})
    const entries = jsonCodec.encodeEntries([entryOf('state', 'b', stateBody())])
    expect(events.onMessage('state', 'a', entries)).toBe(true)
    expect(events.onMessage('state', 'a', Buffer.from('{'))).toBe(false)
    expect(fixture.core.members(fixture.clock.nowMs()).map(({ node }) => node)).toContain('b')
  })

  it('does not take a defect of ours for a malformed message', () => {
    const fixture = new DriverFixture()
    fixture.core.step = () => {
      throw new HoldfastError('PEER_PROTOCOL', 'thrown by the core')
    }
    const events = fixture.driver.networkEvents(() => {})
    const entries = jsonCodec.encodeEntries([entryOf('state', 'b', stateBody())])
    expect(() => events.onMessage('state', 'a', entries)).toThrow('thrown by the core')
  })

  it('goes out when the node has something to say', async () => {
    const fixture = new DriverFixture()
    fixture.driver.start()
    fixture.driver.dispatch({ kind: 'local-state', body: stateBody() })
    fixture.clock.advance(1_000)
    expect(fixture.network.broadcasts.map(({ topic }) => topic)).toContain('state')
    fixture.driver.stop()
  })
})

describe('calls of peers', () => {
  it('are answered: a version summary with the entries that the peer lacks', async () => {
    const fixture = new DriverFixture()
    fixture.driver.start()
    fixture.peer('b', [])
    const sent: string[] = []
    fixture.network.onCall = async (node, method) => {
      sent.push(`${method} to ${node}`)
      return new Uint8Array()
    }
    const summary = jsonCodec.encodeVersionSummary({ items: [], wantsSummary: true })
    expect(await fixture.network.receive('c', 'digest', summary)).toHaveLength(0)
    await turn()
    expect(sent).toContain('entries to c')
    await expect(fixture.network.receive('c', 'entries', Buffer.from('{'))).rejects.toMatchObject({
      code: 'PEER_PROTOCOL',
    })
    fixture.driver.stop()
  })
})

describe('a node that does not answer', () => {
  const isSuspected = ({ core, clock }: DriverFixture) =>
    core.members(clock.nowMs()).find(({ node }) => node === 'b')?.suspected

  it('is suspected when a call finds nobody', async () => {
    const fixture = new DriverFixture()
    fixture.peer('b', [])
    await turn()
    expect(isSuspected(fixture)).toBe(false)
    await expect(fixture.driver.call('b', 'infer', new Uint8Array())).rejects.toMatchObject({
      code: 'PEER_UNREACHABLE',
    })
    expect(isSuspected(fixture)).toBe(true)
  })

  it('is not suspected for an answer that is an error', async () => {
    const fixture = new DriverFixture()
    fixture.peer('b', [])
    fixture.network.onCall = async () => {
      throw new HoldfastError('FORWARD_REFUSED', 'not here')
    }
    await expect(fixture.driver.call('b', 'infer', new Uint8Array())).rejects.toMatchObject({ code: 'FORWARD_REFUSED' })
    expect(isSuspected(fixture)).toBe(false)
  })

  it('is suspected when it hangs with its connection open: pings tell', async () => {
    const fixture = new DriverFixture()
    fixture.driver.start()
    fixture.peer('b', [])
    await turn()
    fixture.network.onPing = async () => {
      throw new HoldfastError('DEADLINE_EXCEEDED', 'no answer')
    }
    fixture.clock.advance(10_000)
    await turn()
    expect(isSuspected(fixture)).toBe(true)
    fixture.driver.stop()
  })
})

describe('confirming', () => {
  it('waits until the entry was published, and counts the peers that answered', async () => {
    const fixture = new DriverFixture()
    const { driver, network, clock } = fixture
    for (const node of ['near', 'deaf']) fixture.peer(node, [])
    const heard: string[] = []
    network.onCall = async (node, method, payload) => {
      if (node === 'deaf') throw new HoldfastError('PEER_UNREACHABLE', 'deaf')
      const entries = jsonCodec.decodeEntries(payload)
      if (method === 'entries')
        heard.push(
          ...entries.map(({ entry }) => `${entry.kind} ${JSON.stringify(entry.body).includes('"draining":true')}`),
        )
      return new Uint8Array()
    }
    driver.dispatch({ kind: 'local-state', body: stateBody({ draining: false }) })
    const isDraining = (body: object) => 'draining' in body && body.draining === true
    const confirmed = driver.confirm('state', isDraining, { signal: new AbortController().signal })
    for (let step = 0; step < 10; step += 1) {
      clock.advance(1_000)
      driver.dispatch({ kind: 'tick' })
    }
    await turn()
    expect(
      heard.filter((text) => text.startsWith('state')),
      'what was published does not say it yet',
    ).toEqual([])
    driver.dispatch({ kind: 'local-state', body: stateBody({ draining: true }) })
    clock.advance(1_000)
    driver.dispatch({ kind: 'tick' })
    expect(await confirmed).toBe(1)
    expect(heard).toContain('state true')
  })

  it('ends with the signal', async () => {
    const { driver } = new DriverFixture()
    const abort = new AbortController()
    const confirmed = driver.confirm('state', () => true, { signal: abort.signal })
    abort.abort()
    expect(await confirmed).toBe(0)
  })
})
