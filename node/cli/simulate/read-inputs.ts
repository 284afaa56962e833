/** The files that a scenario names: a trace, models, a table of round trips. Paths in a scenario are seen from its folder. */
import { dirname, resolve } from 'node:path'
import type { Scenario } from '../../../sim/scenario.ts'
import { badScenario } from '../../../sim/scenario-fields.ts'
import type { ScenarioInputs } from '../../../sim/world/inputs.ts'
import { readModels } from '../../trace/index.ts'
import { readPlacedTrace } from './read-placed-trace.ts'
import { readRttTable } from './read-rtt-table.ts'

/** One run's files are another's: what was read for one scenario and seed is not read again. */
export class InputReader {
  private readonly known = new Map<string, Promise<ScenarioInputs>>()

  read(file: string, scenario: Scenario): Promise<ScenarioInputs> {
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
