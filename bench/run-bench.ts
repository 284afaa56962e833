/** Runs a bench by name and prints it: a table with the machine it ran on, or exactly one JSON object. */
import { cpus, totalmem } from 'node:os'
import { formatTable, HoldfastError } from '../common/index.ts'
import { version } from '../node/system/index.ts'
import { type BenchEntry, benchCatalog } from './catalog.ts'
import type { BenchRow } from './types.ts'

const scaleMax = 100
const secondsMin = 4
const secondsMax = 86_400

export interface RunBenchOptions {
  readonly json: boolean
  readonly tiny: boolean
  readonly only?: readonly string[]
  readonly scale?: number
  readonly seconds?: number
  readonly seed?: number
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
  const { tiny, only, scale, seconds, seed } = options
  checkOptions(name, entry, options)
  const bench = await entry.load()
  const rows = await bench({
    tiny,
    ...(only === undefined ? {} : { only }),
    ...(scale === undefined ? {} : { scale }),
    ...(seconds === undefined ? {} : { seconds }),
    ...(seed === undefined ? {} : { seed }),
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

function checkOptions(name: string, entry: BenchEntry, { only, scale, seconds, seed }: RunBenchOptions): void {
  const { parts = [], isScalable, isTimed } = entry
  const unknown = only?.find((part) => !parts.includes(part))
  if (unknown !== undefined) {
    const known = parts.length === 0 ? 'it has none' : `it has ${parts.join(', ')}`
    throw refusal(`The bench ${name} has no part ${unknown}; ${known}.`)
  }
  if (scale !== undefined && isScalable !== true) throw refusal(`The bench ${name} has sizes that are fixed.`)
  if (scale !== undefined && !(scale > 0 && scale <= scaleMax)) {
    throw refusal(`The scale has to be a number above 0, at most ${scaleMax}.`)
  }
  if ((seconds !== undefined || seed !== undefined) && isTimed !== true) {
    throw refusal(`The bench ${name} takes neither --seconds nor --seed.`)
  }
  if (seconds !== undefined && !(seconds >= secondsMin && seconds <= secondsMax)) {
    throw refusal(`The seconds have to be a number from ${secondsMin} to ${secondsMax}.`)
  }
  if (seed !== undefined && !(Number.isSafeInteger(seed) && seed >= 0)) {
    throw refusal('The seed has to be a whole number from 0.')
  }
}

function refusal(message: string): HoldfastError {
  return new HoldfastError('BAD_REQUEST', message)
}

function cells({ id, value, unit, n, note }: BenchRow): string[] {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return [id, value.toFixed(digits), unit, String(n), note ?? '']
}
