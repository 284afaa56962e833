import { describe, expect, test } from 'vitest'
import { overloadsOf } from '../../../sim/check/overload.ts'
import { parseScenario, runScenario } from '../../../sim/index.ts'

const fine = { offered: 1, possible: 2 }
const facts = { workers: fine, zones: [{ zone: 'x', ...fine }], origin: fine }

describe('a cluster is too small', () => {
  test('for nobody who asks no more than it can do', () => {
    expect(overloadsOf({ ...facts, workers: { offered: 2, possible: 2 } })).toEqual([])
    expect(overloadsOf({ ...facts, origin: { offered: 5, possible: Number.POSITIVE_INFINITY } })).toEqual([])
  })

  test.each([
    {
      id: 'for its links',
      zones: [{ zone: 'x', offered: 32, possible: 10 }],
      problem: '3.2x what the links of zone x carry',
    },
    { id: 'for its workers', workers: { offered: 15, possible: 10 }, problem: '1.5x what its workers can run' },
    {
      id: 'for its origin',
      origin: { offered: 20, possible: 10 },
      problem: '2.0x what the link of the origin carries',
    },
    {
      id: 'by little',
      origin: { offered: 1_004, possible: 1_000 },
      problem: '1.004x what the link of the origin carries',
    },
    {
      id: 'for links that carry nothing',
      zones: [{ zone: 'x', offered: 1, possible: 0 }],
      problem: 'more than the links of zone x carry',
    },
  ])('$id', ({ id: _, problem, ...other }) => {
    const found = overloadsOf({ ...facts, ...other })
    expect(found.map((one) => one.problem)).toEqual([`The cluster is too small: requests offered ${problem}.`])
  })

  test('and the worst comes first', () => {
    const found = overloadsOf({ ...facts, workers: { offered: 3, possible: 2 }, origin: { offered: 9, possible: 1 } })
    expect(found.map(({ part, factor }) => [part, factor])).toEqual([
      ['origin', 9],
      ['workers', 1.5],
    ])
  })
})

describe('a run of a cluster that is too small', () => {
  const world = {
    schema: 'holdfast.scenario.v1',
    name: 'small',
    seed: 3,
    durationS: 60,
    drawnSites: { count: 1, nodesPerSite: 2, zoneCount: 1 },
    node: { memoryBytes: 1e9, downBytesPerS: 1e6, upBytesPerS: 1e6, workerCount: 1 },
    models: { count: 20, sizeBytes: [100e6, 100e6], initMs: [10, 10], executeMs: [5, 5] },
    requests: { ratePerS: 1, zipfExponent: 0.5 },
    checks: { settleS: 30 },
  }

  test('says so of its links, and blames no fetch that did not end', () => {
    const { overloads, findings } = runScenario(parseScenario(world))
    expect(overloads.map(({ part, zone }) => [part, zone])).toEqual([['links', 'zone-0']])
    expect(findings.filter(({ checker }) => checker === 'fetches' || checker === 'flows')).toEqual([])
  })

  test('says so of its workers', () => {
    const models = { ...world.models, count: 2, sizeBytes: [1e6, 1e6], executeMs: [4_000, 4_000] }
    const given = { ...world, node: { ...world.node, downBytesPerS: 1e9, upBytesPerS: 1e9 }, models }
    expect(runScenario(parseScenario(given)).overloads.map(({ part }) => part)).toEqual(['workers'])
  })

  test('says so of its origin', () => {
    const node = { ...world.node, downBytesPerS: 1e9, upBytesPerS: 1e9 }
    const given = { ...world, node, origin: { bytesPerS: 1e6 } }
    expect(runScenario(parseScenario(given)).overloads.map(({ part }) => part)).toEqual(['origin'])
  })

  test('says nothing of one that is large enough', () => {
    const node = { ...world.node, memoryBytes: 4e9, downBytesPerS: 1e9, upBytesPerS: 1e9 }
    expect(runScenario(parseScenario({ ...world, node }))).toMatchObject({ overloads: [], findings: [] })
  })
})
