import { describe, expect, test } from 'vitest'
import type { Effect, Event } from '../../../core/events.ts'
import { FetchHistory, type FetchHistoryOptions } from '../../../core/transfer/fetch-history.ts'
import { defaultFetchPlanOptions } from '../../../core/transfer/fetch-plan.ts'
import { CoreFixture, chunksOf, digest, type EffectOf, only, type TimelessEvent } from '../fixture.ts'

const model = digest('model')
const blob = digest('m blob')

/** A core whose every step the history sees. */
class Watched extends CoreFixture {
  readonly history: FetchHistory
  readonly ended: string[] = []
  newBytes = 0

  constructor(options: Partial<FetchHistoryOptions> = {}, fetch: Partial<typeof defaultFetchPlanOptions> = {}) {
    super({ core: { fetch: { ...defaultFetchPlanOptions, ...fetch } } })
    this.history = new FetchHistory(options)
  }

  override step(event: TimelessEvent): readonly Effect[] {
    const effects = super.step(event)
    const { ended, newBytes } = this.history.observe({ ...event, nowMs: this.nowMs } as Event, effects)
    this.ended.push(...ended.map(({ id, state }) => `${id} ${state}`))
    this.newBytes += newBytes
    return effects
  }

  /** Everything that is asked for comes, one chunk each 10 ms. */
  deliverAll(asked: readonly EffectOf<'get-chunk'>[]): void {
    const open = [...asked]
    for (let next = open.shift(); next !== undefined; next = open.shift()) {
      this.nowMs += 10
      open.push(...only(this.done(next), 'get-chunk'))
    }
  }

  timeline(id = 1) {
    return this.history.get(id, this.nowMs)!
  }
}

