import { describe, expect, test } from 'vitest'
import type { Effect, FetchChunk } from '../../../core/events.ts'
import { defaultFetchPlanOptions } from '../../../core/transfer/fetch-plan.ts'
import type { Progress } from '../../../core/transfer/progress.ts'
import { CoreFixture, chunksOf, digest, entryOf, nameOf, only } from '../fixture.ts'

const model = digest('model')
const options = { core: { fetch: { ...defaultFetchPlanOptions, headStartMs: 0, flightsPerPeerMax: 1 } } }
const asked = (effects: readonly Effect[]): string[] =>
  only(effects, 'get-chunk').map(({ source, why }) => `${nameOf(source)}: ${why}`)

function fetcherOf(node: CoreFixture, name: string): void {
  node.peer(name, [])
  node.step({ kind: 'entries', from: name, entries: [entryOf('residency', name, { models: [], fetching: [model] })] })
}

function told(node: CoreFixture, from: string, progress: Partial<Progress>): readonly Effect[] {
  const rest = { model, sequence: 1, lacks: null, got: [], asks: [], wantsAll: false }
  return node.step({ kind: 'peer-progress', from, progress: { ...rest, ...progress } })
}

/** What it asks until it waits for others. */
function fetched(node: CoreFixture, chunks: readonly FetchChunk[]): void {
  let open = only(node.fetch(model, chunks), 'get-chunk')
  while (open.length > 0) open = open.flatMap((one) => only(node.done(one), 'get-chunk'))
}

const allOf = (chunks: readonly FetchChunk[]) => [{ blob: chunks[0]!.blob, ranges: [0, chunks.length] }]

describe('why a chunk is asked of its source', () => {
  test('the origin, because no peer has the model', () => {
    expect(new Set(asked(new CoreFixture(options).fetch(model, chunksOf('m', 4))))).toEqual(
      new Set(['origin: no-peer']),
    )
  })

  test('a holder', () => {
    const node = new CoreFixture(options)
    node.peer('a', [model])
    expect(asked(node.fetch(model, chunksOf('m', 4)))).toEqual(['a: holder'])
  })

  test('the origin or a holder, because among those that fetch the model this node takes the chunk for all', () => {
    for (const [holders, source] of [
      [[], 'origin'],
      [['a'], 'a'],
    ] as const) {
      const node = new CoreFixture(options)
      for (const holder of holders) node.peer(holder, [model])
      fetcherOf(node, 'b')
      expect(new Set(asked(node.fetch(model, chunksOf('m', 16))))).toEqual(new Set([`${source}: own-share`]))
    }
  })

  test('the origin, when the node that is to take a chunk for all does not', () => {
    const node = new CoreFixture(options)
    fetcherOf(node, 'b')
    const chunks = chunksOf('m', 16)
    fetched(node, chunks)
    told(node, 'b', { lacks: allOf(chunks) })
    expect(asked(node.pass(4_000))).toContain('origin: home-late')
  })

  test('one that fetches the model too, because few have the chunk', () => {
    const node = new CoreFixture(options)
    for (const name of ['b', 'c']) fetcherOf(node, name)
    const chunks = chunksOf('m', 16)
    fetched(node, chunks)
    told(node, 'b', { lacks: allOf(chunks) })
    const seen: string[] = []
    let open = only(told(node, 'c', { lacks: [{ blob: chunks[0]!.blob, ranges: [0, 8] }] }), 'get-chunk')
    for (; open.length > 0; open = open.flatMap((one) => only(node.done(one), 'get-chunk'))) seen.push(...asked(open))
    expect([...seen, ...asked(node.pass(500))]).toContain('c: rarest')
  })

  test('one that fetches the model too, though it does not tell what it has', () => {
    const node = new CoreFixture(options)
    fetcherOf(node, 'b')
    fetched(node, chunksOf('m', 16))
    expect(asked(node.pass(2_000))).toContain('b: fetcher')
  })

  test('the origin, when all holders fail', () => {
    const node = new CoreFixture({ core: { fetch: { ...options.core.fetch, strikesMax: 100 } } })
    node.peer('a', [model])
    let open = only(node.fetch(model, chunksOf('m', 1)), 'get-chunk')
    const seen: string[] = []
    for (let turn = 0; turn < 40 && !seen.includes('origin: holders-failing'); turn += 1) {
      seen.push(...asked(open))
      const effects = open.flatMap((one) => (one.source.kind === 'peer' ? node.failed(one, 'timeout') : []))
      open = only([...effects, ...node.pass(100)], 'get-chunk')
    }
    expect(seen).toContain('origin: holders-failing')
  })

  test('a second source, because the first is slow', () => {
    const node = new CoreFixture(options)
    node.peer('a', [model])
    node.fetch(model, chunksOf('m', 1))
    node.peer('b', [model])
    expect(asked(node.pass(2_000))).toEqual(['b: second'])
  })
})
