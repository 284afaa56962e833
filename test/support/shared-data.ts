/**
 * Public traces that may not be redistributed with the project: in the folder HOLDFAST_DATA, or in shared/data beside the
 * repository. Tests that need them print why they skip when they are absent.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'

const dataDirectory = process.env.HOLDFAST_DATA ?? resolve(import.meta.dirname, '..', '..', '..', 'shared', 'data')

/** null when all files are there; otherwise why the test is skipped, to be printed. */
export function missingData(...names: string[]): string | null {
  const missing = names.filter((name) => !existsSync(join(dataDirectory, name)))
  return missing.length === 0 ? null : `skipped: ${missing.join(', ')} not in HOLDFAST_DATA or ../shared/data`
}

/** Rows of a gzipped CSV without its header, cells as text. The traces quote nothing. */
export function readCsv(name: string): string[][] {
  const lines = gunzipSync(readFileSync(join(dataDirectory, name)))
    .toString('utf8')
    .trimEnd()
    .split('\n')
  return lines.slice(1).map((line) => line.split(','))
}

export function readJson(name: string): unknown {
  return JSON.parse(readFileSync(join(dataDirectory, name), 'utf8'))
}