describe('the history of fetches', () => {
  test('has what each source brought, why it was asked and at what rate', () => {
    const node = new Watched()
    node.peer('a', [model])
    node.deliverAll(only(node.fetch(model, chunksOf('m', 6)), 'get-chunk'))
    expect(node.ended).toEqual(['1 complete'])
    const { fetch, entries } = node.timeline()
    expect(fetch).toMatchObject({ state: 'complete', chunks: 6, doneChunks: 6, totalBytes: 6e6, doneBytes: 6e6 })
    expect(fetch.elapsedMs).toBe(60)
    expect(fetch.sources).toEqual([
      {
        source: 'peer',
        node: 'a',
        state: 'used',
        bytes: 6e6,
        chunks: 6,
        repeatedBytes: 0,
        bytesPerS: 1e8,
        open: 0,
        failures: {},
        asked: { holder: 6 },
      },
    ])
    expect(entries).toEqual([
      {
        kind: 'chunks',
        source: 'peer',
        node: 'a',
        fromMs: 0,
        toMs: 60,
        why: 'holder',
        chunks: 6,
        bytes: 6e6,
        bytesPerS: 1e8,
        ranges: [{ blob, first: 0, last: 5 }],
        more: 0,
      },
    ])
  })

  test('counts what was here before, and only chunks that are new', () => {
    const node = new Watched()
    node.peer('a', [model])
    const context = { tenant: 'public', deadlineMs: Number.POSITIVE_INFINITY }
    const begin = { kind: 'fetch', model, context, originAllowed: true } as const
    const asked = only(node.step({ ...begin, chunks: chunksOf('m', 2), localBytes: 500 }), 'get-chunk')
    node.step({ ...begin, chunks: chunksOf('m', 2) })
    expect(node.timeline().fetch).toMatchObject({ totalBytes: 2_000_500, doneBytes: 500, localBytes: 500, chunks: 2 })
    node.deliverAll(asked)
    expect(node.timeline().fetch).toMatchObject({ doneBytes: 2_000_500, doneChunks: 2 })
    expect(node.newBytes).toBe(2_000_000)
  })

  test('shows failures, the end of a connection and distrust, and what was asked of others then', () => {
    const node = new Watched({}, { flightsPerPeerMax: 1 })
    for (const peer of ['a', 'b', 'c']) node.peer(peer, [model])
    const asked = only(node.fetch(model, chunksOf('m', 3)), 'get-chunk')
    const of = (peer: string) => asked.find(({ source }) => source.kind === 'peer' && source.node === peer)!
    node.nowMs += 5
    const after = [...node.failed(of('a'), 'mismatch'), ...node.step({ kind: 'peer-down', node: 'b' })]
    node.deliverAll([of('c'), ...only(after, 'get-chunk')])
    const { fetch, entries } = node.timeline()
    expect(fetch.sources.map(({ node: id, state, failures }) => [id, state, failures])).toEqual([
      ['c', 'used', {}],
      ['a', 'distrusted', { mismatch: 1 }],
      ['b', 'lost', {}],
    ])
    expect(fetch.sources[0]).toMatchObject({ chunks: 3, bytes: 3e6 })
    const told = entries.map((entry) => (entry.kind === 'source' ? `${entry.node} ${entry.change}` : entry.kind))
    expect(told.filter((text) => text !== 'chunks')).toEqual(['failure', 'a distrusted', 'b lost'])
  })

  test('does not count a chunk twice when two sources bring it', () => {
    const node = new Watched()
    node.peer('a', [model])
    const [slow] = only(node.fetch(model, chunksOf('m', 2)), 'get-chunk')
    node.peer('b', [model])
    const again = only(node.pass(3_000), 'get-chunk').find(({ chunk }) => chunk.sha256 === slow!.chunk.sha256)
    node.done(again!)
    node.done(slow!)
    const { fetch } = node.timeline()
    expect(fetch.doneBytes).toBe(1e6)
    expect(fetch.sources.find(({ node: id }) => id === 'a')).toMatchObject({ bytes: 0, repeatedBytes: 1e6 })
    expect(fetch.sources.find(({ node: id }) => id === 'b')).toMatchObject({ bytes: 1e6, asked: { second: 2 } })
  })

  test('says how a fetch ended that did not succeed', () => {
    const node = new Watched({}, { hopelessMs: 0 })
    node.fetch(model, chunksOf('m', 1), false)
    node.pass(200)
    node.fetch(model, chunksOf('m', 1))
    node.step({ kind: 'fetch-cancelled', model, failure: { code: 'DISK_FULL', message: 'The disk is full.' } })
    expect(node.ended).toEqual(['1 failed', '2 cancelled'])
    expect(node.timeline(1).fetch.failure?.code).toBe('NO_SOURCE')
    expect(node.timeline(2).fetch.failure).toEqual({ code: 'DISK_FULL', message: 'The disk is full.' })
  })

  test('tells of a node that does not have what it said it has', () => {
    const node = new Watched()
    node.peer('a', [model])
    const [asked] = only(node.fetch(model, chunksOf('m', 1)), 'get-chunk')
    expect(only(node.failed(asked!, 'missing'), 'stale-advert')).toEqual([{ kind: 'stale-advert', node: 'a', model }])
  })

  test('keeps so many fetches that have ended, the last ones', () => {
    const node = new Watched({ endedMax: 2 })
    for (const name of ['x', 'y', 'z']) node.deliverAll(only(node.fetch(digest(name), chunksOf(name, 1)), 'get-chunk'))
    expect(node.history.list(node.nowMs).map(({ id }) => id)).toEqual([3, 2])
    expect(node.history.get(1, node.nowMs)).toBeNull()
  })

  test('stays within its limits of entries, ranges and sources, and loses no byte', () => {
    const limits = { entriesMax: 16, rangesMax: 4, sourcesMax: 3, spanMs: 20 }
    const node = new Watched(limits, { flightsPerPeerMax: 2, nearlyAsGoodPercent: 10_000 })
    for (let at = 0; at < 8; at += 1) node.peer(`p${at}`, [model])
    node.deliverAll(only(node.fetch(model, chunksOf('m', 400)), 'get-chunk'))
    const { fetch, entries, omittedEntries } = node.timeline()
    expect([fetch.doneBytes, fetch.sources.reduce((sum, { bytes }) => sum + bytes, 0)]).toEqual([400e6, 400e6])
    expect(fetch.sources.length).toBe(4)
    expect(fetch.sources.filter(({ node: id }) => id === null).length).toBe(1)
    expect(entries.length).toBeLessThanOrEqual(16)
    const chunks = entries.flatMap((entry) => (entry.kind === 'chunks' ? [entry] : []))
    for (const { ranges, more, chunks: count } of chunks) {
      expect(ranges.length).toBeLessThanOrEqual(4)
      expect(ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0) + more).toBe(count)
    }
    if (omittedEntries === 0) expect(chunks.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(400e6)
  })
})
