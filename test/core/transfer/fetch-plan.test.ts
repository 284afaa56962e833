import { describe, expect, test } from 'vitest'
import type { Effect, FetchChunk } from '../../../core/events.ts'
import { defaultFetchPlanOptions } from '../../../core/transfer/fetch-plan.ts'
import { CoreFixture, chunksOf, digest, type EffectOf, entryOf, nameOf, only, resident } from '../fixture.ts'

const model = digest('model')
const fetchOptions = (over: Partial<typeof defaultFetchPlanOptions>) => ({
  core: { fetch: { ...defaultFetchPlanOptions, ...over } },
})

/** Nodes that want the same model at once, and hear each other at once. Chunks that one has come to another as right ones. */
class Crowd {
  readonly asked: (EffectOf<'get-chunk'> & { readonly by: string })[] = []
  completeCount = 0
  private readonly nodes = new Map<string, CoreFixture>()

  constructor(names: readonly string[]) {
    for (const self of names) {
      const node = new CoreFixture({ self, core: { sharesPartialModels: true } })
      this.nodes.set(self, node)
      for (const peer of names.filter((name) => name !== self)) {
        node.peer(peer, [])
        const entries = [entryOf('residency', peer, { models: [], fetching: [model] })]
        node.step({ kind: 'entries', from: peer, entries })
      }
    }
  }

  fetch(chunks: readonly FetchChunk[]): void {
    for (const [name, node] of this.nodes) this.carryOut(name, node.fetch(model, chunks))
    for (let round = 0; round < 300 && this.completeCount < this.nodes.size; round += 1) {
      for (const [name, node] of this.nodes) this.carryOut(name, node.pass(100))
    }
  }

  private carryOut(by: string, effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'send-progress') {
        const { to, progress } = effect
        this.carryOut(to, this.nodes.get(to)!.step({ kind: 'peer-progress', from: by, progress }))
      } else if (effect.kind === 'get-chunk') {
        this.asked.push({ ...effect, by })
        this.carryOut(by, this.nodes.get(by)!.done(effect))
      } else if (effect.kind === 'fetch-complete') this.completeCount += 1
    }
  }
}

