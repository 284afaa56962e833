/**
 * What knowing the cluster is worth, simulated: eviction by marginal cost beside the same policy blind to peers, what stale gossip
 * costs, whether anything that fits is turned away, and what moves when a node comes or goes. Scenarios are in
 * sim/scenarios/cluster/; their seeds are in them.
 */
import {
  type Cluster,
  parseScenario,
  type RunResult,
  runCluster,
  runScenario,
  type Scenario,
  withValues,
} from '../sim/index.ts'
import gain16 from '../sim/scenarios/cluster/gain-16.json' with { type: 'json' }
import gain64 from '../sim/scenarios/cluster/gain-64.json' with { type: 'json' }
import join from '../sim/scenarios/cluster/join.json' with { type: 'json' }
import leave from '../sim/scenarios/cluster/leave.json' with { type: 'json' }
import rejects from '../sim/scenarios/cluster/rejects.json' with { type: 'json' }
import stale16 from '../sim/scenarios/cluster/stale-16.json' with { type: 'json' }
import type { BenchContext, BenchRow } from './types.ts'

type Values = Readonly<Record<string, unknown>>

/** Short runs of the same worlds: enough to see that they run. */
const tinyValues: Values = { durationS: 240, warmupS: 60, 'checks.settleS': 120 }

export function clusterRows(context: BenchContext): BenchRow[] {
  return [...gainRows(context), ...staleRows(context), ...rejectRows(context), joinLeaveRow(context)]
}

/** Equal memory, equal requests, equal seeds; only what the policy reckons a miss to cost differs. */
export function gainRows(context: BenchContext): BenchRow[] {
  const rows: BenchRow[] = []
  for (const [nodeCount, given] of context.tiny
    ? [[16, gain16] as const]
    : ([
        [16, gain16],
        [64, gain64],
      ] as const)) {
    const scenario = load(given, context)
    const blind = run(scenario, { 'policy.peerBlind': true }, context)
    const aware = run(scenario, {}, context)
    const note = `seed ${scenario.seed}; blind: ${describe(blind)}; marginal cost: ${describe(aware)}`
    const delay = meanMsOf(aware) / meanMsOf(blind)
    const originBytes = aware.totals.originBytes / blind.totals.originBytes
    rows.push({ id: `cluster_gain_delay/${nodeCount}`, value: delay, unit: 'ratio', n: 1, note })
    rows.push({ id: `cluster_gain_origin_bytes/${nodeCount}`, value: originBytes, unit: 'ratio', n: 1, note })
  }
  return rows
}

/** Every message between nodes comes so much later, digests included, against a cluster in which all know all at once. */
export function staleRows(context: BenchContext): BenchRow[] {
  const scenario = load(stale16, context)
  const instant = run(scenario, { 'gossip.instant': true }, context)
  const rows: BenchRow[] = []
  for (const seconds of context.tiny ? [5] : [1, 5, 30]) {
    const stale = run(scenario, { 'gossip.extraDelayMs': seconds * 1_000 }, context)
    const value = meanMsOf(stale) / meanMsOf(instant)
    const note = `seed ${scenario.seed}; instant: ${describe(instant)}; stale: ${describe(stale)}`
    rows.push({ id: `stale_gossip_loss/${seconds}s`, value, unit: 'ratio', n: 1, note })
  }
  return rows
}

/** Requests that were turned away, or never answered, though their model fits. */
export function rejectRows(context: BenchContext): BenchRow[] {
  const scenario = load(rejects, context)
  const rows: BenchRow[] = []
  for (const nodeCount of context.tiny ? [1, 4] : [1, 4, 16, 64]) {
    const values = { 'drawnSites.count': nodeCount, 'requests.ratePerS': scenario.requests.ratePerS * nodeCount }
    const cluster = runCluster(withValues(scenario, values))
    const requestCount = cluster.requests.timesMs.length
    const value = cluster.metrics.rejectedCount + cluster.metrics.wronglyFailedCount + openCount(cluster)
    const note = `seed ${scenario.seed}; of ${requestCount} requests`
    rows.push({ id: `rejects/${nodeCount}`, value, unit: 'requests', n: 1, note })
    context.say(`rejects: ${nodeCount} nodes, ${requestCount} requests, ${value} turned away`)
  }
  return rows
}

/** Bytes that move when one of M nodes joins or leaves, in parts of what one of M nodes keeps: each node in turn, since hashes deal unevenly. */
export function joinLeaveRow(context: BenchContext): BenchRow {
  const means: number[] = []
  const notes: string[] = []
  for (const [name, given] of [
    ['join', join],
    ['leave', leave],
  ] as const) {
    const scenario = parseScenario(given)
    const shares: number[] = []
    const nodes = scenario.sites.map((site) => `${site.name}-0`)
    for (const node of context.tiny ? nodes.slice(0, 1) : nodes) shares.push(movedShare(scenario, name, node))
    const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length
    means.push(mean)
    const worst = Math.max(...shares).toFixed(2)
    notes.push(
      `${name}: ${mean.toFixed(2)} on average and ${worst} at most over ${shares.length} nodes, seed ${scenario.seed}`,
    )
    context.say(notes.at(-1)!)
  }
  return { id: 'join_leave_bytes_moved', value: Math.max(...means), unit: 'x 1/M', n: 2, note: notes.join('; ') }
}

function movedShare(scenario: Scenario, name: 'join' | 'leave', node: string): number {
  const events = scenario.events.map((event) => (event.kind === name ? { ...event, node } : event))
  const cluster = runCluster(withValues(scenario, { events }))
  const keptBytes = cluster.pins.reduce((bytes, { model, replicas }) => bytes + replicas * model.sizeBytes, 0)
  const { replicatedBytes, handedOverBytes } = cluster.metrics
  return ((replicatedBytes + handedOverBytes) * cluster.nodes.length) / keptBytes
}

function run(scenario: Scenario, values: Values, { say }: BenchContext): RunResult {
  const result = runScenario(withValues(scenario, values))
  const found =
    result.findings.length === 0 ? '' : `; ${result.findings.length} findings: ${result.findings[0]!.problem}`
  say(`${scenario.name} ${JSON.stringify(values)}: ${describe(result)}${found}`)
  return result
}

/** NaN where nothing was answered. */
const meanMsOf = ({ totals }: RunResult): number => totals.loadDelay.meanMs ?? Number.NaN

function describe(result: RunResult): string {
  return `${meanMsOf(result).toFixed(0)} ms, ${(result.totals.originBytes / 1e9).toFixed(1)} GB from the origin`
}

function openCount({ nodes }: Cluster): number {
  return nodes.reduce((count, { requests }) => count + requests.openCount, 0)
}

function load(given: unknown, { tiny }: BenchContext): Scenario {
  const scenario = parseScenario(given)
  return tiny ? withValues(scenario, tinyValues) : scenario
}
