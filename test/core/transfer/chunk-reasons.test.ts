import { describe, expect, test } from 'vitest'
import type { Effect } from '../../../core/events.ts'
import { defaultFetchPlanOptions } from '../../../core/transfer/fetch-plan.ts'
import { CoreFixture, chunksOf, digest, entryOf, nameOf, only } from '../fixture.ts'

const model = digest('model')
const options = { core: { fetch: { ...defaultFetchPlanOptions, headStartMs: 0, flightsPerPeerMax: 1 } } }
const asked = (effects: readonly Effect[]): string[] =>
  only(effects, 'get-chunk').map(({ source, why }) => `${nameOf(source)}: ${why}`)

function fetcherOf(node: CoreFixture, name: string): void {
  node.peer(name, [])
  node.step({ kind: 'entries', from: name, entries: [entryOf('residency', name, { models: [], fetching: [model] })] })
}

describe('why a chunk is asked of its source', () => {
  test('the origin, because no peer has the model', () => {
    expect(new Set(asked(new CoreFixture(options).fetch(model, chunksOf('m', 4))))).toEqual(
      new Set(['origin: no-peer']),
    )
  })

  test('a holder; another node that fetches it, when the holder is at its limit', () => {
    const node = new CoreFixture(options)
    node.peer('a', [model])
    fetcherOf(node, 'b')
    expect(asked(node.fetch(model, chunksOf('m', 4)))).toEqual(['a: holder', 'b: fetcher'])
  })

  test('the home of a chunk, and the origin for those of this node', () => {
    const node = new CoreFixture(options)
    fetcherOf(node, 'b')
    expect(new Set(asked(node.fetch(model, chunksOf('m', 16))))).toEqual(new Set(['b: home', 'origin: own-share']))
  })

  test('the origin, when the home of a chunk does not get it', () => {
    const node = new CoreFixture({
      core: { fetch: { ...options.core.fetch, notYetMax: 1, flightsPerPeerMax: 32 } },
    })
    fetcherOf(node, 'b')
    const first = only(node.fetch(model, chunksOf('m', 8)), 'get-chunk').find(({ why }) => why === 'home')
    const after = [...node.failed(first!, 'missing'), ...node.pass(200)]
    const again = only(after, 'get-chunk').find(({ chunk }) => chunk.sha256 === first!.chunk.sha256)
    expect(`${nameOf(again!.source)}: ${again!.why}`).toBe('origin: home-late')
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