describe('where chunks are asked for', () => {
  test('a holder is asked before the origin, and up to its limit of flights', () => {
    const node = new CoreFixture(fetchOptions({ flightsPerPeerMax: 3 }))
    node.peer('a', [model])
    const asked = only(node.fetch(model, chunksOf('m', 10)), 'get-chunk')
    expect(asked.map((effect) => nameOf(effect.source))).toEqual(['a', 'a', 'a'])
    expect(asked.map((effect) => effect.chunk.index)).toEqual([0, 1, 2])
  })

  test('several holders are asked at once', () => {
    const node = new CoreFixture(fetchOptions({ flightsPerPeerMax: 2 }))
    for (const peer of ['a', 'b', 'c']) node.peer(peer, [model])
    const asked = only(node.fetch(model, chunksOf('m', 10)), 'get-chunk')
    expect(asked.map((effect) => nameOf(effect.source)).sort()).toEqual(['a', 'a', 'b', 'b', 'c', 'c'])
  })

  test('the nearest holder comes first', () => {
    const node = new CoreFixture(fetchOptions({ flightsPerPeerMax: 2 }))
    node.peer('far', [model])
    node.peer('near', [model])
    node.step({ kind: 'rtt-measured', node: 'far', rttMs: 200 })
    node.step({ kind: 'rtt-measured', node: 'near', rttMs: 1 })
    const asked = only(node.fetch(model, chunksOf('m', 2)), 'get-chunk')
    expect(asked.map((effect) => nameOf(effect.source))).toEqual(['near', 'near'])
  })

  test('a node without peers asks the origin for several chunks at once', () => {
    const node = new CoreFixture(fetchOptions({ flightsAtOriginMax: 4 }))
    const asked = only(node.fetch(model, chunksOf('m', 10)), 'get-chunk')
    expect(asked.map((effect) => nameOf(effect.source))).toEqual(['origin', 'origin', 'origin', 'origin'])
  })

  test('in a cluster that shares what is on its way in, the origin is spared at first and others are told at once', () => {
    const node = new CoreFixture({ core: { sharesPartialModels: true } })
    node.peer('a', [])
    const effects = node.fetch(model, chunksOf('m', 10))
    expect(only(effects, 'get-chunk').map((effect) => nameOf(effect.source))).toEqual(['origin'])
    expect(only(effects, 'publish').map((effect) => effect.signed.entry.body)).toEqual([
      { models: [], fetching: [model] },
    ])
    expect(only(node.pass(400), 'get-chunk').length).toBe(defaultFetchPlanOptions.flightsAtOriginMax - 1)
  })

  test('a node that cannot share what is on its way in says nothing and asks the origin as it likes', () => {
    const node = new CoreFixture()
    node.peer('a', [])
    const effects = node.fetch(model, chunksOf('m', 10))
    expect(only(effects, 'get-chunk').length).toBe(defaultFetchPlanOptions.flightsAtOriginMax)
    expect(only(effects, 'publish')).toEqual([])
  })

  test('a holder that appears later joins the running fetch', () => {
    const node = new CoreFixture(fetchOptions({ flightsAtOriginMax: 1 }))
    const [first] = only(node.fetch(model, chunksOf('m', 3)), 'get-chunk')
    const later = only(node.peer('a', [model]), 'get-chunk')
    expect(later.map((effect) => nameOf(effect.source))).toEqual(['a', 'a'])
    for (const asked of later) node.done(asked)
    expect(only(node.done(first!), 'fetch-complete')).toEqual([
      { kind: 'fetch-complete', model, bytesBySource: { peer: 2_000_000, origin: 1_000_000 } },
    ])
  })

  test('a suspected holder is not asked', () => {
    const node = new CoreFixture()
    node.peer('a', [model])
    node.step({ kind: 'peer-down', node: 'a' })
    expect(only(node.fetch(model, chunksOf('m', 1)), 'get-chunk').map((effect) => nameOf(effect.source))).toEqual([
      'origin',
    ])
  })

  test('limits hold over all fetches', () => {
    const node = new CoreFixture(fetchOptions({ flightsMax: 5, flightsPerFetchMax: 3, flightsAtOriginMax: 100 }))
    const counts = ['x', 'y', 'z'].map((name) => only(node.fetch(digest(name), chunksOf(name, 9)), 'get-chunk').length)
    expect(counts).toEqual([3, 2, 0])
  })

  test('a crowd takes each chunk from the origin once, each of its nodes some, and the rest from each other', () => {
    const crowd = new Crowd(['a', 'b', 'c', 'd'])
    crowd.fetch(chunksOf('m', 40))
    const fromOrigin = crowd.asked.filter(({ source }) => source.kind === 'origin')
    expect(new Set(fromOrigin.map(({ chunk }) => chunk.sha256)).size).toBe(40)
    expect(fromOrigin).toHaveLength(40)
    expect(crowd.asked).toHaveLength(4 * 40)
    expect(new Set(fromOrigin.map(({ by }) => by)).size).toBe(4)
    expect(crowd.completeCount).toBe(4)
  })
})

