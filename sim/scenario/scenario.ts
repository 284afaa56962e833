/**
 * A scenario: everything that a simulated run depends on, as a YAML or JSON file says it. One scenario and one seed are one run,
 * to the byte of its result. Units stand last in the names. `parseScenario` takes the parsed file and gives it back complete,
 * with every default filled in, or throws BAD_SCENARIO and names the field.
 *
 * Files that a scenario names (a table of round trips, a trace) are read by the reader of the scenario; nothing here reads files.
 */
import { evictionPolicyNames } from '../../common/index.ts'
import { defaultNameMachineOptions } from '../../core/index.ts'
import {
  badScenario,
  byKind,
  flag,
  list,
  nullable,
  number,
  numbersBy,
  oneOf,
  type Read,
  range,
  record,
  text,
  whole,
} from './scenario-fields.ts'

export const scenarioSchema = 'holdfast.scenario.v1'

const megabyte = 1_000_000
const anyRate = { min: 1 }

/** Where something stands: a city of the table in use (the built-in one by default), or degrees; neither: drawn. */
const place = {
  city: nullable(text()),
  latitude: nullable(number(undefined, { min: -90, max: 90 })),
  longitude: nullable(number(undefined, { min: -180, max: 180 })),
}

const nodeFields = {
  /** What models in use may occupy together. A hard limit. */
  memoryBytes: number(4_000 * megabyte, { min: 1 }),
  /** What fetched models may occupy; it keeps what memory drops. 0: no disk tier, models are fetched to memory. */
  diskBytes: number(0),
  diskReadBytesPerS: number(1_000 * megabyte, anyRate),
  /** The node's own line, in each direction. */
  upBytesPerS: number(125 * megabyte, anyRate),
  downBytesPerS: number(125 * megabyte, anyRate),
  /** Requests that run at one time; further ones wait in line. */
  workerCount: whole(4, { min: 1, max: 1_024 }),
  /** Chunks sent at one time; the next asker is told that the node is busy. */
  uploadsMax: whole(64, { min: 1 }),
}

/** A site of its own may differ from `node` in any of these. */
const nodeOverride = record(
  Object.fromEntries(Object.entries(nodeFields).map(([name, field]) => [name, nullable(field)])) as {
    readonly [K in keyof typeof nodeFields]: ReturnType<typeof nullable<number>>
  },
)

const siteFields = {
  name: text(),
  /** Sites of one zone count as near each other; by default a site is its own zone. */
  zone: nullable(text()),
  ...place,
  nodeCount: whole(1, { min: 1, max: 10_000 }),
  /** The line that all nodes of the site share; null: none but their own. */
  upBytesPerS: nullable(number(undefined, anyRate)),
  downBytesPerS: nullable(number(undefined, anyRate)),
  /** Added to every round trip to and from the site: a slow last mile. */
  accessRttMs: number(0),
  /** Its part of all requests, against the sum over all sites; by default one part per node. */
  requestWeight: nullable(number()),
  node: nullable(nodeOverride),
}

const networkFields = {
  /** 'geometric': from distances on the globe. Otherwise a table from a file, in one of the public formats. */
  rtt: oneOf(['geometric', 'wondernetwork', 'intercloud'], 'geometric'),
  rttFile: nullable(text()),
  /** Between two nodes of one site. */
  siteRttMs: number(0.5, { min: 0.01 }),
  /** Messages jitter by up to this share of their latency, so that they overtake each other. */
  jitterPercent: number(20, { max: 100 }),
  /** What one pair of nodes in different sites can carry at most, as a TCP connection over a distance; null: no such limit. */
  pathBytesPerS: nullable(number(undefined, anyRate)),
  /** Exceptions between two sites, in both directions. */
  paths: list(
    record({
      from: text(),
      to: text(),
      rttMs: nullable(number(undefined, { min: 0.01 })),
      bytesPerS: nullable(number(undefined, anyRate)),
    }),
  ),
  /** A broken connection is noticed by both ends after this time. */
  detectMs: number(200),
  /** How long an asker waits for a node that does not answer. */
  callTimeoutMs: number(1_000, { min: 1 }),
  /** Round trips until a connection for models between two nodes is open (TCP, TLS and the proofs are 3), and how long it is kept. */
  openRoundTrips: number(0),
  idleS: nullable(number()),
  /**
   * With what a transfer begins on a connection that was idle; from there it doubles with every round trip until the lines are
   * full (slow start; 10 segments by RFC 6928). null: at full rate from the first byte.
   */
  initialWindowBytes: nullable(number(undefined, anyRate)),
  /** What all nodes of a zone together take from other zones and from the origin, as their option says; null: no limit. */
  siteInBytesPerS: nullable(number(undefined, anyRate)),
  /** Models on their way between two ends share what the two have, as connections do; otherwise they come one after another. */
  sideBySide: flag(false),
}

