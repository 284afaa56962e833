/** One run of a scenario, with a bar, and the files that tell of it. */

import { type RunResult, runScenario, type Scenario } from '../../sim/index.ts'
import { decilesCsv, type FigureName, figure, nodesCsv, runPage, timelineCsv } from '../../sim/report/index.ts'
import { InputReader } from './read-inputs.ts'
import { type GivenScenario, quoted, type ScenarioFlags, typedFlags } from './read-scenario.ts'
import { timeProgress } from './sim-progress.ts'

export async function runOnce({ file, scenario }: GivenScenario, isProgressShown: boolean): Promise<RunResult> {
  const inputs = await new InputReader().read(file, scenario)
  const progress = await timeProgress(`sim ${scenario.name}`, scenario.durationS, isProgressShown)
  try {
    return runScenario(scenario, { inputs, onProgress: (share) => progress.update(share * scenario.durationS) })
  } finally {
    progress.end()
  }
}

export async function reportFiles(
  given: GivenScenario,
  result: RunResult,
  command: string,
): Promise<Record<string, string>> {
  return {
    'report.html': runPage({ result, scenarioText: await scenarioText(given.scenario), command }),
    'timeline.csv': timelineCsv(result),
    'nodes.csv': nodesCsv(result),
    'models/deciles.csv': decilesCsv(result),
    'result.json': `${JSON.stringify(result)}\n`,
  }
}

/** The seed is always said: what is written in the file may change. */
export function runCommand({ file, scenario }: GivenScenario, flags: ScenarioFlags): string {
  const typed = typedFlags({ ...flags, seed: String(scenario.seed) })
  return ['holdfast sim run', quoted(file), ...typed].join(' ')
}

const shownFigures: readonly FigureName[] = [
  'meanLoadDelayMs',
  'p50LoadDelayMs',
  'p99LoadDelayMs',
  'hitPercent',
  'originBytes',
  'originUsd',
  'peerSharePercent',
  'failedCount',
]

export function headlineRows(result: RunResult): string[][] {
  return shownFigures.map((name) => [figure(name).title, figure(name).format(figure(name).of(result))])
}

async function scenarioText(scenario: Scenario): Promise<string> {
  const { stringify } = await import('yaml')
  return stringify(scenario)
}
