/**
 * Many runs on several threads. Results stand in the order of the runs, whichever is done first, so that a report is the same on
 * any number of cores. A run that fails ends all: a table with a hole compares nothing.
 */
import { availableParallelism } from 'node:os'
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { type ErrorDetails, HoldfastError, isErrorCode } from '../../common/index.ts'
import type { RunResult, Scenario, ScenarioInputs } from '../../sim/index.ts'

export interface Run {
  readonly scenario: Scenario
  readonly inputs: ScenarioInputs
}

export interface PoolOptions {
  /** Threads. More than the cores only take turns. */
  readonly jobCount?: number
  /** Runs that are done, with parts of those under way. */
  readonly onProgress?: (doneCount: number) => void
}

/** What a thread is told, and what it says. */
export type PoolMessage = { readonly index: number } & (
  | { readonly kind: 'progress'; readonly share: number }
  | { readonly kind: 'done'; readonly result: RunResult }
  | { readonly kind: 'failed'; readonly code: string | null; readonly message: string; readonly details: ErrorDetails }
)
export type PoolTask = Run & { readonly index: number }

export async function runAll(runs: readonly Run[], options: PoolOptions = {}): Promise<RunResult[]> {
  const { jobCount = availableParallelism(), onProgress } = options
  const results = new Array<RunResult>(runs.length)
  const shares = new Float64Array(runs.length)
  const waiting = runs.map((run, index) => ({ ...run, index })).reverse()
  const workers = Array.from(
    { length: Math.min(jobCount, runs.length) },
    () => new Worker(new URL(`./run-worker${extname(import.meta.url)}`, import.meta.url)),
  )
  const told = (message: PoolMessage): void => {
    if (message.kind === 'failed') throw errorOf(message)
    shares[message.index] = message.kind === 'done' ? 1 : message.share
    if (message.kind === 'done') results[message.index] = message.result
    onProgress?.(shares.reduce((sum, share) => sum + share, 0))
  }
  try {
    await Promise.all(workers.map((worker) => drain(worker, waiting, told)))
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
  return results
}

/** One thread takes tasks until there are none. */
function drain(worker: Worker, waiting: PoolTask[], told: (message: PoolMessage) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const next = (): void => {
      const task = waiting.pop()
      if (task === undefined) resolve()
      else worker.postMessage(task)
    }
    worker.on('message', (message: PoolMessage) => {
      try {
        told(message)
      } catch (error) {
        return reject(error as Error)
      }
      if (message.kind === 'done') next()
    })
    worker.once('error', reject)
    worker.once('exit', (code) => reject(new Error(`a thread of the simulator ended with code ${code}`)))
    next()
  })
}

function errorOf({ code, message, details }: Extract<PoolMessage, { kind: 'failed' }>): Error {
  if (code === null || !isErrorCode(code)) return new Error(message)
  return new HoldfastError(code, message, { details })
}
