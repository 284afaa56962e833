/** One framework as the bench sees it: programs that load a model from its own file or from the store, and say how long that took. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { HoldfastError } from '../../common/index.ts'
import { type MappedMemory, mappedMemoryOfAll } from './memory-maps.ts'
import { clientsPath, cProgramsPath, packageRoot, programPath } from './package-paths.ts'

export interface ReadyRequest {
  readonly from: 'file' | 'store'
  readonly model: string
  readonly count: number
  readonly hold: boolean
}

export interface ReadyResult {
  readonly readyMs: readonly number[]
  readonly inferMs?: readonly number[]
}

/** The program and its first arguments; the request comes last, as JSON. */
export interface FrameworkCommand {
  readonly command: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
  /** What its requests have besides. */
  readonly extra: object
}

export const pythonPath = process.env.HOLDFAST_PYTHON ?? '/usr/bin/python3'

export function onnxCommand(extra: object): FrameworkCommand {
  return { command: process.execPath, args: [programPath('onnx-ready')], env: process.env, extra }
}

/** Null where this machine has no PyTorch. */
export function torchCommand(socketPath: string): FrameworkCommand | null {
  if (spawnSync(pythonPath, ['-c', 'import torch'], { stdio: 'ignore' }).status !== 0) return null
  const env = { ...process.env, HOLDFAST_SOCKET: socketPath, PYTHONPATH: join(clientsPath, 'python') }
  return { command: pythonPath, args: [join(cProgramsPath, 'torch_ready.py')], env, extra: {} }
}

/** Null where node-llama-cpp is installed neither beside this package nor in its own folder ($HOLDFAST_LLAMA). */
export function llamaCommand(socketPath: string): FrameworkCommand | null {
  const own = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'holdfast', 'llama')
  const llamaPath = [process.env.HOLDFAST_LLAMA ?? own, packageRoot].find((folder) =>
    existsSync(join(folder, 'node_modules', 'node-llama-cpp')),
  )
  if (llamaPath === undefined) return null
  const extra = { socketPath, llamaPath }
  return { command: process.execPath, args: [programPath('llama-ready')], env: process.env, extra }
}

export async function runReady(framework: FrameworkCommand, request: ReadyRequest): Promise<ReadyResult> {
  const { result, end } = await start(framework, request)
  await end()
  return result
}

/** Two processes that are ready with one model of the store: what they map. */
export async function mappedByTwo(framework: FrameworkCommand, model: string): Promise<MappedMemory> {
  const request: ReadyRequest = { from: 'store', model, count: 1, hold: true }
  const both = await Promise.all([start(framework, request), start(framework, request)])
  const mapped = await mappedMemoryOfAll(both.map(({ pid }) => pid))
  await Promise.all(both.map(({ end }) => end()))
  return mapped
}

async function start(
  { command, args, env, extra }: FrameworkCommand,
  request: ReadyRequest,
): Promise<{ result: ReadyResult; pid: number; end: () => Promise<void> }> {
  const text = JSON.stringify({ ...extra, ...request })
  const child = spawn(command, [...args, text], { env, stdio: ['pipe', 'pipe', 'inherit'] })
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const line = await new Promise<string>((resolve, reject) => {
    createInterface(child.stdout).once('line', resolve)
    void gone.then(() =>
      reject(new HoldfastError('SYSTEM', `${command} ${args.join(' ')} failed; the error above says why.`)),
    )
  })
  const end = async () => {
    // One that holds nothing may have ended.
    child.stdin.on('error', () => {}).end()
    await gone
  }
  return { result: JSON.parse(line) as ReadyResult, pid: child.pid!, end }
}
