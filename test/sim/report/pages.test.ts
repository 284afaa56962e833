/** Reports of real runs: complete, escaped, and in need of nothing else. */
import { describe, expect, test } from 'vitest'
import { capacityPage } from '../../../sim/report/capacity-page.ts'
import { compareCsv, compared, comparePage } from '../../../sim/report/compare-page.ts'
import { csvOf, decilesCsv, nodesCsv, timelineCsv } from '../../../sim/report/csv.ts'
import { placesOf } from '../../../sim/report/node-map.ts'
import { runPage } from '../../../sim/report/run-page.ts'
import { spreadOf } from '../../../sim/report/summary.ts'
import { sweepCsv, sweepPage } from '../../../sim/report/sweep-page.ts'
import { runTiny } from './fixture.ts'

const result = runTiny()
const other = runTiny({ seed: 2 })
const count = (page: string, piece: string) => page.split(piece).length - 1

/** No script, nothing fetched, nothing that a number failed to become, all tags of drawings closed. */
function expectWhole(page: string): void {
  expect(page).not.toMatch(/<script|https?:|@import|src=|NaN|Infinity|undefined|\[object/)
  for (const tag of ['svg', 'figure', 'table', 'text', 'g', 'details']) {
    expect({ tag, closed: count(page, `</${tag}>`) }).toEqual({
      tag,
      closed: page.match(new RegExp(`<${tag}[ >]`, 'g'))?.length ?? 0,
    })
  }
}

describe('the report of a run', () => {
  const page = runPage({ result, scenarioText: 'name: tiny <world>\n', command: 'holdfast sim run tiny.yaml --seed 1' })

  test('is one whole page, and says what it is of', () => {
    expectWhole(page)
    expect(page).toContain('<h1>tiny &#60;world&#62;</h1>')
    expect(page).toContain('3 nodes at 2 sites')
    expect(page).toContain('holdfast sim run tiny.yaml --seed 1')
    expect(page).not.toContain('<world>')
  })

  test('marks what happened in every plot over time', () => {
    expect(count(page, 'at 15 s: origin-outage<')).toBe(6)
  })

  test('has a circle for each place on the map, with all its requests', () => {
    const places = placesOf(result.nodes)
    expect(places.map(({ nodeCount }) => nodeCount)).toEqual([2, 1])
    const entered = places.reduce((sum, { requestCount }) => sum + requestCount, 0)
    expect(entered).toBe(result.totals.requestCount)
    expect(page).toContain('london: 2 nodes;')
  })

  test('puts findings before all else', () => {
    const findings = [{ checker: 'capacity', atS: 3, problem: 'over <limit>' }]
    const faulty = runPage({ result: { ...result, findings }, scenarioText: '', command: '' })
    expect(faulty.indexOf('over &#60;limit&#62;')).toBeLessThan(faulty.indexOf('<svg'))
    expect(faulty).toContain('The checkers found 1 fault')
    expect(page).not.toContain('The checkers found')
  })

  test('can be drawn when nothing was asked for', () => {
    expectWhole(runPage({ result: runTiny({ requests: { ratePerS: 0.001 } }), scenarioText: '', command: '' }))
  })
})

describe('tables for other programs', () => {
  test('have a row per step, node and tenth', () => {
    expect(timelineCsv(result).trim().split('\n')).toHaveLength(1 + result.timeline.length)
    expect(nodesCsv(result).split('\n')[1]).toMatch(/^london-0,london,london,51\.51,/)
    expect(decilesCsv(result).split('\n')[0]).toBe(
      'decile,requestCount,memoryHitPercent,loadDelay.meanMs,loadDelay.p50Ms,loadDelay.p90Ms,loadDelay.p99Ms,loadDelay.maxMs',
    )
  })

  test('keep texts texts', () => {
    expect(csvOf([{ a: 'x,y', b: 'say "z"', c: '=SUM(A1)', d: -1 }])).toBe('a,b,c,d\n"x,y","say ""z""",\'=SUM(A1),-1\n')
  })
})

describe('a comparison', () => {
  const contenders = [
    { name: 'first', results: [result, other] },
    { name: 'second, <b>', results: [other, result] },
  ]

  test('has ratios to the first and the spread over seeds', () => {
    const [first, second] = compared(contenders)
    expect(first!.figures.originBytes.ratio).toBe(1)
    expect(second!.figures.meanLoadDelayMs.ratio).toBeCloseTo(1)
    expect(second!.figures.meanLoadDelayMs.deviation).toBeGreaterThan(0)
    expect(spreadOf([1, 2, 3])).toEqual({ mean: 2, deviation: 1, least: 1, greatest: 3 })
  })

  test('is a whole page, with a row per run for other programs', () => {
    expectWhole(comparePage({ title: 'x', contenders, command: 'c' }))
    expect(compareCsv(contenders).trim().split('\n')).toHaveLength(5)
  })
})

describe('a sweep', () => {
  const cells = ['×0.5', '×1'].flatMap((memory) =>
    [2, 4].map((nodeCount) => ({ memory, policy: 'lru', nodeCount, results: [result] })),
  )

  test('of memory and nodes has maps and lines', () => {
    const page = sweepPage({ title: 'x', cells, command: 'c' })
    expectWhole(page)
    expect(count(page, '<svg')).toBe(4 + 4 + 4)
    expect(count(page, 'class="cell"')).toBe(4 * 4)
  })

  test('of one memory has lines by nodes only', () => {
    expect(count(sweepPage({ title: 'x', cells: cells.slice(0, 2), command: 'c' }), '<svg')).toBe(4)
  })

  test('has a row per setting for other programs', () => {
    expect(
      sweepCsv(cells)
        .split('\n')
        .slice(1, 5)
        .map((row) => row.split(',').slice(0, 3).join()),
    ).toEqual(['×0.5,lru,2', '×0.5,lru,4', '×1,lru,2', '×1,lru,4'])
  })
})

test('a capacity report marks the answer', () => {
  const page = capacityPage({
    title: 'x',
    varied: 'memory',
    figure: 'meanLoadDelayMs',
    limit: 50,
    targetText: 'mean load delay ≤ 50 ms',
    answerText: 'Two & more.',
    notes: [],
    answer: 2e9,
    runs: [1e9, 2e9, 4e9].map((size, index) => ({ size, value: 100 - 40 * index, isMet: index > 0 })),
    seedCount: 1,
    command: 'c',
  })
  expectWhole(page)
  expect(page).toContain('the answer: 2 GB')
  expect(page).toContain('Two &#38; more.')
})
