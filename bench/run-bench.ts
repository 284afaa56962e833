/** Runs a bench by name and prints it: a table with the machine it ran on, or exactly one JSON object. */
import { cpus, totalmem } from 'node:os'
import { formatTable, HoldfastError } from '../common/index.ts'
import { version } from '../node/system/index.ts'
import { benchCatalog } from './catalog.ts'
import type { BenchRow } from './types.ts'

export async function runBench(
  name: string,
  options: { readonly json: boolean; readonly tiny: boolean },
): Promise<void> {
  const entry = Object.hasOwn(benchCatalog, name) ? benchCatalog[name] : undefined
  if (entry === undefined) {
    throw new HoldfastError(
      'BAD_REQUEST',
      `There is no bench ${name}; there is ${Object.keys(benchCatalog).join(', ')}.`,
    )
  }
  const bench = await entry.load()
  const rows = await bench({ tiny: options.tiny, say: (text) => process.stderr.write(`${text}\n`) })
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

function cells({ id, value, unit, n, note }: BenchRow): string[] {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return [id, value.toFixed(digits), unit, String(n), note ?? '']
}
