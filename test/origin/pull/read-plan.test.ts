import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Chunk, Extent } from '../../../origin/index.ts'
import { placedChunks, planRuns as planRunsOf, runBytes } from '../../../origin/pull/read-plan.ts'

const chunk = (sizeBytes: number, sha256 = `${sizeBytes}`) => ({ sha256, sizeBytes })
const planRuns = (chunks: Chunk[], extents: Extent[], bytesMax: number, isWanted = (_: Chunk) => true) =>
  planRunsOf(placedChunks(chunks).filter(isWanted), extents, bytesMax)
const extent = (sizeBytes: number, object = 'a'): Extent => ({ object, offsetBytes: 0, sizeBytes })
const sizes = (runs: ReturnType<typeof planRuns>) => runs.map((run) => run.map(({ sizeBytes }) => sizeBytes))

describe('planRuns', () => {
  test('joins neighbours that lie in one extent, up to the bound', () => {
    expect(sizes(planRuns([chunk(3), chunk(3), chunk(3), chunk(9), chunk(1)], [extent(19)], 6))).toEqual([
      [3, 3],
      [3],
      [9],
      [1],
    ])
  })

  test('cuts where another object begins, and leaves a chunk in two objects alone', () => {
    expect(sizes(planRuns([chunk(2), chunk(2), chunk(4), chunk(2)], [extent(6), extent(4, 'b')], 100))).toEqual([
      [2, 2],
      [4],
      [2],
    ])
  })

  test('joins nothing over a chunk that is not wanted', () => {
    const runs = planRuns([chunk(1), chunk(2), chunk(3)], [extent(6)], 100, ({ sizeBytes }) => sizeBytes !== 2)
    expect(sizes(runs)).toEqual([[1], [3]])
  })

  test('covers every chunk once, in order, within its bounds, for any file', () => {
    const parts = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(parts, parts, fc.integer({ min: 1, max: 40 }), (chunkSizes, extentSizes, bytesMax) => {
        const runs = planRuns(
          chunkSizes.map((size) => chunk(size)),
          extentSizes.map((size) => extent(size)),
          bytesMax,
        )
        expect(sizes(runs).flat()).toEqual(chunkSizes)
        let offsetBytes = 0
        for (const run of runs) {
          if (run.length > 1) expect(runBytes(run)).toBeLessThanOrEqual(bytesMax)
          for (const placed of run) {
            expect(placed.offsetBytes).toBe(offsetBytes)
            offsetBytes += placed.sizeBytes
          }
        }
      }),
    )
  })
})
