/** A real run of a tiny scenario: two sites, a crash and an outage, in a fraction of a second. */

import type { RunResult } from '../../../sim/metrics/run-result.ts'
import { runScenario } from '../../../sim/run.ts'
import { parseScenario } from '../../../sim/scenario/scenario.ts'

export const tinyScenario = {
  schema: 'holdfast.scenario.v1',
  name: 'tiny <world>',
  about: 'Two sites & one origin.',
  durationS: 30,
  warmupS: 5,
  sites: [
    { name: 'london', city: 'London', nodeCount: 2 },
    { name: 'tokyo', city: 'Tokyo', nodeCount: 1 },
  ],
  node: { memoryBytes: 60_000_000 },
  origin: { city: 'Washington' },
  models: { count: 12, sizeBytes: [5_000_000, 20_000_000] },
  requests: { ratePerS: 4 },
  events: [{ kind: 'origin-outage', atS: 15, forS: 5 }],
  checks: { settleS: 60 },
}

export function runTiny(values: Readonly<Record<string, unknown>> = {}): RunResult {
  return runScenario(parseScenario({ ...tinyScenario, ...values }))
}
