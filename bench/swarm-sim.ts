/**
 * Swarms in the simulator: the scenarios that swarm-real.ts plays with real nodes, on lines that carry exactly what they say. The same
 * decisions run in both; what differs is what the machine, the engine and TCP add.
 */
import { Cluster, parseScenario, type Scenario, withValues } from '../sim/index.ts'
import crowd16 from '../sim/scenarios/swarm/crowd-16.json' with { type: 'json' }
import { median, quantile } from './statistics.ts'
import { type Crowd, playCrowd, secondsToAvoid } from './swarm/simulated-crowd.ts'
import type { Bench, BenchRow } from './types.ts'

const lineBytesPerS = 12_500_000
const siteLineBytesPerS = 2_500_000

export const swarmSim: Bench = async ({ tiny, say }) => {
  const scenario = parseScenario(crowd16)
  const small = { 'models.sizeBytes': [32e6, 32e6], sites: [{ name: 'site', nodeCount: 4 }] }
  const plan = tiny ? withValues(scenario, small) : scenario
  const rows = [
    ...crowdRows(plan, tiny ? [1] : [1, 2, 3, 4, 5]),
    siteRow(plan, tiny ? 2 : 8),
    ...(tiny ? [1, 2] : [1, 2, 4, 8]).map((count) => seederRow(plan, count, tiny ? 64e6 : 1e9)),
    deadHolderRow(plan, tiny ? 1 : 10),
  ]
  for (const { id, value } of rows) say(`${id}: ${value.toFixed(3)}`)
  return rows
}

/** Nobody but the origin has the model. */
export function crowdRows(scenario: Scenario, seeds: readonly number[]): BenchRow[] {
  const idealS = scenario.models.sizeBytes[1] / lineBytesPerS
  const crowds = seeds.map((seed) => playCrowd(new Cluster(withValues(scenario, { seed }))))
  const rowOf = (id: string, unit: string, of: (crowd: Crowd) => number): BenchRow => {
    const values = crowds.map(of)
    return row(id, median(values), unit, seeds.length, `worst of the seeds: ${Math.max(...values).toFixed(3)}`)
  }
  return [
    rowOf('swarm_makespan_vs_ideal', 'ratio', ({ seconds }) => Math.max(...seconds) / idealS),
    rowOf('swarm_p99_over_p50', 'ratio', ({ seconds }) => quantile(seconds, 0.99) / quantile(seconds, 0.5)),
    rowOf('origin_copies', 'copies', ({ originCopies }) => originCopies),
  ]
}

/** Two sites behind slow lines, and the origin beyond them. */
export function siteRow(scenario: Scenario, nodesPerSite: number): BenchRow {
  const line = { nodeCount: nodesPerSite, upBytesPerS: siteLineBytesPerS, downBytesPerS: siteLineBytesPerS }
  const sites = ['east', 'west'].map((name) => ({ name, ...line }))
  const fast = { 'node.upBytesPerS': 125e6, 'node.downBytesPerS': 125e6, 'origin.bytesPerS': 125e6, 'origin.rttMs': 40 }
  const paths = [{ from: 'east', to: 'west', rttMs: 40, bytesPerS: null }]
  const values = { sites, ...fast, 'network.paths': paths, 'models.sizeBytes': [64e6, 64e6] }
  const { copiesInto, seconds } = playCrowd(new Cluster(withValues(scenario, values)))
  const note = `${copiesInto.map((copies) => copies.toFixed(3)).join(' and ')}, all done after ${Math.max(...seconds).toFixed(1)} s`
  return row('site_copies', Math.max(...copiesInto), 'copies', 1, note)
}

/** One node takes the model from holders whose lines are the limit. */
export function seederRow(scenario: Scenario, count: number, sizeBytes: number): BenchRow {
  const sites = [
    { name: 'seeders', zone: 'one', nodeCount: count },
    { name: 'asker', zone: 'one', nodeCount: 1, node: { downBytesPerS: 1.25e9 } },
  ]
  const paths = [{ from: 'seeders', to: 'asker', rttMs: 1, bytesPerS: null }]
  const cluster = new Cluster(
    withValues(scenario, { sites, 'network.paths': paths, 'models.sizeBytes': [sizeBytes, sizeBytes] }),
  )
  const seeders = cluster.nodes.slice(0, count)
  const { seconds } = playCrowd(cluster, seeders)
  return row(`aggregate_rate/${count}`, sizeBytes / Math.max(...seconds) / (count * lineBytesPerS), 'ratio', 1, '')
}

/** A holder loses its power while others fetch from it: when the last of them has noticed that it gets nothing there any more. */
export function deadHolderRow(scenario: Scenario, repeats: number): BenchRow {
  const seconds: number[] = []
  for (let seed = 1; seed <= repeats; seed += 1) {
    const cluster = new Cluster(withValues(scenario, { seed, sites: [{ name: 'site', nodeCount: 8 }] }))
    seconds.push(...secondsToAvoid(cluster, cluster.nodes.slice(0, 2)))
  }
  return row('dead_holder_avoided_p99_s', quantile(seconds, 0.99), 's', seconds.length, `over ${seconds.length} nodes`)
}

function row(id: string, value: number, unit: string, n: number, note: string): BenchRow {
  return { id: `${id}/simulated`, value, unit, n, ...(note === '' ? {} : { note }) }
}
