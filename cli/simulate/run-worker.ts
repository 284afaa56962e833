/** A thread that runs one scenario after another, as it is told, and says how far it is. */
import { parentPort } from 'node:worker_threads'
import { isHoldfastError } from '../../common/index.ts'
import { runScenario } from '../../sim/index.ts'
import type { PoolMessage, PoolTask } from './run-pool.ts'

const port = parentPort!

port.on('message', ({ index, scenario, inputs }: PoolTask) => {
  const tell = (message: PoolMessage): void => port.postMessage(message)
  try {
    const result = runScenario(scenario, { inputs, onProgress: (share) => tell({ kind: 'progress', index, share }) })
    tell({ kind: 'done', index, result })
  } catch (error) {
    const message = (error as Error).message
    const known = isHoldfastError(error) ? { code: error.code, details: error.details } : { code: null, details: {} }
    tell({ kind: 'failed', index, message, ...known })
  }
})
