/** The command line. Exit codes: 0 done, 1 failed (the message says what to do), 2 wrong usage. */
import { CommanderError } from 'commander'
import { exitCodeOfError, HoldfastError } from '../common/index.ts'
import { keepAlive } from '../node/system/index.ts'
import { createProgram } from './program.ts'

const usageExitCode = 2

// `holdfast ls | head` closes the pipe early: that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

try {
  const program = await createProgram(process.argv[2])
  await keepAlive(program.parseAsync())
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
