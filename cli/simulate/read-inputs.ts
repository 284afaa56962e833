/** The files that a scenario names: a trace, models, a table of round trips. Paths in a scenario are seen from its folder. */
import { dirname, resolve } from 'node:path'
import { badScenario, type Scenario, type ScenarioInputs } from '../../sim/index.ts'
import { readModels } from '../../sim/traces/index.ts'
import { readPlacedTrace } from './read-placed-trace.ts'
import { readRttTable } from './read-rtt-table.ts'
import { checkTraceSpan } from './trace-span.ts'

/** One run's files are another's: what was read for one scenario and seed is not read again. */
export class InputReader {
  private readonly known = new Map<string, Promise<ScenarioInputs>>()
  private readonly warned = new Set<string>()
  private readonly warn: (text: string) => void

  constructor(warn: (text: string) => void = (text) => process.stderr.write(`holdfast: ${text}\n`)) {
    this.warn = warn
  }

  /** BAD_TRACE for a trace of which nothing would be measured; warns, once, when a part of it is not run. */
  async read(file: string, scenario: Scenario): Promise<ScenarioInputs> {
    const inputs = await this.inputsOf(file, scenario)
    if (inputs.trace === undefined) return inputs
    const warning = checkTraceSpan(scenario.requests.file!, inputs.trace, scenario)
    if (warning !== null && !this.warned.has(warning)) this.warn(warning)
    if (warning !== null) this.warned.add(warning)
    return inputs
  }

  private inputsOf(file: string, scenario: Scenario): Promise<ScenarioInputs> {
    const { requests, models, network } = scenario
    // Models that no file describes are drawn from the seed.
    const seed = requests.file !== null && models.file === null ? scenario.seed : null
    const key = JSON.stringify([dirname(file), requests.file, requests.format, models.file, network.rttFile, seed])
    const known = this.known.get(key)
    if (known !== undefined) return known
    const inputs = readInputs(dirname(file), scenario)
    this.known.set(key, inputs)
    return inputs
  }
}

async function readInputs(folder: string, { requests, models, network, seed }: Scenario): Promise<ScenarioInputs> {
  const at = (file: string) => resolve(folder, file)
  if (requests.format === 'oracle-general' && models.file !== null) {
    throw badScenario('models.file', 'is one too many: a trace in the form oracle-general has sizes of its own')
  }
  const modelsFile = models.file === null ? {} : { modelsFile: at(models.file) }
  const trace =
    requests.file === null
      ? {}
      : { trace: await readPlacedTrace({ format: requests.format, files: [at(requests.file)], seed, ...modelsFile }) }
  const given = requests.file !== null || models.file === null ? {} : { models: await readModels(at(models.file)) }
  const table = network.rtt === 'geometric' ? {} : { rttTable: await readRttTable(network.rtt, at(network.rttFile!)) }
  return { ...trace, ...given, ...table }
}
