/** The Python of the system, and what it has: the module is tested with Debian's packages, or with what $HOLDFAST_PYTHON names. */
import { execFile, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from '../support/source-files.ts'

export const python = process.env.HOLDFAST_PYTHON ?? '/usr/bin/python3'
export const modulePath = join(root, 'clients', 'python')

/** Prints why when it is not so. */
export function pythonHas(...modules: readonly string[]): boolean {
  const { status } = spawnSync(python, ['-c', modules.map((name) => `import ${name}`).join('\n')], { stdio: 'ignore' })
  if (status !== 0) console.log(`skipped: ${python} cannot import ${modules.join(', ')}; .ci/python.sh installs them`)
  return status === 0
}

export function pythonEnvironment(socketPath: string): NodeJS.ProcessEnv {
  return { ...process.env, HOLDFAST_SOCKET: socketPath, PYTHONPATH: modulePath, PYTHONDONTWRITEBYTECODE: '1' }
}

export interface PythonResult {
  readonly code: number | string
  readonly output: string
}

export function runPython(args: readonly string[], env: NodeJS.ProcessEnv, program = python): Promise<PythonResult> {
  return new Promise((resolve) => {
    execFile(program, args, { env }, (error, stdout, stderr) => {
      const code = error === null ? 0 : (error.signal ?? error.code ?? -1)
      resolve({ code, output: `${stdout}${stderr}` })
    })
  })
}
