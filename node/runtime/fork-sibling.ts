/** Starts a module of this folder as a process of its own: the .ts file in a checkout, the .js file when installed. */
import { type ChildProcess, fork } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'

export function forkSibling(name: string, args: readonly string[] = []): ChildProcess {
  const path = fileURLToPath(new URL(`./${name}${extname(import.meta.url)}`, import.meta.url))
  return fork(path, args, {
    serialization: 'advanced',
    // Flags of this process, a debugger's port or a test runner's loader, are not for its children.
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
}
