/** `holdfast sim sweep`: memory, policy and number of nodes, all against all. */
import { join } from 'node:path'
import { Command } from 'commander'
import { jsonOption } from '../origin-option.ts'
import { printJson, printRows } from '../print.ts'
import type { ScenarioFlags } from '../simulate/read-scenario.ts'
import type { SeedFlags } from '../simulate/run-seeds.ts'
import { addScenarioOptions, jobsOption, outOption, seedsOption, setOption } from './sim-options.ts'

interface SweepFlags extends ScenarioFlags, SeedFlags {
  readonly memory?: string
  readonly policies?: string
  readonly nodes?: string
  readonly out?: string
}

const help = `
Memory is that of each node: a number is a multiple of what the scenario says, a size such as 8GB is that for all. With more or
fewer nodes the requests stay the same: named sites keep their shares of the nodes, of drawn sites there are more or fewer.
The directory has sweep.html, sweep.json and sweep.csv.

Examples:
  $ holdfast sim sweep scenario.yaml --memory 0.5,1 --out ./sweep
  $ holdfast sim sweep scenario.yaml --memory 4GB,8GB --policies lru,holdfast --nodes 12,24 --seeds 5`

export function simSweepCommand(): Command {
  return addScenarioOptions(new Command('sweep'))
    .description('run all combinations of memory, policy and number of nodes')
    .argument('<scenario>', 'YAML or JSON')
    .option('--memory <sizes>', 'of a node: multiples or sizes, apart by commas')
    .option('--policies <names>', 'eviction policies, apart by commas')
    .option('--nodes <counts>', 'of the cluster, apart by commas')
    .addOption(setOption('another value for a field of the scenario, in all runs; may be repeated'))
    .addOption(seedsOption())
    .addOption(jobsOption())
    .addOption(outOption('where the report goes; by default ./NAME-sweep'))
    .addOption(jsonOption())
    .addHelpText('after', help)
    .action(runSimSweep)
}

async function runSimSweep(file: string, flags: SweepFlags): Promise<void> {
  const { quoted, readScenario, typedFlags } = await import('../simulate/read-scenario.ts')
  const { gridOf } = await import('../simulate/sweep-grid.ts')
  const { InputReader } = await import('../simulate/read-inputs.ts')
  const { runSeeds } = await import('../simulate/run-seeds.ts')
  const { findingLines, overloadLines, sayFindings, sayOverloads } = await import('../simulate/say-findings.ts')
  const { folderName, writeReport } = await import('../simulate/write-report.ts')
  const { sweepCsv, sweepPage, sweepRows, sweepTable } = await import('../../sim/report/index.ts')
  const given = await readScenario(file, flags)
  const { name, seed } = given.scenario
  const grid = gridOf(given, flags)
  if (flags.json !== true) process.stderr.write(`seed ${seed}\n`)
  const results = await runSeeds({ title: 'sim sweep', variants: grid, inputs: new InputReader() }, flags)
  const cells = grid.map(({ memory, policy, nodeCount }, index) => ({
    memory,
    policy,
    nodeCount,
    results: results[index]!,
  }))
  const own = (['memory', 'policies', 'nodes', 'seeds'] as const).flatMap((option) => {
    const value = flags[option]
    return value === undefined || (option === 'seeds' && value === '1') ? [] : [`--${option}`, quoted(value)]
  })
  const command = ['holdfast sim sweep', quoted(file), ...typedFlags({ ...flags, seed: String(seed) }), ...own].join(
    ' ',
  )
  const runs = cells.map((cell) => ({
    name: `memory ${cell.memory}, ${cell.policy}, ${cell.nodeCount} nodes`,
    results: cell.results,
  }))
  const findings = findingLines(runs)
  const overloads = overloadLines(runs)
  const directory = flags.out ?? `./${folderName(name)}-sweep`
  const table = {
    seeds: results[0]!.map((result) => result.seed),
    settings: sweepRows(cells),
    findings,
    overloads,
    command,
  }
  writeReport(directory, {
    'sweep.html': sweepPage({ title: `Sweep: ${name}`, cells, command }),
    'sweep.json': `${JSON.stringify(table)}\n`,
    'sweep.csv': sweepCsv(cells),
  })
  const report = join(directory, 'sweep.html')
  if (flags.json === true) {
    printJson({ ...table, report })
  } else {
    const { head, rows } = sweepTable(cells)
    printRows(head, rows)
    console.log(`report: ${report}`)
  }
  sayOverloads(overloads)
  sayFindings(findings, command)
}
