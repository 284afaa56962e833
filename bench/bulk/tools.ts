/** Programs of the machine that the bench runs, and servers of them on loopback. */
import { type ChildProcess, spawn } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { HoldfastError } from '../../common/index.ts'
import type { Transfer } from './contender.ts'
import { endedChildrenSeconds, treeSeconds } from './processor-time.ts'

/** Servers lie in folders that a user's PATH may leave out. */
const extraFolders = ['/usr/sbin', '/usr/local/sbin', '/sbin']
const upTimeoutMs = 20_000
const lookMs = 20
const tailBytes = 500

/** The path of a program, or null where it is not installed. */
export async function toolPath(name: string): Promise<string | null> {
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), ...extraFolders]) {
    const path = join(folder, name)
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (isThere) return path
  }
  return null
}

/** Those of the programs that are not installed. */
export async function missingTools(names: readonly string[]): Promise<string[]> {
  const paths = await Promise.all(names.map(toolPath))
  return names.filter((_, index) => paths[index] === null)
}

/** Runs a program to its end, `enter` being words before it. SYSTEM, with the end of what it said, when it fails. @returns what it printed. */
export async function runTool(
  command: string,
  args: readonly string[],
  enter: readonly string[] = [],
): Promise<string> {
  const [first, ...words] = [...enter, command, ...args]
  const child = spawn(first!, words, { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  const [printed, said, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  if (code !== 0) throw new HoldfastError('SYSTEM', `${command} ended with ${code}: ${said.slice(-tailBytes)}`)
  return printed
}

/** Time and processor time of a program and of the server that it asks. */
export async function timed(server: ToolServer, work: () => Promise<void>): Promise<Transfer> {
  const before = (await endedChildrenSeconds()) + (await server.processorSeconds())
  const startedMs = performance.now()
  await work()
  const seconds = (performance.now() - startedMs) / 1000
  return { seconds, processorSeconds: (await endedChildrenSeconds()) + (await server.processorSeconds()) - before }
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** A server that listens on a port of loopback, as long as the bench needs it. */
export class ToolServer {
  private readonly child: ChildProcess
  private readonly gone: Promise<void>

  private constructor(child: ChildProcess, gone: Promise<void>) {
    this.child = child
    this.gone = gone
  }

  /** `enter`: words before the command, as in `ip netns exec NAME`. SYSTEM when it ends before it listens. */
  static async start(
    command: string,
    args: readonly string[],
    at: { readonly host: string; readonly port: number; readonly enter?: readonly string[] },
  ): Promise<ToolServer> {
    const [first, ...words] = [...(at.enter ?? []), command, ...args]
    const child = spawn(first!, words, { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (part: string) => {
      said = (said + part).slice(-tailBytes)
    })
    let hasEnded = false
    const gone = new Promise<void>((resolve) => {
      child.once('error', (error) => {
        said += error.message
        hasEnded = true
        resolve()
      })
      child.once('exit', () => {
        hasEnded = true
        resolve()
      })
    })
    const deadlineMs = performance.now() + upTimeoutMs
    while (!(await listens(at.host, at.port))) {
      if (hasEnded || performance.now() > deadlineMs) {
        child.kill('SIGKILL')
        throw new HoldfastError('SYSTEM', `${command} does not listen: ${said}`)
      }
      await new Promise((resolve) => setTimeout(resolve, lookMs))
    }
    return new ToolServer(child, gone)
  }

  processorSeconds(): Promise<number> {
    return treeSeconds(this.child.pid!)
  }

  async stop(): Promise<void> {
    this.child.kill('SIGTERM')
    await this.gone
  }
}

function listens(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host)
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
