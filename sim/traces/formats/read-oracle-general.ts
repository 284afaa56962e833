/**
 * oracleGeneral, the binary format of libCacheSim and its public traces: records of 24 bytes, little endian.
 *
 *   0        4                12       16                24
 *   | time s | object id      | bytes  | next access     |
 *
 * The last field is for oracles; ours look into the trace themselves. Traces of block caches let objects change their size:
 * the first size seen is taken. Every load takes one second, so that delay counts misses.
 */
import { type Trace, TraceBuilder, type TraceModel } from '../trace.ts'
import { badTrace, readContent } from './read-lines.ts'

const recordBytes = 24
const loadMs = 1000

export async function readOracleGeneral(file: string): Promise<Trace> {
  const places = new Map<bigint, number>()
  const models: TraceModel[] = []
  const builder = new TraceBuilder()
  let startS = -1
  const take = (record: Buffer): void => {
    const seconds = record.readUInt32LE(0)
    const id = record.readBigUInt64LE(4)
    if (startS < 0) startS = seconds
    let place = places.get(id)
    if (place === undefined) {
      place = models.length
      places.set(id, place)
      models.push({ name: String(id), sizeBytes: Math.max(1, record.readUInt32LE(12)), loadMs })
    }
    builder.add(place, (seconds - startS) * 1000)
  }
  let rest = Buffer.alloc(0)
  for await (const piece of readContent(file)) {
    const bytes = Buffer.concat([rest, piece])
    let at = 0
    for (; at + recordBytes <= bytes.length; at += recordBytes) take(bytes.subarray(at, at + recordBytes))
    rest = bytes.subarray(at)
  }
  if (rest.length > 0) throw badTrace(file, `it ends within a record: ${rest.length} of ${recordBytes} bytes.`)
  return builder.build(models)
}
