/** Starts a module of this folder as a process of its own: the .ts file in a checkout, the .js file when installed. */
import { type ChildProcess, fork } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type LaunchOptions, launchArguments, launcherPath } from './launcher.ts'

/** Without the thread that waits for a debugger's signal, where this engine knows how. */
const signalThreadFlag = ['--disable-sigusr1'].filter((flag) => process.allowedNodeEnvironmentFlags.has(flag))

/** Where libraries are found, how text and time are written. Everything else may be a secret, and models are not told of those. */
const keptVariables = ['LD_LIBRARY_PATH', 'LD_PRELOAD', 'LANG', 'LC_ALL', 'TZ', 'MALLOC_ARENA_MAX', 'ASAN_OPTIONS']

function keptEnvironment(): Record<string, string> {
  return Object.fromEntries(keptVariables.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])))
}

export interface ForkOptions {
  readonly launch: LaunchOptions
  readonly args?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
}

export function forkSibling(name: string, { launch, args = [], environment = {} }: ForkOptions): ChildProcess {
  const path = fileURLToPath(new URL(`./${name}${extname(import.meta.url)}`, import.meta.url))
  // Flags of this process, a debugger's port or a test runner's loader, are not for its children.
  const flags = ['--v8-pool-size=1', ...signalThreadFlag]
  const launcher = launcherPath()
  return fork(path, args, {
    // A worker has little use for the engine's own pools, which have a thread for each of four cores by default.
    env: { ...keptEnvironment(), UV_THREADPOOL_SIZE: '1', ...environment },
    serialization: 'advanced',
    ...(launcher === null ? {} : { execPath: launcher }),
    execArgv: launcher === null ? flags : [...launchArguments(launch), process.execPath, ...flags],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
}

/** Of what a process wrote to its standard error. The end says why it died; the rest repeats errors that were answered. */
const tailLengthMax = 4096

/**
 * Calls `action` once when the process is gone, its memory with it, or never started: with the signal or exit code, and the
 * first line of its last words that looks like an error.
 */
export function onceGone(child: ChildProcess, action: (reason: string) => void): void {
  let tail = ''
  let isGone = false
  const end = (reason: string): void => {
    if (isGone) return
    isGone = true
    action(reason)
  }
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    tail = (tail + text).slice(-tailLengthMax)
  })
  child.once('error', (error) => {
    if (child.pid === undefined) end(error.message)
  })
  // Not 'close' of the process, which does not come after a disconnect() from this side.
  child.once('exit', (code, signal) => {
    const how = signal ?? `exit code ${code}`
    const tell = (): void => {
      const words = tail.split('\n').find((line) => /error|terminate|abort/i.test(line) && !line.includes('    throw'))
      end(words === undefined ? how : `${how}, ${words.trim()}`)
    }
    if (child.stderr === null || child.stderr.destroyed) tell()
    else child.stderr.once('close', tell)
  })
}
