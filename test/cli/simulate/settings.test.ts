/** What the command line makes of a scenario: values, sizes, targets, contenders and grids. */
import { describe, expect, test } from 'vitest'
import { nodeCountOf, parseMemory, withMemory, withNodes } from '../../../cli/simulate/cluster-size.ts'
import { contendersOf } from '../../../cli/simulate/contenders.ts'
import { quoted, typedFlags } from '../../../cli/simulate/read-scenario.ts'
import { parseSets } from '../../../cli/simulate/set-values.ts'
import { gridOf } from '../../../cli/simulate/sweep-grid.ts'
import { meets, parseTarget } from '../../../cli/simulate/target.ts'
import { folderName } from '../../../cli/simulate/write-report.ts'
import { parseScenario } from '../../../sim/scenario/scenario.ts'

const base = { schema: 'holdfast.scenario.v1', name: 'x', durationS: 10 }
const named = parseScenario({
  ...base,
  sites: [
    { name: 'a', nodeCount: 3 },
    { name: 'b', nodeCount: 1, node: { memoryBytes: 100 } },
  ],
  node: { memoryBytes: 1_000 },
})
const drawn = parseScenario({ ...base, drawnSites: { count: 4, nodesPerSite: 2 } })
const given = (scenario: typeof named) => ({ file: 'x.yaml', name: 'x', scenario })

describe('values', () => {
  test('are read as YAML, sizes with units, several apart by commas', async () => {
    expect(
      await parseSets([
        'node.memoryBytes=8GB,policy.peerBlind=true',
        'models.sizeBytes=[1, 2]',
        'origin.city=New York',
      ]),
    ).toEqual({
      'node.memoryBytes': 8e9,
      'policy.peerBlind': true,
      'models.sizeBytes': [1, 2],
      'origin.city': 'New York',
    })
  })

  test.each(['node.memoryBytes', '=3', 'a b=3', 'seed='])('%s is refused', async (text) => {
    await expect(parseSets([text])).rejects.toMatchObject({ code: 'BAD_REQUEST' })
  })
})

describe('memory', () => {
  test('is a multiple or a size, also for sites with their own', () => {
    const half = withMemory(named, parseMemory('--memory', '0.5'))
    expect([half.node.memoryBytes, half.sites[1]!.node!.memoryBytes]).toEqual([500, 50])
    const sized = withMemory(named, parseMemory('--memory', '2kB'))
    expect([sized.node.memoryBytes, sized.sites[1]!.node!.memoryBytes, sized.sites[0]!.node]).toEqual([
      2_000,
      2_000,
      null,
    ])
  })

  test.each(['0', '8000000000', '-1', '0GB', 'much'])('%s is refused', (text) => {
    expect(() => parseMemory('--memory', text)).toThrow(/--memory/)
  })
})

describe('nodes', () => {
  test('keep the shares of named sites, and their requests', () => {
    const more = withNodes(named, 10)
    expect(more.sites.map(({ nodeCount }) => nodeCount)).toEqual([8, 2])
    expect(more.sites.map(({ requestWeight }) => requestWeight)).toEqual([3, 1])
    expect(withNodes(named, 2).sites.map(({ nodeCount }) => nodeCount)).toEqual([1, 1])
  })

  test.each([2, 3, 5, 17, 100])('are %i in all', (count) => {
    expect(nodeCountOf(withNodes(named, count))).toBe(count)
  })

  test('are more or fewer drawn sites', () => {
    expect(withNodes(drawn, 12).drawnSites).toMatchObject({ count: 6, nodesPerSite: 2 })
    expect(() => withNodes(drawn, 11)).toThrow(/a multiple of 2/)
    expect(() => withNodes(named, 1)).toThrow(/at least 2/)
  })
})

describe('a target', () => {
  test('is a figure, a sign and a limit', () => {
    const target = parseTarget('hitPercent >= 90')
    expect(target.text).toBe('served from memory ≥ 90 %')
    expect([89.9, 90, 95].map((value) => meets(target, value))).toEqual([false, true, true])
    expect(meets(parseTarget('p99LoadDelayMs<=50'), 50)).toBe(true)
  })

  test.each([
    ['speed<=3', /no figure speed; there is meanLoadDelayMs/],
    ['hitPercent<=3', /higher is better; write hitPercent>=3/],
    ['meanLoadDelayMs=3', /it has to be as in/],
  ])('%s is refused', (text, says) => {
    expect(() => parseTarget(text)).toThrow(says)
  })
})

describe('contenders', () => {
  test('are the scenario, each set of values and each policy, blind too where that matters', async () => {
    const found = await contendersOf([given(named)], { set: ['seed=7'], policies: 'lru,holdfast', blind: true })
    expect(found.map(({ name }) => name)).toEqual([
      'lru',
      'holdfast',
      'holdfast, blind to peers',
      'seed=7, lru',
      'seed=7, holdfast',
      'seed=7, holdfast, blind to peers',
    ])
    expect(found[5]!.scenario).toMatchObject({ seed: 7, policy: { eviction: 'holdfast', peerBlind: true } })
  })

  test.each([
    [{}, /nothing to compare with/],
    [{ policies: 'mru' }, /there is no policy mru/],
    [{ policies: 'lru,lru' }, /lru twice/],
    [{ set: ['node.memory=3'] }, /node\.memory is not known/],
  ])('%o is refused', async (flags, says) => {
    await expect(contendersOf([given(named)], flags)).rejects.toThrow(says)
  })
})

test('a sweep goes by policy, nodes and memory', () => {
  const grid = gridOf(given(drawn), { memory: '0.5,1GB', policies: 'lru,gdsf', nodes: '2,4' })
  expect(grid.map(({ policy, nodeCount, memory }) => `${policy} ${nodeCount} ${memory}`)).toEqual([
    'lru 2 ×0.5',
    'lru 2 1GB',
    'lru 4 ×0.5',
    'lru 4 1GB',
    'gdsf 2 ×0.5',
    'gdsf 2 1GB',
    'gdsf 4 ×0.5',
    'gdsf 4 1GB',
  ])
  expect(() => gridOf(given(drawn), {})).toThrow(/nothing to sweep/)
})

test('what repeats a run can be typed into a shell', () => {
  expect(quoted("it's")).toBe("'it'\\''s'")
  expect(typedFlags({ seed: '3', set: ['origin.city=New York'] })).toEqual([
    '--seed',
    '3',
    '--set',
    "'origin.city=New York'",
  ])
  expect(folderName('../six cities: Köln')).toBe('six-cities-Köln')
})
