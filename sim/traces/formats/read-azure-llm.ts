/**
 * Azure LLM inference traces (https://github.com/Azure/AzurePublicDataset): `TIMESTAMP,ContextTokens,GeneratedTokens`, one request
 * per row. A file is one service and names no model, so each file stands for one model, named after it.
 */
import { basename } from 'node:path'
import { type Trace, TraceBuilder } from '../trace.ts'
import { columnAt, openCsv } from './csv-table.ts'
import type { ModelPlaces } from './model-places.ts'
import { badTrace } from './read-lines.ts'

export async function readAzureLlm(files: readonly string[], models: ModelPlaces): Promise<Trace> {
  const builder = new TraceBuilder()
  let startMs = Number.POSITIVE_INFINITY
  for (const file of files) {
    const { columns, rows } = await openCsv(file)
    const timeAt = columnAt(file, columns, 'TIMESTAMP')
    const place = models.placeOf(basename(file).replace(/\.csv(\.gz)?$/, ''), file)
    for await (const { line, cells } of rows) {
      const timeMs = timestampMs(cells[timeAt]!)
      if (Number.isNaN(timeMs)) throw badTrace(file, `line ${line}: ${cells[timeAt]!.slice(0, 40)} is no time.`)
      startMs = Math.min(startMs, timeMs)
      builder.add(place, timeMs)
    }
  }
  const trace = builder.build(models.models)
  return { ...trace, timesMs: trace.timesMs.map((timeMs) => timeMs - startMs) }
}

/** `2023-11-16 18:15:46.6805900`, with or without a zone; UTC without. JavaScript reads three digits of the fraction. */
function timestampMs(text: string): number {
  const match = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)?$/.exec(text.trim())
  if (match === null) return Number.NaN
  const [, date, time, fraction, zone] = match
  return Date.parse(`${date}T${time}${zone ?? 'Z'}`) + Number(fraction ?? 0) * 1000
}
