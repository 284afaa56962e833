/**
 * The simulator against the world: one scenario run by eight real daemons on hosts with shaped lines and distances, and in the
 * simulator. The rows are relative differences; the notes have both figures.
 */
import { Cluster, parseScenario, runScenario, type Scenario, withValues } from '../sim/index.ts'
import eightDaemons from '../sim/scenarios/lab/eight-daemons.json' with { type: 'json' }
import { labObstacle, otherLab } from './lab/network-lab.ts'
import { type Played, playScenario } from './lab/play-scenario.ts'
import type { Bench, BenchRow } from './types.ts'

export const simLabBench: Bench = async ({ tiny, say }) => {
  const obstacle = labObstacle() ?? otherLab()
  if (obstacle !== null) {
    say(`real_vs_sim_error is left out: ${obstacle}.`)
    return []
  }
  const whole = parseScenario(eightDaemons)
  const scenario = tiny ? withValues(whole, { durationS: 60, warmupS: 20, 'models.count': 24 }) : whole
  say(`${scenario.name}: seed ${scenario.seed}, ${scenario.durationS} s in real time`)
  const played = await playScenario(new Cluster(scenario), say)
  for (const failure of played.failed.slice(0, 5)) say(`a request failed: ${failure}`)
  return compare(played, scenario)
}

function compare(played: Played, scenario: Scenario): BenchRow[] {
  const deriveMs = [played.deriveMs, played.deriveMs]
  const { totals } = runScenario(withValues(scenario, { 'models.deriveMs': deriveMs }), {
    inputs: { models: played.models },
  })
  const { memory, disk, forwarded } = totals.servedBy
  const hitPercent = ((memory + disk + forwarded) / totals.requestCount) * 100
  const n = played.requests.length
  return [
    row('hit', played.hitPercent, hitPercent, '%', n),
    row('origin_bytes', played.originBytes / 1e6, totals.originBytes / 1e6, 'MB', n),
    row('delay', played.loadDelayMeanMs, totals.loadDelay.meanMs ?? Number.NaN, 'ms', n),
  ]
}

function row(id: string, real: number, simulated: number, unit: string, n: number): BenchRow {
  const note = `real ${real.toFixed(1)} ${unit}, simulated ${simulated.toFixed(1)} ${unit}`
  return { id: `real_vs_sim_error/${id}`, value: Math.abs(simulated - real) / real, unit: 'ratio', n, note }
}
