/** Runs the command line as a user does: a process, its streams and its exit code. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'

export interface CommandResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export const binPath = join(import.meta.dirname, '..', '..', 'bin', 'holdfast.js')

/** Settings of the caller's own node do not leak in. */
export function cleanEnvironment(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('HOLDFAST_'))
  return { ...Object.fromEntries(own), ...extra }
}

/** `enter`: words before the command, as in `ip netns exec NAME`. */
export function holdfast(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
  enter: readonly string[] = [],
): Promise<CommandResult> {
  const [command, ...words] = [...enter, process.execPath, binPath, ...args]
  return new Promise((resolve) => {
    execFile(command!, words, { env: cleanEnvironment(environment) }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
      resolve({ code, stdout, stderr })
    })
  })
}