const originFields = {
  ...place,
  /** Round trip from everywhere, instead of one from its place. */
  rttMs: nullable(number()),
  /** Until the first byte of an answer, on top of the round trip. */
  latencyMs: number(60),
  /** All that it sends at one time; null: as much as the nodes can take. */
  bytesPerS: nullable(number(undefined, anyRate)),
  /** One node's share at most, as object stores limit a client; null: no such limit. */
  perNodeBytesPerS: nullable(number(undefined, anyRate)),
  /** Requests answered per second; further ones wait in line. */
  requestsPerS: nullable(number(undefined, { min: 0.001 })),
  /** Round trips until a connection to it is open (1 for TCP, 2 with TLS), and how long an idle one is kept; null: for ever. */
  openRoundTrips: number(0),
  idleS: nullable(number()),
  /** A node reads where a model's bytes lie before it reads the first of them: two records at once, remembered. */
  readsRecords: flag(false),
  /** Egress, per 10^9 bytes. */
  usdPerGb: number(0.09),
  usdPer1000Requests: number(0.0004),
}

/** How requests name models. */
const nameFields = {
  /** By tags, which the origin is asked for; otherwise nodes know what is meant without asking anybody. */
  lookUp: flag(false),
  /** A tag that was looked up less than this ago is not looked up again. */
  freshS: number(defaultNameMachineOptions.freshMs / 1_000),
}

const modelFields = {
  /** Models from a JSON file in the form of `holdfast sim replay --models`, instead of drawn ones. */
  file: nullable(text()),
  count: whole(120, { min: 1, max: 1_000_000 }),
  /** Drawn evenly on a logarithmic scale. */
  sizeBytes: range([14 * megabyte, 1_000 * megabyte], { min: 1 }),
  /** Conversion to the form that the runtime runs, once on each node that fetched the model; drawn likewise, and not by size. */
  deriveMs: range([0, 0]),
  /** Start of a model once its bytes are in memory; drawn likewise. */
  initMs: range([200, 2_000]),
  /** Execution of one request, per model. */
  executeMs: range([5, 50]),
  /** Share of models that programs open where they are asked for, so that a request for one cannot be sent to a holder. */
  openedPercent: number(0, { max: 100 }),
  /** Unit of transfer. Larger than the real 8 MiB makes large worlds faster and transfers coarser. */
  chunkBytes: whole(8 * 1024 ** 2, { min: 4_096 }),
  /** Share of each node's memory that is full from the start, as after days: with what it will be asked for most in this run. */
  preloadPercent: number(0, { max: 100 }),
}

const requestFields = {
  /** A trace, instead of generated requests: columns `id,seconds,model`, and `node` or `site` where it has them. */
  file: nullable(text()),
  format: oneOf(['csv', 'azure-functions', 'azure-llm', 'oracle-general'], 'csv'),
  /** Over all nodes together, on average over the run. */
  ratePerS: number(1),
  zipfExponent: number(1.1, { max: 5 }),
  /** Shares of models, in percent, that are asked for by timers, in bursts, or appear during the run; the rest is Poisson. */
  timerPercent: number(0, { max: 100 }),
  burstPercent: number(0, { max: 100 }),
  newPercent: number(0, { max: 100 }),
  nightDepth: number(0, { max: 1 }),
  /** Share of a model's requests that come from its home zone, beyond what would come from there anyway. */
  localityPercent: number(0, { max: 100 }),
  /** Share of requests of one zone that stay with one of its nodes per model, as a balancer by name would send them. */
  stickyPercent: number(0, { max: 100 }),
  /** Requests without an answer in this time have failed; null: users wait as long as it takes. */
  deadlineMs: nullable(number(undefined, { min: 1 })),
}

