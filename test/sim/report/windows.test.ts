/** What a report must not get wrong: windows of time, delays of nothing, outages to the end, and spreads. */
import { describe, expect, test } from 'vitest'
import { compareCells, compared, comparePage } from '../../../sim/report/compare-page.ts'
import { csvOf, timelineCsv } from '../../../sim/report/csv.ts'
import { figure } from '../../../sim/report/figures.ts'
import { placeLabels } from '../../../sim/report/mark-labels.ts'
import { runPage } from '../../../sim/report/run-page.ts'
import { meanLine, ratioSpread, ratioText } from '../../../sim/report/summary.ts'
import { formatMs } from '../../../sim/report/units.ts'
import { runTiny } from './fixture.ts'

describe('an outage that lasts to the end of the run', () => {
  const outage = { kind: 'origin-outage', atS: 0, forS: 3_600 }
  const dark = runTiny({ warmupS: 0, events: [outage], requests: { ratePerS: 4, deadlineMs: 2_000 } })

  test('does not end within it: no mark says so', () => {
    expect(dark.events.map(({ text }) => text)).toEqual(['origin-outage'])
    const ended = runTiny({ events: [{ ...outage, atS: 15, forS: 5 }] })
    expect(ended.events.map(({ text }) => text)).toEqual(['origin-outage', 'origin-outage ends'])
  })

  test('of a node keeps it down in the last bucket, and the quiet time brings it back', () => {
    const crash = { kind: 'crash', atS: 10, count: 1, forS: 3_600 }
    const { timeline, nodes, findings } = runTiny({ events: [crash] })
    expect(timeline.at(-1)!.nodesUp).toBe(2)
    expect(timeline.at(0)!.nodesUp).toBe(3)
    expect(nodes.every(({ isUp }) => isUp)).toBe(true)
    expect(findings).toEqual([])
  })
})

describe('a delay of nothing', () => {
  const idle = runTiny({ requests: { ratePerS: 0.001 } })

  test('is null in the result, empty in CSV, and a dash for people', () => {
    expect(idle.totals.loadDelay.meanMs).toBeNull()
    expect(idle.timeline.map(({ loadDelayMeanMs }) => loadDelayMeanMs)).toContain(null)
    expect(idle.nodes.every(({ loadDelayMeanMs }) => loadDelayMeanMs === null)).toBe(true)
    expect(idle.zones.every(({ loadDelayMeanMs, loadDelayP99Ms }) => loadDelayMeanMs === loadDelayP99Ms)).toBe(true)
    const [head, first] = timelineCsv(idle).split('\n')
    expect(first!.split(',')[head!.split(',').indexOf('loadDelayMeanMs')]).toBe('')
    expect(csvOf([{ a: null, b: Number.NaN, c: 0 }])).toBe('a,b,c\n,,0\n')
    expect([formatMs(null), formatMs(Number.NaN), formatMs(0)]).toEqual(['-', '-', '0 ms'])
  })

  test('meets no target and wins no comparison', () => {
    expect(figure('meanLoadDelayMs').of(idle)).toBeNaN()
    const contenders = [
      { name: 'a', results: [idle] },
      { name: 'b', results: [runTiny()] },
    ]
    expect(compareCells(contenders).rows[0]!.slice(0, 2)).toEqual(['mean load delay', '-'])
    expect(comparePage({ title: 'x', contenders, command: 'c' })).not.toMatch(/NaN|Infinity/)
  })
})

describe('the windows of a report', () => {
  const result = runTiny()

  test('are one for each table, and said', () => {
    const page = runPage({ result, scenarioText: '', command: '' })
    const [, counted, whole] = /after the warm-up<\/th>(.*?)<\/table>.*?in the whole run, (.*?)<\/table>/s.exec(page)!
    expect(counted).toContain('requests to the origin')
    expect(whole).toContain('gossip of all nodes')
    expect(whole).not.toContain('the origin<')
  })

  test('tell what the origin sent apart from what was received, and why bytes were wasted', () => {
    const { originBytes, originReceivedBytes, wastedBytes, wastedByReason } = runTiny({
      events: [{ kind: 'crash', atS: 8, count: 2, forS: 5 }],
    }).totals
    expect(originReceivedBytes).toBeLessThanOrEqual(originBytes)
    expect(originReceivedBytes).toBeGreaterThan(0)
    expect(Object.values(wastedByReason).reduce((sum, bytes) => sum + bytes, 0)).toBe(wastedBytes)
  })
})

describe('spreads', () => {
  test('of ratios are of the runs with the same seed', () => {
    expect(ratioSpread([2, 4], [1, 2])).toMatchObject({ mean: 2, deviation: 0 })
    expect(ratioSpread([1], [0])).toBeNull()
    expect([ratioText(0.5, 0), ratioText(0.5, 0.125), ratioText(null, null)]).toEqual(['×0.50', '×0.50 ± 0.13', ''])
  })

  test('of lines are point by point, and leave out what has no value', () => {
    expect(
      meanLine([
        [1, Number.NaN, Number.NaN],
        [3, 5, Number.NaN],
      ]),
    ).toEqual({
      means: [2, 5, Number.NaN],
      deviations: [Math.SQRT2, 0, 0],
    })
  })

  test('stand in the page of a comparison: with ratios, and as bands', () => {
    const runs = [runTiny(), runTiny({ seed: 2 })]
    const contenders = [
      { name: 'a', results: runs },
      { name: 'b', results: [runTiny({ node: { memoryBytes: 40_000_000 } }), runTiny({ seed: 2 })] },
    ]
    expect(compared(contenders)[1]!.figures.meanLoadDelayMs.ratioDeviation).toBeGreaterThan(0)
    const page = comparePage({ title: 'x', contenders, command: 'c' })
    expect(page).toMatch(/×[\d.]+ ± [\d.]+/)
    expect(page.split('class="band"').length - 1).toBeGreaterThanOrEqual(4)
  })
})

describe('the words of flags', () => {
  test('meet no others, and are left out where there is no room', () => {
    const flags = Array.from({ length: 30 }, (_, index) => ({ x: 100 + index * 12, text: 'origin-outage ends' }))
    const placed = placeLabels(flags).flat()
    expect(placed.length).toBeGreaterThan(3)
    expect(placed.length).toBeLessThan(30)
    for (const [index, one] of placed.entries()) {
      for (const other of placed.slice(index + 1)) {
        const isApart = one.down !== other.down || Math.abs(one.x - other.x) >= one.text.length * 5.2
        expect(isApart).toBe(true)
      }
    }
  })

  test('at the right end stand before their flag', () => {
    expect(placeLabels([{ x: 500, text: 'crash node-1' }])[0]![0]!.x).toBeLessThan(500)
    expect(placeLabels([{ x: 100, text: '' }])).toEqual([[]])
  })
})
