/** Planning looks at what can change: its work grows with chunks and with sources, never with their product times the events. */
import { describe, expect, test } from 'vitest'
import { createPrng } from '../../../common/index.ts'
import { hashText } from '../../../core/transfer/chunk-home.ts'
import { defaultFetchPlanOptions, FetchPlan } from '../../../core/transfer/fetch-plan.ts'
import type { PeerSource } from '../../../core/transfer/peer-source.ts'
import { SourceStats } from '../../../core/transfer/source-stats.ts'
import { chunksOf, digest, only } from '../fixture.ts'

const model = digest('model')

/** Questions about sources that are asked until all chunks of a model are here, one after another. */
function questionsFor(chunkCount: number, peerCount: number, isComplete: boolean): number {
  let questionCount = 0
  const stats = new SourceStats()
  const sourceStats = new Proxy(stats, {
    get(target, name) {
      questionCount += 1
      const value = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const peers = Array.from({ length: peerCount }, (_, at): PeerSource => {
    const id = `peer-${String(at).padStart(3, '0')}`
    const keyHash = hashText(id)
    const rest = { keyHash, rttMs: 1, sameZone: true, complete: isComplete }
    return {
      ...rest,
      get key() {
        questionCount += 1
        return id
      },
    }
  })
  const plan = new FetchPlan(
    { self: 'self', sourceStats, random: createPrng(1), peersWith: () => peers, mayShare: () => true },
    { ...defaultFetchPlanOptions, flightsPerPeerMax: 1, flightsAtOriginMax: 1, slowMsMin: Number.POSITIVE_INFINITY },
  )
  const context = { tenant: 'public', deadlineMs: Number.POSITIVE_INFINITY }
  const chunks = chunksOf('m', chunkCount)
  plan.fetch({ kind: 'fetch', model, chunks, context, originAllowed: true, nowMs: 0 })
  const flying = only(plan.plan(0), 'get-chunk')
  // Each of a crowd has a part, and asks for nothing.
  if (!isComplete)
    for (const [at, { key: from }] of peers.entries()) {
      const ranges = chunks.flatMap(({ index }) => (index % peers.length === at ? [] : [index, index + 1]))
      const progress = {
        model,
        sequence: 1,
        lacks: [{ blob: chunks[0]!.blob, ranges }],
        got: [],
        asks: [],
        wantsAll: false,
      }
      plan.peerProgress({ kind: 'peer-progress', from, progress, nowMs: 0 })
    }
  flying.push(...only(plan.plan(0), 'get-chunk'))
  let nowMs = 1_000
  let doneCount = 0
  for (let next = flying.shift(); next !== undefined; next = flying.shift()) {
    const { chunk, source } = next
    const { sha256, sizeBytes } = chunk
    nowMs += 100
    plan.chunkDone({ kind: 'chunk-done', model, chunk: sha256, source, sizeBytes, elapsedMs: 100, nowMs })
    doneCount += 1
    flying.push(...only(plan.plan(nowMs), 'get-chunk'))
  }
  expect(doneCount).toBe(chunkCount)
  return questionCount
}

describe('four times the chunks take about four times the questions', () => {
  test.each([
    { id: 'at the origin alone, which is at its limit', peerCount: 0, isComplete: false },
    { id: 'at holders that are at their limits', peerCount: 4, isComplete: true },
    { id: 'in a crowd of which each has a part', peerCount: 4, isComplete: false },
  ])('$id', ({ peerCount, isComplete }) => {
    const few = questionsFor(200, peerCount, isComplete)
    const many = questionsFor(800, peerCount, isComplete)
    expect(many / few).toBeLessThan(5)
    expect(many / few).toBeGreaterThan(3)
  })
})

test('four times the holders take about four times the questions', () => {
  expect(questionsFor(200, 16, true) / questionsFor(200, 4, true)).toBeLessThan(6)
})