const policyFields = {
  eviction: oneOf(evictionPolicyNames, 'holdfast'),
  /** What a miss costs is reckoned as if nobody but the origin had the model: the policy to compare with. */
  peerBlind: flag(false),
  /** Models are copied to where they are wanted; otherwise they come only with a request. */
  replication: flag(true),
  /** Options of placement by their names, numbers only; the rest has the defaults of the daemon. */
  placement: nullable({ read: readNumbers }),
}

const gossipFields = {
  /** Share of gossip, version summary and entry messages that get lost. */
  lossPercent: number(0, { max: 100 }),
  /** Every entry arrives so much later: how much staleness costs. */
  extraDelayMs: number(0),
  /** What a node says all others know in the same instant: the bound to compare with. */
  instant: flag(false),
  /** The nodes know each other from the start, as after days, instead of all starting in one moment. */
  formed: flag(false),
}

const targetFields = {
  /** One node by its id, all of a site, all of a zone, or `count` drawn ones. */
  node: nullable(text()),
  site: nullable(text()),
  zone: nullable(text()),
  count: nullable(whole(undefined, { min: 1 })),
}
const whenFields = { atS: number() }
/** null: until the end. */
const spanFields = { ...whenFields, forS: nullable(number()) }

/** What can happen to nodes for a time, at a moment given or at drawn ones. */
export const faultKinds = [
  'crash',
  'slow-disk',
  'slow-link',
  'partition',
  'byzantine',
  'origin-outage',
  'gossip-loss',
  'gossip-delay',
] as const
export type FaultKind = (typeof faultKinds)[number]

const eventFields = byKind({
  /** Loses what was under way; comes back, with its disk, when the time is over. */
  crash: { ...spanFields, ...targetFields },
  /** Nodes that are down until now, for their first time. */
  join: { ...whenFields, ...targetFields },
  /** Drains, hands its last copies on, and is gone. */
  leave: { ...whenFields, ...targetFields },
  'slow-disk': { ...spanFields, ...targetFields, factor: number(10, { min: 1 }) },
  'slow-link': { ...spanFields, ...targetFields, factor: number(10, { min: 1 }) },
  /** The target can reach only itself, not the origin either unless it stays. */
  partition: { ...spanFields, ...targetFields, keepsOrigin: flag(true) },
  byzantine: { ...spanFields, ...targetFields },
  'origin-outage': { ...spanFields },
  'gossip-loss': { ...spanFields, lossPercent: number(50, { max: 100 }) },
  'gossip-delay': { ...spanFields, delayMs: number(5_000) },
  /** Extra requests for one model, by popularity rank, in a zone or site or everywhere. */
  'flash-crowd': { ...spanFields, ...targetFields, modelRank: whole(0), ratePerS: number() },
  /** A new model appears at the origin and is wanted from then on. */
  push: { ...whenFields, sizeBytes: number(undefined, { min: 1 }), ratePerS: number(0) },
  /**
   * The tag of a model means a new revision from then on, which the origin has. By default it is as large as the one before; what it takes
   * to start and to run it is drawn. A request for the tag gets the new one as soon as its node has looked the tag up again.
   */
  move: { ...whenFields, modelRank: whole(0), sizeBytes: nullable(number(undefined, { min: 1 })) },
  /** `replicas` nodes, spread over zones, are to keep what the tag of the model means. */
  pin: { ...whenFields, modelRank: whole(0), replicas: whole(2, { min: 1 }) },
})

const faultFields = {
  /** Drawn faults per simulated hour, by kind, each at a drawn node. */
  perHour: numbersBy(faultKinds),
  durationS: range([5, 60], { min: 0.1 }),
}

const checkFields = {
  /** Invariants are recomputed this often; 0: only at the end. */
  everyS: number(0),
  /** Quiet time after the last request, in which requests end, faults are healed and all learn what all hold. */
  settleS: number(90),
}

