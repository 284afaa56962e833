/** The public traces of the shared data as traces to replay. */
import { type Trace, TraceBuilder, type TraceModel } from '../../sim/traces/trace.ts'
import { readCsv, readJson } from './shared-data.ts'

interface ModelRow {
  readonly name: string
  readonly loaded_size: number
  readonly avg_load_latency: number
}

export function readManyModels(): Trace {
  const models = (readJson('manymodels_a_models.json') as ModelRow[]).map((row) => ({
    name: row.name,
    sizeBytes: row.loaded_size * 2 ** 30,
    loadMs: row.avg_load_latency * 1000,
  }))
  const places = new Map(models.map(({ name }, place) => [name, place]))
  const builder = new TraceBuilder()
  for (const [, seconds, name] of readCsv('manymodels_a_requests.csv.gz')) {
    builder.add(places.get(name!)!, Number(seconds) * 1000)
  }
  return builder.build(models)
}

/** The reference takes frequency x 1e6 / bytes, so every miss costs a million. */
const referenceCostMs = 1e6

export function readCloudPhysics(): Trace {
  const collect = createCollector()
  for (const [seconds, id, sizeBytes] of readCsv('cloudphysics_trace.csv.gz')) {
    collect.add(id!, Number(seconds) * 1000, Number(sizeBytes))
  }
  return collect.build()
}

/** A base model, then its adapters from left to right, per row; times are not known for most, so each access is one second later. */
export function readGenTd26(sizeBytesOf: (name: string) => number): Trace {
  const collect = createCollector()
  for (const row of readCsv('gentd26_requests_given.csv.gz')) {
    for (const name of [row[4]!, ...row[5]!.split(' ')]) {
      if (name !== '') collect.add(name, collect.length * 1000, sizeBytesOf(name))
    }
  }
  return collect.build()
}

function createCollector() {
  const places = new Map<string, number>()
  const models: TraceModel[] = []
  const builder = new TraceBuilder()
  return {
    get length() {
      return builder.length
    },
    add(name: string, timeMs: number, sizeBytes: number): void {
      let place = places.get(name)
      if (place === undefined) {
        place = models.length
        places.set(name, place)
        models.push({ name, sizeBytes, loadMs: referenceCostMs })
      }
      builder.add(place, timeMs)
    },
    build: () => builder.build(models),
  }
}
