/**
 * What the command line says of a failure: a message for people on stderr, always, and with --json one object on stdout as well,
 * {error: {code, message, action, details, near}}. The exit code is 2 for wrong usage and 1 for everything else.
 */
import { type Command, CommanderError } from 'commander'
import { exitCodeOfError, HoldfastError } from '../common/index.ts'
import { paint } from '../node/system/index.ts'
import { hasPrintedJson, printJson } from './print.ts'

export const usageExitCode = 2

export interface FailureContext {
  readonly isJson: boolean
  /** The command that ran; null when none was found. */
  readonly command: Command | null
}

/** The exit code. */
export async function reportFailure(thrown: unknown, { isJson, command }: FailureContext): Promise<number> {
  if (thrown instanceof CommanderError) {
    // Commander has written what there is to say.
    if (isJson) printFailure(usageError(thrown), [])
    return usageExitCode
  }
  const error = await typedFailure(thrown)
  const name = paint('holdfast:', 'red', process.stderr)
  if (!(error instanceof HoldfastError)) {
    process.stderr.write(`${name} ${(error as Error)?.stack ?? String(error)}\n`)
    if (isJson) printFailure(new HoldfastError('SYSTEM', `${(error as Error)?.message ?? error}`), [])
    return exitCodeOfError
  }
  const near = await nearNamesOf(error, command)
  const hint = near.length === 0 ? '' : `  Did you mean ${near.join(', ')}?\n`
  process.stderr.write(`${name} ${error.message}\n${hint}  ${error.code}: ${error.action}\n`)
  if (isJson) printFailure(error, near)
  return exitCodeOfError
}

/** What the system refuses about a file or folder that the user named is no fault of the program: it gets a code instead of a stack. */
async function typedFailure(error: unknown): Promise<unknown> {
  const { path, syscall } = (error ?? {}) as NodeJS.ErrnoException
  if (typeof path !== 'string' || syscall === undefined) return error
  const { fileFailure } = await import('../origin/index.ts')
  const doing =
    syscall === 'mkdir' ? 'made' : /^(?:open|write|rename|link)$/.test(syscall) ? 'opened or written' : 'used'
  return fileFailure(error, path, doing)
}

/** A word after `--` is no option. */
export function asksForJson(words: readonly string[]): boolean {
  const end = words.indexOf('--')
  return (end < 0 ? words : words.slice(0, end)).includes('--json')
}

/** Not after a result: stdout has one value. */
function printFailure(error: HoldfastError, near: readonly string[]): void {
  if (!hasPrintedJson()) printJson({ error: { ...error.toJSON(), near } })
}

async function nearNamesOf(error: HoldfastError, command: Command | null): Promise<readonly string[]> {
  if (Array.isArray(error.details.near)) return error.details.near
  if (error.code !== 'UNKNOWN_MODEL' || command === null) return []
  const { nearModelsFor } = await import('./near-models.ts')
  return nearModelsFor(error, command)
}

/** "error: unknown option '--jsn'\n(Did you mean --json?)" */
function usageError({ message }: CommanderError): HoldfastError {
  const text = message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ')
  const sentence = `${text.charAt(0).toUpperCase()}${text.slice(1)}`
  return new HoldfastError('BAD_USAGE', /[.?)]$/.test(sentence) ? sentence : `${sentence}.`)
}
