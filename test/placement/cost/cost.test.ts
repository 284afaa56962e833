import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { SourceView } from '../../../common/index.ts'
import { cheapestSource, missCostMs, transferMs } from '../../../placement/index.ts'

const mib = 1024 * 1024
const disk: SourceView = { source: 'disk', latencyMs: 0, bandwidthBytesPerS: 500 * mib }
const near: SourceView = { source: 'peer', node: 'near', latencyMs: 1, bandwidthBytesPerS: 100 * mib }
const far: SourceView = { source: 'peer', node: 'far', latencyMs: 80, bandwidthBytesPerS: 200 * mib }
const origin: SourceView = { source: 'origin', latencyMs: 120, bandwidthBytesPerS: 50 * mib }
const dead: SourceView = { source: 'peer', node: 'dead', latencyMs: 0, bandwidthBytesPerS: 0 }

const anySource: fc.Arbitrary<SourceView> = fc.record({
  source: fc.constantFrom('device', 'memory', 'disk', 'peer', 'origin'),
  node: fc.constantFrom('a', 'b', 'c'),
  latencyMs: fc.integer({ min: 0, max: 3 }),
  bandwidthBytesPerS: fc.constantFrom(0, 1000, 2000),
})

describe('the time of a transfer', () => {
  test.each([
    { id: 'latency plus bytes over bandwidth', sizeBytes: 100 * mib, source: near, expected: 1001 },
    { id: 'no bytes take the latency', sizeBytes: 0, source: far, expected: 80 },
    { id: 'a size above 2^32', sizeBytes: 2 ** 40, source: disk, expected: (2 ** 20 / 500) * 1000 },
    { id: 'no bandwidth takes for ever', sizeBytes: 1, source: dead, expected: Number.POSITIVE_INFINITY },
    {
      id: 'no bandwidth takes for ever, even for nothing',
      sizeBytes: 0,
      source: dead,
      expected: Number.POSITIVE_INFINITY,
    },
  ])('$id', ({ sizeBytes, source, expected }) => {
    expect(transferMs(sizeBytes, source)).toBeCloseTo(expected, 6)
  })
})

describe('the cheapest source', () => {
  test.each([
    { id: 'the near peer for a small model', sizeBytes: mib, sources: [origin, far, near], expected: 'near' },
    { id: 'the faster link for a large one', sizeBytes: 1000 * mib, sources: [origin, near, far], expected: 'far' },
    { id: 'one without bandwidth is none', sizeBytes: 1, sources: [dead, origin], expected: undefined },
    {
      id: 'a peer before the origin at equal cost',
      sizeBytes: mib,
      sources: [origin, { ...origin, source: 'peer' as const, node: 'z' }],
      expected: 'z',
    },
    {
      id: 'the smaller id at equal cost and rank',
      sizeBytes: mib,
      sources: [
        { ...near, node: 'b' },
        { ...near, node: 'a' },
        { ...near, node: 'c' },
      ],
      expected: 'a',
    },
  ])('$id', ({ sizeBytes, sources, expected }) => {
    expect(cheapestSource(sizeBytes, sources)?.source.node).toBe(expected)
  })

  test('is none when nobody can deliver', () => {
    expect(cheapestSource(1, [])).toBeNull()
    expect(cheapestSource(1, [dead])).toBeNull()
  })

  test('does not depend on the order in which sources are given, and is never beaten', () => {
    fc.assert(
      fc.property(fc.array(anySource), fc.nat(5000), (sources, sizeBytes) => {
        const cheapest = cheapestSource(sizeBytes, sources)
        expect(cheapestSource(sizeBytes, sources.toReversed())).toEqual(cheapest)
        const least = Math.min(Number.POSITIVE_INFINITY, ...sources.map((source) => transferMs(sizeBytes, source)))
        expect(cheapest?.transferMs ?? Number.POSITIVE_INFINITY).toBe(least)
      }),
    )
  })
})

describe('the cost of a miss', () => {
  test('is the cheapest transfer and then the init', () => {
    expect(missCostMs({ sizeBytes: 100 * mib, initMs: 40 }, [origin, near])).toBe(1041)
  })

  test('is infinite when the model could not be had again', () => {
    expect(missCostMs({ sizeBytes: 1, initMs: 40 }, [dead])).toBe(Number.POSITIVE_INFINITY)
  })

  test('falls, or stays, when another source appears', () => {
    fc.assert(
      fc.property(fc.array(anySource), anySource, fc.nat(5000), (sources, extra, sizeBytes) => {
        const model = { sizeBytes, initMs: 5 }
        expect(missCostMs(model, [...sources, extra])).toBeLessThanOrEqual(missCostMs(model, sources))
      }),
    )
  })
})
