import { describe, expect, test } from 'vitest'
import { createPrng } from '../../../common/index.ts'
import type { Trace } from '../../../sim/traces/trace.ts'
import { defaultWorkloadOptions, generateWorkload } from '../../../sim/traces/workload.ts'

const hourMs = 3_600_000
const plain = { timerPercent: 0, burstPercent: 0, newPercent: 0, nightDepth: 0, flashCrowdCount: 0 }

function countsOf({ modelIndexes, models, timesMs }: Trace, fromMs = 0, toMs = Number.POSITIVE_INFINITY): number[] {
  const counts = models.map(() => 0)
  modelIndexes.forEach((place, index) => {
    if (timesMs[index]! >= fromMs && timesMs[index]! < toMs) counts[place]! += 1
  })
  return counts
}
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

describe('generated requests', () => {
  test('are the same for one seed and others for another', () => {
    const [first, again, other] = [5, 5, 6].map((seed) => generateWorkload(createPrng(seed), { requestCount: 2000 }))
    expect(again).toEqual(first)
    expect(other).not.toEqual(first)
  })

  test('come in order, within the time, about as many as asked for', () => {
    const { timesMs, modelIndexes } = generateWorkload(createPrng(1))
    expect(timesMs).toEqual(timesMs.toSorted())
    expect(timesMs.at(-1)).toBeLessThan(defaultWorkloadOptions.durationMs)
    expect(modelIndexes.length).toBeGreaterThan(0.5 * defaultWorkloadOptions.requestCount)
    expect(modelIndexes.length).toBeLessThan(1.6 * defaultWorkloadOptions.requestCount)
  })

  test('follow the law of Zipf', () => {
    const counts = countsOf(generateWorkload(createPrng(2), { ...plain, zipfExponent: 1, requestCount: 40_000 }))
    expect(counts[0]! / counts[9]!).toBeGreaterThan(8.5)
    expect(counts[0]! / counts[9]!).toBeLessThan(11.5)
  })

  test('grow fewer at night', () => {
    const trace = generateWorkload(createPrng(3), { ...plain, nightDepth: 0.9 })
    // Noon lies within the first fifth of the day for every model, so midnight between 12 and 17 hours.
    expect(sum(countsOf(trace, 0, 4 * hourMs)) / sum(countsOf(trace, 13 * hourMs, 17 * hourMs))).toBeGreaterThan(4)
  })

  test('crowd on a model that was rare', () => {
    const trace = generateWorkload(createPrng(4), { ...plain, flashCrowdCount: 1 })
    const rare = countsOf(trace).slice(60)
    expect(Math.max(...rare)).toBeGreaterThan(1.3 * rare.toSorted((a, b) => b - a)[1]!)
  })

  test('of bursts come closer together than by chance', () => {
    const variation = (burstPercent: number) => {
      const { timesMs } = generateWorkload(createPrng(5), { ...plain, burstPercent, modelCount: 1, requestCount: 3000 })
      const gaps = [...timesMs].slice(1).map((timeMs, index) => timeMs - timesMs[index]!)
      const mean = sum(gaps) / gaps.length
      return Math.sqrt(sum(gaps.map((gap) => (gap - mean) ** 2)) / gaps.length) / mean
    }
    expect(variation(0)).toBeLessThan(1.1)
    expect(variation(100)).toBeGreaterThan(2)
  })

  test('of a timer come at its period', () => {
    const options = { ...plain, timerPercent: 100, modelCount: 1, requestCount: 100 }
    const { timesMs } = generateWorkload(createPrng(6), options)
    const gaps = [...timesMs].slice(1).map((timeMs, index) => timeMs - timesMs[index]!)
    for (const gapMs of gaps) expect(Math.abs(gapMs - 15 * 60_000)).toBeLessThan(2000)
  })

  test('find new models on the way', () => {
    const trace = generateWorkload(createPrng(7), { ...plain, newPercent: 50, zipfExponent: 0, requestCount: 50_000 })
    const early = countsOf(trace, 0, 2 * hourMs).filter((count) => count === 0).length
    const ever = countsOf(trace).filter((count) => count === 0).length
    expect(early).toBeGreaterThan(30)
    expect(ever).toBe(0)
  })
})
