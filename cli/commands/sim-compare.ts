/** `holdfast sim compare`: several scenarios, or one in several forms, side by side. */
import { join } from 'node:path'
import { Command } from 'commander'
import { jsonOption } from '../origin-option.ts'
import { printJson, printRows } from '../print.ts'
import type { ContenderFlags } from '../simulate/contenders.ts'
import type { ScenarioFlags } from '../simulate/read-scenario.ts'
import type { SeedFlags } from '../simulate/run-seeds.ts'
import { addScenarioOptions, jobsOption, outOption, seedsOption, setOption } from './sim-options.ts'

interface CompareFlags extends ScenarioFlags, ContenderFlags, SeedFlags {
  readonly set?: readonly string[]
  readonly out?: string
}

const help = `
Each scenario is run as it is and once more for each --set (several values apart by commas), under each of --policies, and with
--blind also under the same policy that reckons as if only the origin had models. Ratios are to the first. With several seeds the
figures are means, with one standard deviation. The directory has compare.html, compare.json and compare.csv.

Examples:
  $ holdfast sim compare scenario.yaml --policies lru,holdfast --out ./policies
  $ holdfast sim compare scenario.yaml --set policy.replication=false --seeds 2 --jobs 2`

export function simCompareCommand(): Command {
  return addScenarioOptions(new Command('compare'))
    .description('compare scenarios, policies or values side by side')
    .argument('<scenario...>', 'YAML or JSON')
    .addOption(setOption('one more contender, with these values; may be repeated'))
    .option('--policies <names>', 'eviction policies, apart by commas')
    .option('--blind', 'each policy also blind to what peers hold')
    .addOption(seedsOption())
    .addOption(jobsOption())
    .addOption(outOption('where the report goes; by default ./NAME-compare'))
    .addOption(jsonOption())
    .addHelpText('after', help)
    .action(runSimCompare)
}

async function runSimCompare(files: readonly string[], flags: CompareFlags): Promise<void> {
  const { quoted, readScenario, typedFlags } = await import('../simulate/read-scenario.ts')
  const { contendersOf } = await import('../simulate/contenders.ts')
  const { InputReader } = await import('../simulate/read-inputs.ts')
  const { runSeeds } = await import('../simulate/run-seeds.ts')
  const { findingLines, overloadLines, sayFindings, sayOverloads } = await import('../simulate/say-findings.ts')
  const { folderName, writeReport } = await import('../simulate/write-report.ts')
  const { compareCells, compareCsv, compared, comparePage } = await import('../../sim/report/index.ts')
  const { set, ...common } = flags
  const given = await Promise.all(files.map((file) => readScenario(file, common)))
  const variants = await contendersOf(given, flags)
  const { name, seed } = given[0]!.scenario
  if (flags.json !== true) process.stderr.write(`seed ${seed}\n`)
  const results = await runSeeds({ title: 'sim compare', variants, inputs: new InputReader() }, flags)
  const contenders = variants.map((variant, index) => ({ name: variant.name, results: results[index]! }))
  const own = [
    ...(flags.policies === undefined ? [] : ['--policies', quoted(flags.policies)]),
    ...(flags.blind === true ? ['--blind'] : []),
    ...(flags.seeds === '1' ? [] : ['--seeds', flags.seeds]),
  ]
  const typed = typedFlags({ ...flags, seed: String(seed) })
  const command = ['holdfast sim compare', ...files.map(quoted), ...typed, ...own].join(' ')
  const directory = flags.out ?? `./${folderName(name)}-compare`
  const findings = findingLines(contenders)
  const overloads = overloadLines(contenders)
  const seeds = results[0]!.map((result) => result.seed)
  const table = { seeds, contenders: compared(contenders), findings, overloads, command }
  writeReport(directory, {
    'compare.html': comparePage({
      title: `Comparison: ${given.map(({ scenario }) => scenario.name).join(', ')}`,
      contenders,
      command,
    }),
    'compare.json': `${JSON.stringify(table)}\n`,
    'compare.csv': compareCsv(contenders),
  })
  const report = join(directory, 'compare.html')
  if (flags.json === true) {
    printJson({ ...table, report })
  } else {
    const { head, rows } = compareCells(contenders)
    printRows(head, rows)
    console.log(`report: ${report}`)
  }
  sayOverloads(overloads)
  sayFindings(findings, command)
}
