/** Where nodes stand: given or drawn, by table or by distance, with exceptions and last miles. */
import { describe, expect, test } from 'vitest'
import { createPrng } from '../../../common/prng.ts'
import { rttMsBetween } from '../../../sim/network/cities.ts'
import { createTopology } from '../../../sim/network/topology.ts'
import { parseScenario } from '../../../sim/scenario/scenario.ts'

const build = (values: object, inputs = {}) =>
  createTopology(
    parseScenario({ schema: 'holdfast.scenario.v1', name: 'places', durationS: 1, ...values }),
    inputs,
    createPrng(1),
  )
const paris = { latitude: 48.86, longitude: 2.35 }
const tokyo = { latitude: 35.68, longitude: 139.69 }

test('round trips by distance are those of public pings', () => {
  const london = { latitude: 51.51, longitude: -0.13 }
  expect(rttMsBetween(paris, paris)).toBeCloseTo(4, 1)
  expect(rttMsBetween(paris, london)).toBeGreaterThan(8)
  expect(rttMsBetween(paris, london)).toBeLessThan(20)
  expect(rttMsBetween(paris, tokyo)).toBeGreaterThan(150)
  expect(rttMsBetween(paris, tokyo)).toBeLessThan(280)
})

describe('sites', () => {
  const sites = [
    { name: 'a', city: 'Paris', nodeCount: 2, zone: 'west' },
    { name: 'b', city: 'Tokyo', accessRttMs: 30, node: { memoryBytes: 5 } },
  ]

  test('have nodes that are near each other, and a last mile that counts at each end', () => {
    const topology = build({ sites, origin: { city: 'Paris' } })
    expect(topology.ids).toEqual(['a-0', 'a-1', 'b-0'])
    expect([0, 1, 2].map(topology.zoneOf)).toEqual(['west', 'west', 'b'])
    expect(2 * topology.oneWayMs(0, 1)).toBe(0.5)
    expect(2 * topology.oneWayMs(1, 2)).toBeCloseTo(rttMsBetween(paris, tokyo) + 30)
    expect(topology.originRttMs(2)).toBeCloseTo(rttMsBetween(paris, tokyo) + 30)
    expect([0, 2].map((node) => topology.nodeSpec(node).memoryBytes)).toEqual([4_000_000_000, 5])
  })

  test('may say what lies between two of them', () => {
    const paths = [{ from: 'b', to: 'a', rttMs: 7, bytesPerS: 9 }]
    const topology = build({ sites, network: { paths, pathBytesPerS: 100 } })
    expect(2 * topology.oneWayMs(0, 2)).toBe(7)
    expect([topology.pathBytesPerS(0, 1), topology.pathBytesPerS(1, 0)]).toEqual([9, 9])
    expect(() => build({ sites, network: { paths: [{ from: 'a', to: 'c' }] } })).toThrow(
      /network\.paths\[0\]\.to is not a site: c/,
    )
    expect(() => build({ sites: [{ name: 'a', city: 'Atlantis' }] })).toThrow(/sites\[0\]\.city is not in the table/)
  })

  test('stand in a table of measurements where there is one, and by distance where it has a gap', () => {
    const places = [
      { name: 'Paris', ...paris },
      { name: 'Tokyo', ...tokyo },
    ]
    const rttMs = Float64Array.from([1, 222, Number.NaN, 1])
    const bytesPerS = Float64Array.from([Number.NaN, 777, Number.NaN, Number.NaN])
    const network = { rtt: 'intercloud', rttFile: 'table.csv' }
    const topology = build({ sites, network }, { rttTable: { places, rttMs, bytesPerS } })
    expect(2 * topology.oneWayMs(0, 2)).toBe(252)
    expect(2 * topology.oneWayMs(2, 0)).toBeCloseTo(rttMsBetween(paris, tokyo) + 30)
    expect([topology.pathBytesPerS(0, 1), topology.pathBytesPerS(1, 0)]).toEqual([777, null])
  })
})

test('drawn sites are the same for the same seed, and their zones are stretches of the globe', () => {
  const topology = build({ drawnSites: { count: 9, zoneCount: 3 } })
  expect(topology.ids).toEqual(build({ drawnSites: { count: 9, zoneCount: 3 } }).ids)
  const byLongitude = topology.sites.toSorted((a, b) => a.place.longitude - b.place.longitude)
  expect(byLongitude.map(({ zone }) => zone)).toEqual(
    ['0', '0', '0', '1', '1', '1', '2', '2', '2'].map((at) => `zone-${at}`),
  )
})