const scenarioFields = record({
  schema: oneOf([scenarioSchema]),
  name: text(),
  /** What the scenario is for; appears in the report. */
  about: text(''),
  seed: whole(1),
  durationS: number(undefined, { min: 0.001 }),
  /** The first part of the run, of which figures say nothing: caches fill. */
  warmupS: number(0),
  /** Width of a column of the timeline; null: a hundredth of the run. */
  bucketS: nullable(number(undefined, { min: 0.001 })),
  /** Sites by name, or so many drawn ones with so many nodes each. */
  sites: list(record(siteFields)),
  drawnSites: record({ count: whole(0, { max: 10_000 }), nodesPerSite: whole(1, { min: 1 }), zoneCount: whole(0) }),
  node: record(nodeFields),
  network: record(networkFields),
  origin: record(originFields),
  names: record(nameFields),
  models: record(modelFields),
  requests: record(requestFields),
  policy: record(policyFields),
  gossip: record(gossipFields),
  events: list(eventFields),
  faults: record(faultFields),
  checks: record(checkFields),
})

export type Scenario = Read<typeof scenarioFields>
export type SiteSpec = Scenario['sites'][number]
export type NodeSpec = Scenario['node']
export type NetworkSpec = Scenario['network']
export type OriginSpec = Scenario['origin']
export type ModelsSpec = Scenario['models']
export type RequestsSpec = Scenario['requests']
export type PolicySpec = Scenario['policy']
export type ScenarioEvent = Scenario['events'][number]
export type EventTarget = Pick<Extract<ScenarioEvent, { kind: 'crash' }>, 'node' | 'site' | 'zone' | 'count'>

/** @param value a parsed YAML or JSON file. */
export function parseScenario(value: unknown): Scenario {
  const scenario = scenarioFields.read(value, '')
  checkScenario(scenario)
  return scenario
}

/** The same scenario with other values: `{'policy.peerBlind': true, 'node.memoryBytes': 1e9}`. For sweeps and comparisons. */
export function withValues(scenario: Scenario, values: Readonly<Record<string, unknown>>): Scenario {
  const changed = structuredClone(scenario) as unknown as Record<string, unknown>
  for (const [path, value] of Object.entries(values)) {
    const keys = path.split('.')
    const last = keys.pop()!
    let at = changed
    for (const key of keys) {
      const next = at[key]
      if (typeof next !== 'object' || next === null) throw badScenario(path, 'is not known')
      at = next as Record<string, unknown>
    }
    if (!Object.hasOwn(at, last)) throw badScenario(path, 'is not known')
    at[last] = value
  }
  return parseScenario(changed)
}

/** Rules that no single field can keep. */
function checkScenario(scenario: Scenario): void {
  const { sites, drawnSites, network, warmupS, durationS, events } = scenario
  if (sites.length === 0 && drawnSites.count === 0) {
    throw badScenario('sites', 'is empty: name a site, or set drawnSites.count')
  }
  if (warmupS >= durationS) throw badScenario('warmupS', `takes the whole run of ${durationS} s`)
  if (network.rtt !== 'geometric' && network.rttFile === null) {
    throw badScenario('network.rttFile', `is missing: rtt ${network.rtt} is read from a file`)
  }
  const names = new Set<string>()
  for (const [index, { name, city, latitude, longitude }] of sites.entries()) {
    if (names.has(name)) throw badScenario(`sites[${index}].name`, `is there twice: ${name}`)
    names.add(name)
    if ((latitude === null) !== (longitude === null)) throw badScenario(`sites[${index}]`, 'needs both degrees')
    if (city !== null && latitude !== null) throw badScenario(`sites[${index}].city`, 'is one place too many')
  }
  for (const [index, event] of events.entries()) {
    if (event.atS > durationS) throw badScenario(`events[${index}].atS`, `is after the end at ${durationS} s`)
    if (!('node' in event)) continue
    const given = [event.node, event.site, event.zone, event.count].filter((target) => target !== null)
    if (given.length > 1) throw badScenario(`events[${index}]`, 'takes one of node, site, zone and count')
    if (event.site !== null && sites.length > 0 && !names.has(event.site)) {
      throw badScenario(`events[${index}].site`, `is not a site: ${event.site}`)
    }
  }
}

function readNumbers(value: unknown, path: string): Readonly<Record<string, number>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badScenario(path, 'has to be a mapping of numbers')
  }
  const finite = number(undefined, { min: -Number.MAX_SAFE_INTEGER })
  return Object.fromEntries(Object.entries(value).map(([key, found]) => [key, finite.read(found, `${path}.${key}`)]))
}
