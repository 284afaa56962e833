/**
 * The command line. Every command is a file in commands/; what it needs is loaded when it runs, so that `holdfast ls` does not
 * wait for libp2p. Exit codes: 0 done, 1 failed (the message says what to do), 2 wrong usage.
 */
import { Command, CommanderError } from 'commander'
import { exitCodeOfError, HoldfastError } from '../../placement/errors.ts'
import { version } from '../version.ts'
import { benchCommand } from './commands/bench.ts'
import { demoCommand } from './commands/demo.ts'
import { lsCommand } from './commands/ls.ts'
import { nodeCommand } from './commands/node.ts'
import { pullCommand } from './commands/pull.ts'
import { pushCommand } from './commands/push.ts'
import { statCommand } from './commands/stat.ts'

const usageExitCode = 2

// `holdfast ls | head` closes the pipe early: that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

const program = new Command('holdfast')
  .description(
    'A CDN for model weights: push once to an origin, pull from the nearest peer, share one copy per machine.',
  )
  .version(version)
  .showHelpAfterError('(holdfast COMMAND --help explains a command)')
  .addCommand(nodeCommand())
  .addCommand(pushCommand())
  .addCommand(pullCommand())
  .addCommand(lsCommand())
  .addCommand(statCommand())
  .addCommand(demoCommand())
  .addCommand(benchCommand())

for (const command of [program, ...program.commands]) command.exitOverride()

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = report(error)
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : usageExitCode
  if (error instanceof HoldfastError) {
    process.stderr.write(`holdfast: ${error.message}\n  ${error.code}: ${error.action}\n`)
    return exitCodeOfError
  }
  process.stderr.write(`holdfast: ${(error as Error)?.stack ?? String(error)}\n`)
  return exitCodeOfError
}
