/** Where the nodes of a scenario stand, and how long messages take between them. Drawn from the seed where the scenario does not say. */
import type { Prng } from '../../common/index.ts'
import type { NodeSpec, Scenario, SiteSpec } from '../scenario/scenario.ts'
import { badScenario } from '../scenario/scenario-fields.ts'
import type { RttTable, ScenarioInputs } from '../world/inputs.ts'
import { type City, cities, rttMsBetween } from './cities.ts'

export interface Site {
  readonly name: string
  readonly zone: string
  readonly place: City
  readonly nodeCount: number
  readonly upBytesPerS: number | null
  readonly downBytesPerS: number | null
  readonly accessRttMs: number
  readonly requestWeight: number
  readonly node: NodeSpec
}

export interface Topology {
  readonly sites: readonly Site[]
  /** By node. */
  readonly ids: readonly string[]
  readonly siteOf: Uint32Array
  readonly originPlace: City
  zoneOf(node: number): string
  nodeSpec(node: number): NodeSpec
  oneWayMs(from: number, to: number): number
  /** Between a node and the origin, there and back. */
  originRttMs(node: number): number
  /** What one pair of nodes of two sites can carry at most. */
  pathBytesPerS(fromSite: number, toSite: number): number | null
}

export function createTopology(scenario: Scenario, inputs: ScenarioInputs, random: Prng): Topology {
  const { network, origin } = scenario
  const table = inputs.rttTable ?? null
  const known = table?.places ?? cities
  const sites = (scenario.sites.length > 0 ? scenario.sites : drawSites(scenario, known, random)).map((site, index) =>
    completeSite(site, index, scenario, known, random),
  )
  const originPlace = placeOf(origin, 'origin', known) ?? drawn(known, random.child('origin'))
  const exceptions = exceptionsOf(scenario, sites)
  const count = sites.length
  const rttMs = new Float64Array(count * count)
  for (const [a, from] of sites.entries()) {
    for (const [b, to] of sites.entries()) {
      rttMs[a * count + b] =
        a === b
          ? network.siteRttMs
          : (exceptions.get(a * count + b)?.rttMs ??
            roundTripMs(table, from.place, to.place) + from.accessRttMs + to.accessRttMs)
    }
  }
  const originRttMs = sites.map(
    (site) => origin.rttMs ?? roundTripMs(table, site.place, originPlace) + site.accessRttMs,
  )
  const ids = sites.flatMap((site) => idsOf(site))
  const siteOf = Uint32Array.from(sites.flatMap((site, index) => Array.from({ length: site.nodeCount }, () => index)))
  return {
    sites,
    ids,
    siteOf,
    originPlace,
    zoneOf: (node) => sites[siteOf[node]!]!.zone,
    nodeSpec: (node) => sites[siteOf[node]!]!.node,
    oneWayMs: (from, to) => rttMs[siteOf[from]! * count + siteOf[to]!]! / 2,
    originRttMs: (node) => originRttMs[siteOf[node]!]!,
    pathBytesPerS: (from, to) => {
      const measured =
        table === null || table.bytesPerS === null ? null : lookUp(table, table.bytesPerS, from, to, sites)
      return exceptions.get(from * count + to)?.bytesPerS ?? measured ?? network.pathBytesPerS
    },
  }
}

function drawSites({ drawnSites }: Scenario, known: readonly City[], random: Prng): SiteSpec[] {
  const places = shuffled(known, random.child('places'))
  const chosen = Array.from({ length: drawnSites.count }, (_, index) => {
    const place = places[index % places.length]!
    const round = Math.floor(index / places.length)
    return { place, name: `${slug(place.name)}${round === 0 ? '' : `-${round + 1}`}` }
  })
  // Zones are stretches of the globe, so that their sites are near each other.
  const byLongitude = chosen.toSorted((a, b) => a.place.longitude - b.place.longitude)
  return chosen.map((site) => {
    const rank = byLongitude.indexOf(site)
    const zone =
      drawnSites.zoneCount === 0 ? null : `zone-${Math.floor((rank * drawnSites.zoneCount) / drawnSites.count)}`
    return {
      name: site.name,
      zone,
      city: null,
      latitude: site.place.latitude,
      longitude: site.place.longitude,
      nodeCount: drawnSites.nodesPerSite,
      upBytesPerS: null,
      downBytesPerS: null,
      accessRttMs: 0,
      requestWeight: null,
      node: null,
    }
  })
}

