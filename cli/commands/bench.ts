/** `holdfast bench NAME`: measures, with competitors and the physical limit beside it in the same run. */
import { Command } from 'commander'
import { benchCatalog } from '../../bench/index.ts'

interface BenchFlags {
  readonly json?: boolean
  readonly tiny?: boolean
  readonly only?: string
  readonly scale?: string
  readonly seconds?: string
  readonly seed?: string
}

export function benchCommand(): Command {
  const names = Object.keys(benchCatalog)
  const list = Object.entries(benchCatalog).map(([name, { measures }]) => `  ${name.padEnd(12)} ${measures}`)
  return new Command('bench')
    .description('measure this machine')
    .argument('<name>', names.join(', '))
    .option('--json', 'one JSON object on stdout: {results: [{id, value, unit, n}]}')
    .option('--tiny', 'small sizes and few repeats: shows that the bench works, not how fast anything is')
    .option('--only <parts>', `comma-separated; ${partsOf('bulk')}; ${partsOf('swarm')}; ${partsOf('hostile')}`)
    .option('--scale <factor>', 'sizes of bulk and swarm, and the rates of the lines of swarm, times this')
    .option('--seconds <n>', 'how long chaos runs')
    .option('--seed <n>', 'what happens in chaos, and when')
    .addHelpText('after', `\nBenches:\n${list.join('\n')}\n\nExample:\n  $ holdfast bench smoke --json | jq .results`)
    .action(async (name: string, flags: BenchFlags) => {
      const { runBench } = await import('../../bench/index.ts')
      await runBench(name, {
        json: flags.json === true,
        tiny: flags.tiny === true,
        ...(flags.only === undefined ? {} : { only: flags.only.split(',') }),
        ...(flags.scale === undefined ? {} : { scale: Number(flags.scale) }),
        ...(flags.seconds === undefined ? {} : { seconds: Number(flags.seconds) }),
        ...(flags.seed === undefined ? {} : { seed: Number(flags.seed) }),
      })
    })
}

function partsOf(name: string): string {
  return `${name}: ${benchCatalog[name]!.parts!.join(', ')}`
}
