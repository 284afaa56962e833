/**
 * Azure Functions 2019: one row per function, one column per minute with its invocations in that minute. The public files
 * (https://github.com/Azure/AzurePublicDataset, `invocations_per_function_md.anon.d01.csv`) name the minutes 1 to 1440; samples
 * of them write m480. A function stands for a model. Within a minute invocations are evenly spaced, or random with a seed.
 */
import type { Prng } from '../../../common/index.ts'
import { type Trace, TraceBuilder } from '../trace.ts'
import { columnAt, numberAt, openCsv } from './csv-table.ts'
import type { ModelPlaces } from './model-places.ts'
import { badTrace } from './read-lines.ts'

export interface AzureFunctionsOptions {
  /** Functions with this trigger only; all when absent. */
  readonly trigger?: string
  /** Functions with fewer invocations are left out: one that is called once can never be hit. */
  readonly invocationsMin?: number
  /** Random moments within the minute; evenly spaced when absent. */
  readonly spacing?: Prng
}

const minuteMs = 60_000

export async function readAzureFunctions(
  file: string,
  models: ModelPlaces,
  { trigger, invocationsMin = 2, spacing }: AzureFunctionsOptions = {},
): Promise<Trace> {
  const { columns, rows } = await openCsv(file)
  const [functionAt, triggerAt] = [columnAt(file, columns, 'HashFunction'), columnAt(file, columns, 'Trigger')]
  const minutes = columns.flatMap((name, place) =>
    /^m?\d+$/.test(name) ? [{ place, minute: Number(name.replace('m', '')) }] : [],
  )
  if (minutes.length === 0) throw badTrace(file, 'it has no column per minute, 1 or m1 and so on.')
  const startMinute = Math.min(...minutes.map(({ minute }) => minute))
  const builder = new TraceBuilder()
  for await (const row of rows) {
    if (trigger !== undefined && row.cells[triggerAt] !== trigger) continue
    const counts = minutes.map(({ place, minute }) => ({ minute, count: numberAt(file, row, place, 'a count') }))
    if (counts.reduce((sum, { count }) => sum + count, 0) < invocationsMin) continue
    const model = models.placeOf(row.cells[functionAt]!, `line ${row.line} of ${file}`)
    for (const { minute, count } of counts) {
      for (let index = 0; index < count; index++) {
        const part = spacing === undefined ? index / count : spacing.float()
        builder.add(model, (minute - startMinute + part) * minuteMs)
      }
    }
  }
  return builder.build(models.models)
}
