/** `holdfast sim capacity`: the least memory, or the fewest nodes, with which a target is met. */
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { HoldfastError } from '../../common/index.ts'
import { jsonOption } from '../origin-option.ts'
import { printJson, printRows } from '../print.ts'
import type { ScenarioFlags } from '../simulate/read-scenario.ts'
import type { SeedFlags } from '../simulate/run-seeds.ts'
import { addScenarioOptions, jobsOption, outOption, seedsOption, setOption } from './sim-options.ts'

interface CapacityFlags extends ScenarioFlags, SeedFlags {
  readonly target: string
  readonly vary: 'memory' | 'nodes'
  readonly min?: string
  readonly max?: string
  readonly out?: string
}

const help = `
A target is a figure, <= or >=, and a limit; figures are those of a comparison: meanLoadDelayMs, p50LoadDelayMs, p90LoadDelayMs,
p99LoadDelayMs, meanQueueDelayMs, hitPercent, originBytes, originUsd, peerSharePercent, failedCount. A run with a request whose
model is larger than the memory misses every target, and so does one in which a checker found a fault.

Memory is that of a node, searched in steps of 2 % from an eighth to eight times what the scenario says; nodes up to four times
those of the scenario. The target is looked for at five sizes, then by halving what is left. The directory has capacity.html,
capacity.json and capacity.csv. When no size meets the target, the exit code is 1 and the best is printed.

Examples:
  $ holdfast sim capacity scenario.yaml --target 'meanLoadDelayMs<=500' --vary nodes --min 10 --max 12
  $ holdfast sim capacity scenario.yaml --target 'hitPercent>=80' --requests requests.csv --seeds 3`

export function simCapacityCommand(): Command {
  return addScenarioOptions(new Command('capacity'))
    .description('find the least memory or the fewest nodes that meet a target')
    .argument('<scenario>', 'YAML or JSON')
    .requiredOption('--target <figure>', "as in 'meanLoadDelayMs<=50'")
    .addOption(new Option('--vary <what>', 'what there may be more of').choices(['memory', 'nodes']).default('memory'))
    .option('--min <size>', 'the least: a multiple or a size of memory, or a number of nodes')
    .option('--max <size>', 'the most')
    .addOption(setOption('another value for a field of the scenario, in all runs; may be repeated'))
    .addOption(seedsOption())
    .addOption(jobsOption())
    .addOption(outOption('where the report goes; by default ./NAME-capacity'))
    .addOption(jsonOption())
    .addHelpText('after', help)
    .action(runSimCapacity)
}

async function runSimCapacity(file: string, flags: CapacityFlags): Promise<void> {
  const { quoted, readScenario, typedFlags } = await import('../simulate/read-scenario.ts')
  const { findCapacity } = await import('../simulate/find-capacity.ts')
  const { parseTarget } = await import('../simulate/target.ts')
  const { folderName, writeReport } = await import('../simulate/write-report.ts')
  const { capacityPage, formatSize } = await import('../../sim/report/index.ts')
  const { csvOf } = await import('../../sim/report/index.ts')
  const { figure } = await import('../../sim/report/index.ts')
  const target = parseTarget(flags.target)
  const given = await readScenario(file, flags)
  const { name, seed } = given.scenario
  if (flags.json !== true) process.stderr.write(`seed ${seed}\n`)
  const found = await findCapacity(given, target, flags)
  const own = [
    ...['--target', quoted(flags.target), '--vary', flags.vary],
    ...(['min', 'max', 'seeds'] as const).flatMap((option) => {
      const value = flags[option]
      return value === undefined || (option === 'seeds' && value === '1') ? [] : [`--${option}`, quoted(value)]
    }),
  ]
  const command = ['holdfast sim capacity', quoted(file), ...typedFlags({ ...flags, seed: String(seed) }), ...own].join(
    ' ',
  )
  const directory = flags.out ?? `./${folderName(name)}-capacity`
  const { answer, answerText, notes, runs, seedCount } = found
  const table = { target: flags.target, vary: flags.vary, answer, notes, runs, seed, seedCount, command }
  const common = { varied: flags.vary, figure: target.figure, limit: target.limit, targetText: target.text }
  writeReport(directory, {
    'capacity.html': capacityPage({ title: `Capacity: ${name}`, ...common, ...found, command }),
    'capacity.json': `${JSON.stringify(table)}\n`,
    'capacity.csv': csvOf(runs.map(({ size, value, isMet }) => ({ size, [target.figure]: value, isMet }))),
  })
  const report = join(directory, 'capacity.html')
  const missed = answer === null ? new HoldfastError('BAD_REQUEST', `${answerText} The report is ${report}.`) : null
  if (flags.json === true) {
    printJson({ ...table, report, error: missed })
  } else {
    const { format } = figure(target.figure)
    const rows = runs.map(({ size, value, isMet }) => [
      formatSize(flags.vary, size),
      format(value),
      isMet ? 'yes' : 'no',
    ])
    printRows([flags.vary.toUpperCase(), target.figure, 'MET'], rows)
    console.log([answerText, ...notes, `report: ${report}`].join('\n'))
  }
  if (missed !== null) throw missed
}
