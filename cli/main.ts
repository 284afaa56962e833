/** The command line. Exit codes: 0 done, 1 failed (the message says what to do), 2 wrong usage. */
import { type Command, CommanderError } from 'commander'
import { keepAlive } from '../node/system/index.ts'
import { createProgram } from './program.ts'

// `holdfast ls | head` closes the pipe early: that is no failure, and no reason to leave models of `push --all` out. A full disk is one.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') void endWithoutOutput(error)
})
// What goes to stderr is for people: its loss stops no work.
process.stderr.on('error', () => {})

const words = process.argv.slice(2)
let running: Command | null = null
try {
  const program = await createProgram(words[0])
  program.hook('preAction', (_program, command) => {
    running = command
  })
  await keepAlive(program.parseAsync())
} catch (error) {
  // Help and versions end this way too, and need nothing more.
  const isDone = error instanceof CommanderError && error.exitCode === 0
  process.exitCode = isDone ? 0 : await keepAlive(fail(error))
}

async function fail(error: unknown): Promise<number> {
  const { asksForJson, reportFailure } = await import('./report-failure.ts')
  return reportFailure(error, { isJson: asksForJson(words), command: running })
}

async function endWithoutOutput(error: unknown): Promise<void> {
  const { fileFailure } = await import('../origin/index.ts')
  const { reportFailure } = await import('./report-failure.ts')
  process.exit(await reportFailure(fileFailure(error, 'The output', 'written'), { isJson: false, command: null }))
}
