/** Traces from files: every format that `holdfast sim replay` reads. Requests come out in the order of their arrival. */
import { createPrng } from '../../../common/index.ts'
import { sortTrace, type Trace } from '../trace.ts'
import { drawnModels, givenModels } from './model-places.ts'
import { readAzureFunctions } from './read-azure-functions.ts'
import { readAzureLlm } from './read-azure-llm.ts'
import { badTrace } from './read-lines.ts'
import { readModels } from './read-models.ts'
import { readOracleGeneral } from './read-oracle-general.ts'
import { readRequests } from './read-requests.ts'

export const traceFormats = ['csv', 'azure-functions', 'azure-llm', 'oracle-general'] as const
export type TraceFormat = (typeof traceFormats)[number]

export interface TraceSource {
  readonly format: TraceFormat
  /** One file; azure-llm takes several, each one model. */
  readonly files: readonly string[]
  /** Sizes and load times; drawn from the seed when absent. oracle-general brings its own. */
  readonly modelsFile?: string
  readonly seed: number
}

export async function readTrace({ format, files, modelsFile, seed }: TraceSource): Promise<Trace> {
  const [file] = files
  if (file === undefined) throw badTrace('requests', 'no file is given.')
  if (files.length > 1 && format !== 'azure-llm') throw badTrace(files[1]!, `the format ${format} takes one file.`)
  const prng = createPrng(seed)
  const models =
    modelsFile === undefined ? drawnModels(prng.child('models')) : givenModels(await readModels(modelsFile), modelsFile)
  const read = {
    csv: () => readRequests(file, models),
    'azure-functions': () => readAzureFunctions(file, models),
    'azure-llm': () => readAzureLlm(files, models),
    'oracle-general': () => readOracleGeneral(file),
  } satisfies Record<TraceFormat, () => Promise<Trace>>
  const trace = await read[format]()
  if (trace.timesMs.length === 0) throw badTrace(file, 'it has no requests.')
  return sortTrace(trace)
}

export { readAdapterRequests } from './read-adapter-requests.ts'
export { readAzureFunctions } from './read-azure-functions.ts'
export { readModels } from './read-models.ts'
