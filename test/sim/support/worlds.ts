/** Worlds for tests: fifty nodes in four zones, twenty models of up to 200 MB, and no request that the test does not make. */
import {
  type Cluster,
  type ClusterOptions,
  EventLog,
  parseScenario,
  type Scenario,
  Cluster as World,
  withValues,
} from '../../../sim/index.ts'

const MiB = 1024 ** 2

export const fifty = parseScenario({
  schema: 'holdfast.scenario.v1',
  name: 'fifty',
  durationS: 3_600,
  drawnSites: { count: 50, zoneCount: 4 },
  node: { memoryBytes: 4_096 * MiB },
  origin: { city: 'Dublin', bytesPerS: 500_000_000 },
  models: { count: 20, sizeBytes: [32 * MiB, 192 * MiB], initMs: 100, executeMs: 10 },
  requests: { ratePerS: 0 },
  policy: { replication: false },
  checks: { settleS: 90 },
})

export function scenarioOf(values: Readonly<Record<string, unknown>> = {}, base: Scenario = fifty): Scenario {
  return withValues(base, values)
}

export function createWorld(values: Readonly<Record<string, unknown>> = {}, options: ClusterOptions = {}): Cluster {
  return new World(scenarioOf(values), { log: new EventLog(), ...options })
}

/** What happened last, and how to see it again. */
export function replayHint(cluster: Cluster, file: string): string {
  const { seed } = cluster.scenario
  const tail = cluster.log?.tail(20).join('\n') ?? ''
  return `last events:\n${tail}\nseed ${seed}; replay with: SEED=${seed} npx vitest run ${file}`
}
