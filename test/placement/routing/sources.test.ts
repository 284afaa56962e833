import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { defaultRankSourcesOptions, rankSources, type SourceCandidate } from '../../../placement/index.ts'

const peer = (node: string, other: Partial<SourceCandidate> = {}): SourceCandidate => ({
  node,
  rttMs: 1,
  bandwidthBytesPerS: 100_000_000,
  inFlight: 0,
  sameZone: true,
  failures: 0,
  ...other,
})
const far = { rttMs: 60, bandwidthBytesPerS: 20_000_000, sameZone: false }
const unmeasured = { rttMs: null, bandwidthBytesPerS: null }

const brief = (candidates: readonly SourceCandidate[], originAllowed = true) =>
  rankSources({ chunkBytes: 8_000_000, candidates, originAllowed }).map(
    (ranked) => `${ranked.kind === 'peer' ? ranked.node : 'origin'} ${ranked.reason}`,
  )

describe('the ranking of sources', () => {
  test.each([
    { id: 'the origin alone when no peer has it', candidates: [], expected: ['origin last-resort'] },
    {
      id: 'near before far, the origin last',
      candidates: [peer('f', far), peer('n')],
      expected: ['n same-zone', 'f other-zone', 'origin last-resort'],
    },
    {
      id: 'idle before loaded',
      candidates: [peer('a', { inFlight: 3 }), peer('b')],
      expected: ['b same-zone', 'a same-zone', 'origin last-resort'],
    },
    {
      id: 'a far idle one before a near one with a long queue',
      candidates: [peer('n', { inFlight: 9 }), peer('f', far)],
      expected: ['f other-zone', 'n same-zone', 'origin last-resort'],
    },
    {
      id: 'a recovering one behind its equals',
      candidates: [peer('a', { failures: 1 }), peer('b')],
      expected: ['b same-zone', 'a recovering', 'origin last-resort'],
    },
    {
      id: 'a broken one left out',
      candidates: [peer('a', { failures: defaultRankSourcesOptions.failuresMax })],
      expected: ['origin last-resort'],
    },
    {
      id: 'never measured: the same zone is taken to be nearer',
      candidates: [peer('a', { ...unmeasured, sameZone: false }), peer('b', unmeasured)],
      expected: ['b same-zone', 'a other-zone', 'origin last-resort'],
    },
    {
      id: 'equal: the same zone, then the smaller id',
      candidates: [peer('c', { sameZone: false }), peer('b'), peer('a')],
      expected: ['a same-zone', 'b same-zone', 'c other-zone', 'origin last-resort'],
    },
  ])('$id', ({ candidates, expected }) => {
    expect(brief(candidates)).toEqual(expected)
  })

  test('names nobody when the origin may not be asked and no peer has it', () => {
    expect(brief([], false)).toEqual([])
  })

  test('keeps every usable peer once, in rising order, whatever order they come in', () => {
    const candidates = fc.uniqueArray(
      fc.record({
        node: fc.string({ minLength: 1, maxLength: 3 }),
        rttMs: fc.option(fc.integer({ min: 0, max: 3 })),
        bandwidthBytesPerS: fc.option(fc.constantFrom(1e6, 1e7)),
        inFlight: fc.nat(2),
        sameZone: fc.boolean(),
        failures: fc.nat(4),
      }),
      { selector: (candidate) => candidate.node },
    )
    fc.assert(
      fc.property(candidates, (list) => {
        const ranked = rankSources({ chunkBytes: 1_000_000, candidates: list, originAllowed: false })
        const times = ranked.map((source) => (source.kind === 'peer' ? source.expectedMs : Number.NaN))
        const usable = list.filter((candidate) => candidate.failures < defaultRankSourcesOptions.failuresMax)
        expect(ranked).toHaveLength(usable.length)
        expect(times).toEqual(times.toSorted((left, right) => left - right))
        expect(brief(list.toReversed())).toEqual(brief(list))
      }),
    )
  })
})