describe('failures', () => {
  test('a chunk that a holder lacks goes to another holder, then to the origin', () => {
    const node = new CoreFixture()
    node.peer('a', [model])
    node.peer('b', [model])
    const [first] = only(node.fetch(model, chunksOf('m', 1)), 'get-chunk')
    const [second] = only(node.failed(first!, 'missing'), 'get-chunk')
    const [third] = only(node.failed(second!, 'missing'), 'get-chunk')
    expect([nameOf(first!.source), nameOf(second!.source)].sort()).toEqual(['a', 'b'])
    expect(nameOf(third!.source)).toBe('origin')
  })

  test('a wrong chunk ends all dealings with its sender, and is reported once', () => {
    const node = new CoreFixture(fetchOptions({ flightsPerPeerMax: 2 }))
    node.peer('liar', [model])
    const [first, second] = only(node.fetch(model, chunksOf('m', 4)), 'get-chunk')
    const effects = node.failed(first!, 'mismatch')
    expect(only(effects, 'distrust')).toEqual([{ kind: 'distrust', node: 'liar', reason: 'wrong-chunk' }])
    expect(only(effects, 'get-chunk').map((effect) => nameOf(effect.source))).not.toContain('liar')
    expect(only(node.failed(second!, 'mismatch'), 'distrust')).toEqual([])
    expect(node.core.holders(model, node.nowMs)).toMatchObject([{ node: 'liar', suspected: true }])
    const other = digest('other')
    node.step({ kind: 'entries', from: 'liar', entries: [entryOf('residency', 'liar', { models: [resident(other)] })] })
    const asked = only(node.fetch(other, chunksOf('o', 1)), 'get-chunk')
    expect(asked.map((effect) => nameOf(effect.source))).not.toContain('liar')
  })

  test('a busy holder is asked again later, with growing pauses, and the origin is left alone meanwhile', () => {
    const node = new CoreFixture()
    node.peer('a', [model])
    const [first] = only(node.fetch(model, chunksOf('m', 1)), 'get-chunk')
    expect(only(node.failed(first!, 'refused'), 'get-chunk')).toEqual([])
    const [second] = only(node.pass(100), 'get-chunk')
    expect(nameOf(second!.source)).toBe('a')
    node.failed(second!, 'refused')
    expect(only(node.pass(100), 'get-chunk')).toEqual([])
    expect(only(node.pass(100), 'get-chunk').map((effect) => nameOf(effect.source))).toEqual(['a'])
  })

  test('holders that stay busy let the origin help', () => {
    const node = new CoreFixture()
    node.peer('a', [model])
    let asked = only(node.fetch(model, chunksOf('m', 1)), 'get-chunk')
    const sources: string[] = []
    for (let round = 0; round < 100 && sources.at(-1) !== 'origin'; round += 1) {
      const effects = asked.flatMap((effect) => {
        sources.push(nameOf(effect.source))
        return node.failed(effect, 'refused')
      })
      asked = only([...effects, ...node.pass(100)], 'get-chunk')
    }
    expect(sources.at(-1)).toBe('origin')
    expect(sources.length).toBeGreaterThan(3)
  })

  test('chunks of a lost peer are asked of others at once', () => {
    const node = new CoreFixture(fetchOptions({ flightsPerPeerMax: 2 }))
    node.peer('a', [model])
    const first = only(node.fetch(model, chunksOf('m', 2)), 'get-chunk')
    node.peer('b', [model])
    const again = only(node.step({ kind: 'peer-down', node: 'a' }), 'get-chunk')
    expect(again.map((effect) => [nameOf(effect.source), effect.chunk.index])).toEqual([
      ['b', 0],
      ['b', 1],
    ])
    expect(only(node.failed(first[0]!, 'closed'), 'get-chunk')).toEqual([])
  })

  test('a chunk that takes too long is asked for elsewhere, and the first answer wins', () => {
    const node = new CoreFixture()
    node.peer('a', [model])
    const [slow] = only(node.fetch(model, chunksOf('m', 1)), 'get-chunk')
    node.peer('b', [model])
    const [again] = only(node.pass(2_000), 'get-chunk')
    expect(nameOf(again!.source)).toBe('b')
    expect(only(node.done(again!), 'fetch-complete').length).toBe(1)
    expect(node.done(slow!)).toEqual([])
  })

  test('what was asked of a holder that sends nothing is asked of another first, and nothing more of the silent one', () => {
    const node = new CoreFixture(fetchOptions({ flightsPerPeerMax: 2 }))
    for (const peer of ['a', 'b']) node.peer(peer, [model])
    const asked = only(node.fetch(model, chunksOf('m', 8)), 'get-chunk')
    const of = (peer: string) => asked.filter(({ source }) => nameOf(source) === peer)
    expect([of('a').length, of('b').length]).toEqual([2, 2])
    node.step({ kind: 'source-silent', node: 'a', silentMs: 2_000 })
    const next = [of('b')[0]!, of('b')[1]!].flatMap((effect) => only(node.done(effect), 'get-chunk'))
    expect(next.map(({ source, why }) => [nameOf(source), why])).toEqual([
      ['b', 'second'],
      ['b', 'second'],
    ])
    expect(next.map(({ chunk }) => chunk.index).sort()).toEqual(of('a').map(({ chunk }) => chunk.index))
    const last = next.flatMap((effect) => only(node.done(effect), 'get-chunk'))
    expect(last.map(({ source }) => nameOf(source))).toEqual(['b', 'b'])
    // Bytes come again.
    const back = only(node.step({ kind: 'source-silent', node: 'a', silentMs: 0 }), 'get-chunk')
    expect(back.map(({ source }) => nameOf(source))).toEqual(['a', 'a'])
  })

  test('a holder that sends nothing is not dropped: its chunk is welcome when it comes first', () => {
    const node = new CoreFixture()
    for (const peer of ['a', 'b']) node.peer(peer, [model])
    const [slow] = only(node.fetch(model, chunksOf('m', 1), false), 'get-chunk')
    const silent = nameOf(slow!.source)
    const [again] = only(node.step({ kind: 'source-silent', node: silent, silentMs: 2_000 }), 'get-chunk')
    expect([nameOf(again!.source), again!.why]).toEqual([silent === 'a' ? 'b' : 'a', 'second'])
    const effects = node.done(slow!)
    expect(only(effects, 'drop-chunk').map(({ source }) => nameOf(source))).toEqual([nameOf(again!.source)])
    expect(only(effects, 'fetch-complete')).toHaveLength(1)
  })

  test('the origin helps when all holders send nothing', () => {
    const node = new CoreFixture()
    node.peer('a', [model])
    node.fetch(model, chunksOf('m', 1))
    const [again] = only(node.step({ kind: 'source-silent', node: 'a', silentMs: 2_000 }), 'get-chunk')
    expect([nameOf(again!.source), again!.why]).toEqual(['origin', 'second'])
  })

  test('without any source a fetch fails after a short wait', () => {
    const node = new CoreFixture()
    expect(only(node.fetch(model, chunksOf('m', 2), false), 'get-chunk')).toEqual([])
    const failed = only(node.pass(2_000), 'fetch-failed')
    expect(failed).toMatchObject([{ model, code: 'NO_SOURCE' }])
    expect(node.core.fetchingModels()).toEqual([])
  })

  test('a chunk that nobody has ends the fetch soon, however many others there are to ask for', () => {
    const node = new CoreFixture()
    let asked = only(node.fetch(model, chunksOf('m', 10_000)), 'get-chunk')
    let attempts = 0
    const failed: unknown[] = []
    for (let round = 0; round < 100 && failed.length === 0; round += 1) {
      for (const effect of asked) {
        attempts += 1
        asked = [...asked, ...only(node.failed(effect, 'missing'), 'get-chunk')].slice(0, 100)
      }
      const effects = node.pass(100)
      asked = only(effects, 'get-chunk')
      failed.push(...only(effects, 'fetch-failed'))
    }
    expect(failed).toMatchObject([{ model, code: 'NO_SOURCE' }])
    expect(attempts).toBeLessThanOrEqual(defaultFetchPlanOptions.flightsPerFetchMax)
    expect(node.core.fetchingModels()).toEqual([])
  })

  test('an origin that does not answer is given up after a bounded number of attempts', () => {
    const node = new CoreFixture()
    let asked = only(node.fetch(model, chunksOf('m', 1)), 'get-chunk')
    let attempts = 0
    const failed: unknown[] = []
    for (let round = 0; round < 1_000 && failed.length === 0; round += 1) {
      for (const effect of asked) {
        attempts += 1
        node.failed(effect, 'unavailable')
      }
      const effects = node.pass(100)
      asked = only(effects, 'get-chunk')
      failed.push(...only(effects, 'fetch-failed'))
    }
    expect(failed).toMatchObject([{ code: 'NO_SOURCE' }])
    expect(attempts).toBe(defaultFetchPlanOptions.originStrikesMax)
  })

  test('an origin that was given up is tried again by a fetch that lives on others who fetch the same', () => {
    const node = new CoreFixture({ core: { sharesPartialModels: true } })
    node.peer('a', [])
    const body = { models: [], fetching: [model] }
    node.step({ kind: 'entries', from: 'a', entries: [entryOf('residency', 'a', body)] })
    let asked = only(node.fetch(model, chunksOf('m', 8)), 'get-chunk')
    const originAskedAtMs: number[] = []
    for (let round = 0; round < 250; round += 1) {
      for (const effect of asked) {
        const fromOrigin = effect.source.kind === 'origin'
        if (fromOrigin) originAskedAtMs.push(node.nowMs)
        node.failed(effect, fromOrigin ? 'unavailable' : 'missing')
      }
      asked = only(node.pass(100), 'get-chunk')
    }
    const pausesMs = originAskedAtMs.map((atMs, at) => atMs - (originAskedAtMs[at - 1] ?? atMs))
    expect(Math.max(...pausesMs)).toBeGreaterThanOrEqual(defaultFetchPlanOptions.forgivenMs)
  })

  test('a peer that was given up and then delivers is asked again', () => {
    const node = new CoreFixture(fetchOptions({ refusalsMax: 1, flightsPerPeerMax: 2 }))
    node.peer('a', [model])
    const [first, second] = only(node.fetch(model, chunksOf('m', 3), false), 'get-chunk')
    node.failed(first!, 'refused')
    const next = [...node.done(second!), ...node.pass(300)]
    expect(only(next, 'get-chunk').map((effect) => nameOf(effect.source))).toContain('a')
  })

  test('several fetches that may go on at once keep to the limit of all flights', () => {
    const node = new CoreFixture(fetchOptions({ flightsMax: 2 }))
    const [asked] = only(node.fetch(digest('one'), chunksOf('one', 5)), 'get-chunk')
    node.fetch(digest('two'), chunksOf('two', 5))
    node.fetch(digest('three'), chunksOf('three', 5))
    expect(only(node.done(asked!), 'get-chunk').length).toBe(1)
  })

  test('an origin with wrong bytes fails the fetch as a mismatch', () => {
    const node = new CoreFixture()
    const [first] = only(node.fetch(model, chunksOf('m', 1)), 'get-chunk')
    const [second] = only(node.failed(first!, 'mismatch'), 'get-chunk')
    expect(only(node.failed(second!, 'mismatch'), 'get-chunk')).toEqual([])
    expect(only(node.pass(2_000), 'fetch-failed')).toMatchObject([{ code: 'DIGEST_MISMATCH' }])
  })
})

