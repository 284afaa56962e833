/** `holdfast demo`: the main job on this machine, in a minute. */
import { Command } from 'commander'

interface DemoFlags {
  readonly once?: boolean
  readonly model?: string
}

export function demoCommand(): Command {
  return new Command('demo')
    .description('run an origin and three nodes on this machine, push real models and send requests')
    .option('--once', 'one round, then exit')
    .option('--model <path>', 'your own ONNX file or model folder, beside the built-in models')
    .addHelpText('after', '\nExample:\n  $ holdfast demo --model ./my-model.onnx')
    .action(async (flags: DemoFlags) => {
      const { runDemo } = await import('../../demo/index.ts')
      const ended = new AbortController()
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.abort())
      // A demo that nobody reads any more ends.
      process.stdout.once('error', () => ended.abort())
      await runDemo({
        once: flags.once === true,
        ...(flags.model === undefined ? {} : { modelPath: flags.model }),
        signal: ended.signal,
      })
    })
}
