/** A node as a process of its own, for the demo, the benches and the end-to-end tests: starts it, waits until it is up, ends it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { finished } from 'node:stream/promises'
import { HoldfastError } from '../common/index.ts'
import { flagNameOf, type NodeOptions, type OptionKey } from '../node/config/index.ts'
import { packageRoot } from '../node/system/index.ts'

export interface SpawnedNode {
  readonly name: string
  readonly nodeId: string
  readonly httpUrl: string
  readonly socketPath: string
  readonly addresses: readonly string[]
  readonly bulkAddress: string
  readonly logPath: string
  readonly process: ChildProcess
  /** SIGTERM, and SIGKILL when the node has not ended after a while. Resolves when the process is gone. */
  stop(): Promise<void>
  /** SIGKILL. Resolves when the process is gone. */
  kill(): Promise<void>
}

export interface SpawnNodeOptions {
  readonly name: string
  readonly dataPath: string
  readonly options: Partial<{ [K in OptionKey]: NodeOptions[K] | string }>
  /** The node's log. */
  readonly logPath: string
  /** Besides the caller's own, of which the settings of a node are left out. */
  readonly environment?: Readonly<Record<string, string>>
  /** Words before the command, as in `ip netns exec NAME`. What they run has to become the node, in the same process. */
  readonly enter?: readonly string[]
  /** A start takes about a second; on a loaded machine much longer. */
  readonly upTimeoutMs?: number
  /** How long stop() waits for the node before it kills it. */
  readonly stopTimeoutMs?: number
}

const defaultUpTimeoutMs = 60_000
const defaultStopTimeoutMs = 15_000
const logTailLines = 10

export async function spawnNode(request: SpawnNodeOptions): Promise<SpawnedNode> {
  const { name, dataPath, logPath, upTimeoutMs = defaultUpTimeoutMs, stopTimeoutMs = defaultStopTimeoutMs } = request
  const options = { 'node.name': name, 'node.dataDir': dataPath, 'http.port': 0, ...request.options }
  const flags = Object.entries(options).flatMap(([key, value]) => [flagNameOf(key as OptionKey), String(value)])
  const [command, ...words] = [...(request.enter ?? []), process.execPath, binPath(), 'node', ...flags]
  const child = spawn(command!, words, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...withoutNodeOptions(process.env), ...request.environment },
  })
  const log = createWriteStream(logPath, { flags: 'a' })
  child.stderr.pipe(log)
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const up = await Promise.race([
    firstLine(child),
    gone.then(() => null),
    new Promise<null>((resolve) => setTimeout(resolve, upTimeoutMs, null).unref()),
  ])
  if (up === null) {
    child.kill('SIGKILL')
    await finished(log)
    const tail = (await readFile(logPath, 'utf8')).trimEnd().split('\n').slice(-logTailLines).join('\n')
    throw new HoldfastError('SYSTEM', `Node ${name} did not start. The end of its log, ${logPath}:\n${tail}`)
  }
  const facts = JSON.parse(up) as { node: string; http: string; socket: string; addresses: string[]; bulk: string }
  return {
    name,
    nodeId: facts.node,
    httpUrl: facts.http,
    socketPath: facts.socket,
    addresses: facts.addresses,
    bulkAddress: facts.bulk,
    logPath,
    process: child,
    stop: async () => {
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
      await gone
      clearTimeout(timer)
    },
    kill: async () => {
      child.kill('SIGKILL')
      await gone
    },
  }
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => createInterface(child.stdout!).once('line', resolve))
}

function binPath(): string {
  return join(packageRoot, 'bin', 'holdfast.js')
}

/** The node's options come by flags alone, so that settings of the caller's own node do not leak in. */
function withoutNodeOptions(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('HOLDFAST_')))
}
