/** `holdfast bench NAME`: measures, with competitors and the physical limit beside it in the same run. */
import { Command } from 'commander'

interface BenchFlags {
  readonly json?: boolean
  readonly tiny?: boolean
}

export function benchCommand(): Command {
  return new Command('bench')
    .description('measure this machine: smoke')
    .argument('<name>', 'smoke')
    .option('--json', 'one JSON object on stdout: {results: [{id, value, unit, n}]}')
    .option('--tiny', 'small sizes and few repeats: shows that the bench works, not how fast anything is')
    .addHelpText('after', '\nExample:\n  $ holdfast bench smoke --json | jq .results')
    .action(async (name: string, flags: BenchFlags) => {
      const { runBench } = await import('../../bench/run-bench.ts')
      await runBench(name, { json: flags.json === true, tiny: flags.tiny === true })
    })
}