function completeSite(site: SiteSpec, index: number, scenario: Scenario, known: readonly City[], random: Prng): Site {
  const given = Object.fromEntries(Object.entries(site.node ?? {}).filter(([, value]) => value !== null))
  return {
    name: site.name,
    zone: site.zone ?? site.name,
    place: placeOf(site, `sites[${index}]`, known) ?? drawn(known, random.child(`site ${site.name}`)),
    nodeCount: site.nodeCount,
    upBytesPerS: site.upBytesPerS,
    downBytesPerS: site.downBytesPerS,
    accessRttMs: site.accessRttMs,
    requestWeight: site.requestWeight ?? site.nodeCount,
    node: { ...scenario.node, ...given },
  }
}

function placeOf(
  given: Pick<SiteSpec, 'city' | 'latitude' | 'longitude'>,
  path: string,
  known: readonly City[],
): City | null {
  const { city, latitude, longitude } = given
  if (latitude !== null && longitude !== null) {
    return (
      known.find((place) => place.latitude === latitude && place.longitude === longitude) ?? {
        name: '',
        latitude,
        longitude,
      }
    )
  }
  if (city === null) return null
  const place = known.find(({ name }) => name === city)
  if (place !== undefined) return place
  throw badScenario(`${path}.city`, `is not in the table of ${known.length} places: ${city}`)
}

function exceptionsOf({ network }: Scenario, sites: readonly Site[]) {
  const indexOf = (name: string, path: string) => {
    const index = sites.findIndex((site) => site.name === name)
    if (index < 0) throw badScenario(path, `is not a site: ${name}`)
    return index
  }
  const exceptions = new Map<number, { rttMs: number | null; bytesPerS: number | null }>()
  for (const [at, path] of network.paths.entries()) {
    const from = indexOf(path.from, `network.paths[${at}].from`)
    const to = indexOf(path.to, `network.paths[${at}].to`)
    exceptions.set(from * sites.length + to, path)
    exceptions.set(to * sites.length + from, path)
  }
  return exceptions
}

function roundTripMs(table: RttTable | null, from: City, to: City): number {
  const measured = table === null ? null : lookUpPlaces(table, table.rttMs, from, to)
  return measured ?? rttMsBetween(from, to)
}

function lookUp(table: RttTable, values: Float64Array, from: number, to: number, sites: readonly Site[]) {
  return lookUpPlaces(table, values, sites[from]!.place, sites[to]!.place)
}

function lookUpPlaces(table: RttTable, values: Float64Array, from: City, to: City): number | null {
  const [row, column] = [table.places.indexOf(from), table.places.indexOf(to)]
  if (row < 0 || column < 0) return null
  const value = values[row * table.places.length + column]!
  return Number.isNaN(value) ? null : value
}

function idsOf({ name, nodeCount }: Site): string[] {
  const width = String(nodeCount - 1).length
  return Array.from({ length: nodeCount }, (_, index) => `${name}-${String(index).padStart(width, '0')}`)
}

function drawn(known: readonly City[], random: Prng): City {
  return known[random.int(known.length)]!
}

function shuffled<T>(items: readonly T[], random: Prng): T[] {
  const order = [...items]
  for (let at = order.length - 1; at > 0; at -= 1) {
    const other = random.int(at + 1)
    ;[order[at], order[other]] = [order[other]!, order[at]!]
  }
  return order
}

function slug(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')
}
