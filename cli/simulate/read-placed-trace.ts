/** A trace with the places at which its requests arrive: a CSV may have a column `node` or `site`; other forms have none. */
import { createPrng } from '../../common/index.ts'
import type { PlacedTrace } from '../../sim/index.ts'
import {
  badTrace,
  columnAt,
  drawnModels,
  givenModels,
  numberAt,
  openCsv,
  readModels,
  readTrace,
  type TraceSource,
} from '../../sim/traces/index.ts'

export async function readPlacedTrace(source: TraceSource): Promise<PlacedTrace> {
  const [file] = source.files
  if (source.format !== 'csv' || file === undefined) return readTrace(source)
  const { columns, rows } = await openCsv(file)
  const column = ['node', 'site'].find((name) => columns.includes(name))
  if (column === undefined) {
    await rows.return(undefined)
    return readTrace(source)
  }
  const models =
    source.modelsFile === undefined
      ? drawnModels(createPrng(source.seed).child('models'))
      : givenModels(await readModels(source.modelsFile), source.modelsFile)
  const [placeAt, secondsAt, modelAt] = [column, 'seconds', 'model'].map((name) => columnAt(file, columns, name))
  const places = new Map<string, number>()
  const requests: { timeMs: number; model: number; place: number }[] = []
  for await (const row of rows) {
    const name = row.cells[placeAt!]!
    if (name === '') throw badTrace(file, `line ${row.line}: ${column} is empty.`)
    if (!places.has(name)) places.set(name, places.size)
    requests.push({
      timeMs: numberAt(file, row, secondsAt!, 'seconds') * 1000,
      model: models.placeOf(row.cells[modelAt!]!, `line ${row.line} of ${file}`),
      place: places.get(name)!,
    })
  }
  if (requests.length === 0) throw badTrace(file, 'it has no requests.')
  // Stable: those of one instant keep the order of the file.
  requests.sort((left, right) => left.timeMs - right.timeMs)
  return {
    models: models.models,
    modelIndexes: Uint32Array.from(requests, ({ model }) => model),
    timesMs: Float64Array.from(requests, ({ timeMs }) => timeMs),
    placeIndexes: Uint32Array.from(requests, ({ place }) => place),
    places: [...places.keys()],
  }
}
