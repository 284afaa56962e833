/** `holdfast sim run`: one scenario, one seed, one report. */
import { join } from 'node:path'
import { Command } from 'commander'
import { jsonOption } from '../origin-option.ts'
import { printJson, printRows } from '../print.ts'
import type { ScenarioFlags } from '../simulate/read-scenario.ts'
import { addScenarioOptions, outOption, setOption } from './sim-options.ts'

interface RunFlags extends ScenarioFlags {
  readonly out?: string
  readonly json?: boolean
}

const help = `
Runs the decisions and the protocol of the node on a virtual clock and network. One scenario and one seed give the same bytes of
output each time. The directory then has report.html (plots and a map, one file that needs no other), result.json with
everything, timeline.csv, nodes.csv and models/deciles.csv.

Checkers watch the run: capacity, leases, pinned models, conservation of bytes, convergence, requests without an answer. When one
finds something, it is printed with the command that repeats the run, and the exit code is 1. So it is when the cluster is
too small: when requests offer more than links carry, workers run or the origin sends in the whole time. What is then left undone is
no fault of a checker.

Examples:
  $ holdfast sim run scenario.yaml
  $ holdfast sim run scenario.yaml --seed 7 --set node.memoryBytes=2GB --out ./more-memory --json`

export function simRunCommand(): Command {
  return addScenarioOptions(new Command('run'))
    .description('run a scenario: load delay, hits, origin bytes and dollars, with plots')
    .argument('<scenario>', 'YAML or JSON; `holdfast sim init` writes one')
    .addOption(setOption('another value for a field of the scenario; may be repeated'))
    .addOption(outOption('where the report goes; by default ./NAME-SEED'))
    .addOption(jsonOption())
    .addHelpText('after', help)
    .action(runSimRun)
}

async function runSimRun(file: string, flags: RunFlags): Promise<void> {
  const { readScenario } = await import('../simulate/read-scenario.ts')
  const { headlineRows, reportFiles, runCommand, runOnce } = await import('../simulate/run-once.ts')
  const { findingLines, overloadLines, sayFindings, sayOverloads } = await import('../simulate/say-findings.ts')
  const { folderName, writeReport } = await import('../simulate/write-report.ts')
  const given = await readScenario(file, flags)
  const { scenario } = given
  const isQuiet = flags.json === true
  if (!isQuiet) process.stderr.write(`seed ${scenario.seed}\n`)
  const result = await runOnce(given, !isQuiet)
  const directory = flags.out ?? `./${folderName(scenario.name)}-${scenario.seed}`
  const command = runCommand(given, flags)
  writeReport(directory, await reportFiles(given, result, command))
  const report = join(directory, 'report.html')
  const { totals, findings, overloads } = result
  if (isQuiet) {
    printJson({ scenario: scenario.name, seed: scenario.seed, totals, findings, overloads, report, command })
  } else {
    console.log(`${scenario.name}, seed ${scenario.seed}`)
    printRows(['', ''], headlineRows(result))
    console.log(`report: ${report}`)
  }
  const runs = [{ name: scenario.name, results: [result] }]
  sayOverloads(overloadLines(runs))
  sayFindings(findingLines(runs), command)
}
