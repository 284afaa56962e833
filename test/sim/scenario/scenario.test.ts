/** Scenario files: complete with defaults, strict about everything else. */
import { describe, expect, test } from 'vitest'
import { isHoldfastError } from '../../../common/errors.ts'
import { parseScenario, withValues } from '../../../sim/scenario/scenario.ts'

const least = { schema: 'holdfast.scenario.v1', name: 'least', durationS: 60, drawnSites: { count: 2 } }

test('the least scenario is completed with defaults', () => {
  const scenario = parseScenario(least)
  expect(scenario.node.workerCount).toBe(4)
  expect(scenario.policy).toMatchObject({ eviction: 'holdfast', peerBlind: false, replication: true })
  expect(scenario.origin.bytesPerS).toBeNull()
})

test('a parsed scenario parses to itself, so that results can carry it', () => {
  const scenario = parseScenario({ ...least, events: [{ kind: 'crash', atS: 5, forS: 10, count: 1 }] })
  expect(parseScenario(JSON.parse(JSON.stringify(scenario)))).toEqual(scenario)
})

describe.each([
  ['schema', { schema: 'holdfast.scenario.v9' }],
  ['name', { name: undefined }],
  ['sites', { drawnSites: { count: 0 } }],
  ['warmupS', { warmupS: 60 }],
  ['node.memroyBytes', { node: { memroyBytes: 1 } }],
  ['node.workerCount', { node: { workerCount: 1.5 } }],
  ['origin.usdPerGb', { origin: { usdPerGb: '9 cents' } }],
  ['network.rttFile', { network: { rtt: 'intercloud' } }],
  ['models.sizeBytes', { models: { sizeBytes: [5, 1] } }],
  ['policy.eviction', { policy: { eviction: 'lru2' } }],
  ['policy.placement.horizonS', { policy: { placement: { horizonS: 'long' } } }],
  ['faults.perHour.flood', { faults: { perHour: { flood: 1 } } }],
  ['events[0].kind', { events: [{ kind: 'flood', atS: 1 }] }],
  ['events[0].sizeBytes', { events: [{ kind: 'move', atS: 1, sizeBytes: 0 }] }],
  ['events[0].atS', { events: [{ kind: 'origin-outage', atS: 61 }] }],
  ['events[0]', { events: [{ kind: 'crash', atS: 1, site: 'a', zone: 'b' }] }],
  ['sites[1].name', { sites: [{ name: 'a' }, { name: 'a' }] }],
  ['sites[0]', { sites: [{ name: 'a', latitude: 1 }] }],
])('%s', (field, wrong) => {
  test('is named when it is wrong', () => {
    let error: unknown
    try {
      parseScenario({ ...least, ...wrong })
    } catch (caught) {
      error = caught
    }
    if (!isHoldfastError(error, 'BAD_SCENARIO')) throw error
    expect(error.details.field).toBe(field)
    expect(error.message.startsWith(`${field} `)).toBe(true)
  })
})

test('values of a scenario can be replaced by their paths, and are checked', () => {
  const scenario = parseScenario(least)
  expect(withValues(scenario, { 'policy.peerBlind': true, 'node.memoryBytes': 7 })).toMatchObject({
    policy: { peerBlind: true },
    node: { memoryBytes: 7 },
  })
  expect(() => withValues(scenario, { 'node.memory': 7 })).toThrow(/node\.memory is not known/)
  expect(() => withValues(scenario, { 'node.memoryBytes': 0 })).toThrow(/node\.memoryBytes has to be/)
})
