/** The plain form of a trace: a CSV with the columns `id,seconds,model`, in any order of columns and of rows. */
import { type Trace, TraceBuilder } from '../trace.ts'
import { columnAt, numberAt, openCsv } from './csv-table.ts'
import type { ModelPlaces } from './model-places.ts'

export async function readRequests(file: string, models: ModelPlaces): Promise<Trace> {
  const { columns, rows } = await openCsv(file)
  const [secondsAt, modelAt] = [columnAt(file, columns, 'seconds'), columnAt(file, columns, 'model')]
  const builder = new TraceBuilder()
  for await (const row of rows) {
    const place = models.placeOf(row.cells[modelAt]!, `line ${row.line} of ${file}`)
    builder.add(place, numberAt(file, row, secondsAt, 'seconds') * 1000)
  }
  return builder.build(models.models)
}
