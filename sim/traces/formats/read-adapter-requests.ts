/**
 * Requests for a base model and its adapters: a CSV with the columns `base_model` and `loras` (apart by spaces), as derived from
 * Alibaba's GenAI trace of 2026. Each row asks for its base, then its adapters from left to right. Most rows have no time, so
 * each of these is one second later. The trace has no sizes and no load times: sizes are given, every load takes as long as any.
 */
import { type Trace, TraceBuilder, type TraceModel } from '../trace.ts'
import { columnAt, openCsv } from './csv-table.ts'

export interface AdapterSizes {
  readonly baseBytes: number
  readonly adapterBytes: number
}

const loadMs = 1000

export async function readAdapterRequests(file: string, { baseBytes, adapterBytes }: AdapterSizes): Promise<Trace> {
  const { columns, rows } = await openCsv(file)
  const [baseAt, adaptersAt] = [columnAt(file, columns, 'base_model'), columnAt(file, columns, 'loras')]
  const places = new Map<string, number>()
  const models: TraceModel[] = []
  const builder = new TraceBuilder()
  const ask = (name: string, sizeBytes: number): void => {
    if (name === '') return
    let place = places.get(name)
    if (place === undefined) {
      place = models.length
      places.set(name, place)
      models.push({ name, sizeBytes, loadMs })
    }
    builder.add(place, builder.length * 1000)
  }
  for await (const { cells } of rows) {
    ask(cells[baseAt]!, baseBytes)
    for (const name of cells[adaptersAt]!.split(' ')) ask(name, adapterBytes)
  }
  return builder.build(models)
}