describe('ends', () => {
  test('a fetch without chunks is complete at once', () => {
    const node = new CoreFixture()
    const complete = { kind: 'fetch-complete', model, bytesBySource: { peer: 0, origin: 0 } }
    expect(node.fetch(model, [])).toEqual([complete])
  })

  test('a second fetch of the model joins the first: no chunk is asked for twice, one end', () => {
    const node = new CoreFixture()
    const chunks = chunksOf('m', 3)
    const asked = only(node.fetch(model, chunks), 'get-chunk')
    expect(only(node.fetch(model, chunks), 'get-chunk')).toEqual([])
    const ends = asked.flatMap((effect) => only(node.done(effect), 'fetch-complete'))
    expect(ends.length).toBe(1)
  })

  test('a chunk that occurs twice is fetched once', () => {
    const node = new CoreFixture()
    const [chunk] = chunksOf('m', 1)
    const asked = only(node.fetch(model, [chunk!, { ...chunk!, index: 7 }]), 'get-chunk')
    expect(asked.map((effect) => effect.chunk.index)).toEqual([0])
    expect(only(node.done(asked[0]!), 'fetch-complete').length).toBe(1)
  })

  test('a cancelled fetch ends silently and gives its flights back', () => {
    const node = new CoreFixture()
    const [asked] = only(node.fetch(model, chunksOf('m', 3)), 'get-chunk')
    expect(node.step({ kind: 'fetch-cancelled', model })).toEqual([])
    expect(node.done(asked!)).toEqual([])
    expect(node.pass(5_000).filter((effect) => effect.kind.startsWith('fetch'))).toEqual([])
  })

  test('a stopping node fails its fetches and takes no more', () => {
    const node = new CoreFixture()
    node.fetch(model, chunksOf('m', 3))
    expect(only(node.step({ kind: 'stopping' }), 'fetch-failed')).toMatchObject([{ code: 'SHUTTING_DOWN' }])
    expect(only(node.fetch(model, chunksOf('m', 3)), 'fetch-failed')).toMatchObject([{ code: 'SHUTTING_DOWN' }])
  })
})
