/** The workloads of the placement bench: public traces where HOLDFAST_DATA has them, generated requests where it does not. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createPrng } from '../common/index.ts'
import { packageRoot } from '../node/system/index.ts'
import adapters from '../sim/scenarios/placement/adapters.json' with { type: 'json' }
import functions from '../sim/scenarios/placement/functions.json' with { type: 'json' }
import generated from '../sim/scenarios/placement/generated.json' with { type: 'json' }
import {
  generateWorkload,
  readAdapterRequests,
  readAzureFunctions,
  readModels,
  sortTrace,
  sumOfSizes,
  type Trace,
  type TraceModel,
} from '../sim/traces/index.ts'
import type { BenchContext } from './types.ts'

export interface PlacementCase {
  readonly name: string
  readonly trace: Trace
  readonly capacityBytes: number
}

const dataFolder = process.env.HOLDFAST_DATA ?? resolve(packageRoot, '..', 'shared', 'data')
const tinyRequestCount = 3000

/** One trace per seed, each at every memory size. */
export async function* functionCases({ tiny, say }: BenchContext): AsyncGenerator<PlacementCase> {
  const [trace, profiles] = [dataFile(functions.trace), dataFile(functions.profiles)]
  if (tiny || trace === null || profiles === null) {
    const seeds = tiny ? generated.seeds.slice(0, 2) : generated.seeds
    say(`generated requests, seeds ${seeds.join(', ')}${tiny ? '' : ` (${functions.trace} is not in HOLDFAST_DATA)`}`)
    for (const seed of seeds) {
      const options = tiny ? { requestCount: tinyRequestCount } : {}
      yield* atFractions(`seed ${seed}`, generateWorkload(createPrng(seed), options), generated.memoryFractions)
    }
    return
  }
  say(`${functions.trace}, seeds ${functions.seeds.join(', ')}`)
  const known = distinctProfiles(await readModels(profiles))
  for (const seed of functions.seeds) {
    const prng = createPrng(seed)
    const models = profiledModels(known, prng.child('profiles'))
    const requests = await readAzureFunctions(trace, models, { spacing: prng.child('spacing') })
    yield* atFractions(`seed ${seed}`, sortTrace(requests), functions.memoryFractions)
  }
}

export async function* adapterCases({ tiny, say }: BenchContext): AsyncGenerator<PlacementCase> {
  const file = dataFile(adapters.trace)
  if (tiny || file === null) {
    const [seed] = generated.seeds
    say(`generated requests, seed ${seed}, for bases and adapters${tiny ? '' : ` (${adapters.trace} is not there)`}`)
    const trace = generateWorkload(createPrng(seed!), tiny ? { requestCount: tinyRequestCount } : {})
    yield* atFractions('generated', trace, [0.1, 0.25, 0.5])
    return
  }
  say(adapters.trace)
  const trace = await readAdapterRequests(file, adapters)
  for (const capacityBytes of adapters.capacitiesBytes)
    yield { name: `${capacityBytes / 1e9} GB`, trace, capacityBytes }
}

function* atFractions(name: string, trace: Trace, fractions: readonly number[]): Generator<PlacementCase> {
  for (const fraction of fractions) {
    yield { name: `${name}, ${100 * fraction} %`, trace, capacityBytes: fraction * sumOfSizes(trace.models) }
  }
}

function dataFile(name: string): string | null {
  const file = join(dataFolder, name)
  return existsSync(file) ? file : null
}

function distinctProfiles(models: readonly TraceModel[]): TraceModel[] {
  return [...new Map(models.map((model) => [`${model.sizeBytes} ${model.loadMs}`, model])).values()]
}

/** Every function gets one of the measured pairs of size and load time. */
function profiledModels(profiles: readonly TraceModel[], prng: ReturnType<typeof createPrng>) {
  const places = new Map<string, number>()
  const models: TraceModel[] = []
  return {
    models,
    placeOf(name: string): number {
      const known = places.get(name)
      if (known !== undefined) return known
      places.set(name, models.length)
      models.push({ ...profiles[prng.child(name).int(profiles.length)]!, name })
      return models.length - 1
    },
  }
}
