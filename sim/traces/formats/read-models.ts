/**
 * The models of a trace: a JSON array of `{name, loaded_size, avg_load_latency}`, size in GiB, load time in seconds, as the
 * measurements of "Many Models at the Edge" have it; further fields are ignored. Their order decides ties.
 */
import { readFile } from 'node:fs/promises'
import type { TraceModel } from '../trace.ts'
import { badTrace } from './read-lines.ts'

const bytesPerGiB = 2 ** 30

export async function readModels(file: string): Promise<TraceModel[]> {
  let rows: unknown
  try {
    rows = JSON.parse(await readFile(file, 'utf8'))
  } catch (cause) {
    throw badTrace(file, (cause as Error).message, cause)
  }
  if (!Array.isArray(rows) || rows.length === 0) throw badTrace(file, 'it has to be a JSON array of models.')
  const names = new Set<string>()
  return rows.map((row: unknown, index) => {
    const { name, loaded_size, avg_load_latency } = (row ?? {}) as Record<string, unknown>
    const where = `model ${index}`
    if (typeof name !== 'string' || name === '') throw badTrace(file, `${where}: name has to be a text.`)
    if (names.has(name)) throw badTrace(file, `${where}: ${name} is there twice.`)
    names.add(name)
    const size = positive(file, `${where} (${name}): loaded_size`, loaded_size)
    const loadS = positive(file, `${where} (${name}): avg_load_latency`, avg_load_latency)
    return { name, sizeBytes: Math.ceil(size * bytesPerGiB), loadMs: loadS * 1000 }
  })
}

function positive(file: string, what: string, value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value
  throw badTrace(file, `${what} has to be a number above 0.`)
}
