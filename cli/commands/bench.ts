/** `holdfast bench NAME`: measures, with competitors and the physical limit beside it in the same run. */
import { Command } from 'commander'
import { benchCatalog } from '../../bench/index.ts'

interface BenchFlags {
  readonly json?: boolean
  readonly tiny?: boolean
}

export function benchCommand(): Command {
  const names = Object.keys(benchCatalog)
  const list = Object.entries(benchCatalog).map(([name, { measures }]) => `  ${name.padEnd(12)} ${measures}`)
  return new Command('bench')
    .description('measure this machine')
    .argument('<name>', names.join(', '))
    .option('--json', 'one JSON object on stdout: {results: [{id, value, unit, n}]}')
    .option('--tiny', 'small sizes and few repeats: shows that the bench works, not how fast anything is')
    .addHelpText('after', `\nBenches:\n${list.join('\n')}\n\nExample:\n  $ holdfast bench smoke --json | jq .results`)
    .action(async (name: string, flags: BenchFlags) => {
      const { runBench } = await import('../../bench/index.ts')
      await runBench(name, { json: flags.json === true, tiny: flags.tiny === true })
    })
}
