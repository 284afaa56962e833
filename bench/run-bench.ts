/** Runs a bench by name and prints it: a table with the machine it ran on, or exactly one JSON object. */
import { cpus, totalmem } from 'node:os'
import { formatTable, HoldfastError } from '../common/index.ts'
import { version } from '../node/system/index.ts'
import { type BenchEntry, benchCatalog } from './catalog.ts'
import type { BenchRow } from './types.ts'

const scaleMax = 100

export interface RunBenchOptions {
  readonly json: boolean
  readonly tiny: boolean
  readonly only?: readonly string[]
  readonly scale?: number
}

/** BAD_REQUEST for a name, a part or a scale that the catalog does not have. */
export async function runBench(name: string, options: RunBenchOptions): Promise<void> {
  const entry = Object.hasOwn(benchCatalog, name) ? benchCatalog[name] : undefined
  if (entry === undefined) {
    throw new HoldfastError(
      'BAD_REQUEST',
      `There is no bench ${name}; there is ${Object.keys(benchCatalog).join(', ')}.`,
    )
  }
  const { tiny, only, scale } = options
  checkOptions(name, entry, options)
  const bench = await entry.load()
  const rows = await bench({
    tiny,
    ...(only === undefined ? {} : { only }),
    ...(scale === undefined ? {} : { scale }),
    say: (text) => process.stderr.write(`${text}\n`),
  })
  if (options.json) {
    const results = rows.map(({ id, value, unit, n }) => ({ id, value, unit, n }))
    process.stdout.write(`${JSON.stringify({ results })}\n`)
    return
  }
  const cpu = cpus()
  process.stdout.write(
    `holdfast ${version}, Node ${process.versions.node}, ${cpu.length} x ${cpu[0]?.model ?? 'unknown CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB\n` +
      `${formatTable(['ID', 'VALUE', 'UNIT', 'N', 'NOTE'], rows.map(cells))}\n`,
  )
}

function checkOptions(name: string, { parts = [], isScalable }: BenchEntry, { only, scale }: RunBenchOptions): void {
  const unknown = only?.find((part) => !parts.includes(part))
  if (unknown !== undefined) {
    const known = parts.length === 0 ? 'it has none' : `it has ${parts.join(', ')}`
    throw new HoldfastError('BAD_REQUEST', `The bench ${name} has no part ${unknown}; ${known}.`)
  }
  if (scale === undefined) return
  if (isScalable !== true) throw new HoldfastError('BAD_REQUEST', `The bench ${name} has sizes that are fixed.`)
  if (!(scale > 0 && scale <= scaleMax)) {
    throw new HoldfastError('BAD_REQUEST', `The scale has to be a number above 0, at most ${scaleMax}.`)
  }
}

function cells({ id, value, unit, n, note }: BenchRow): string[] {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return [id, value.toFixed(digits), unit, String(n), note ?? '']
}
