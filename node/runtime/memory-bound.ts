/**
 * Bounds the private memory that one action on a model may take beyond what its process has. The weights that are mapped from the store
 * do not count. What asks for more gets an error from the allocator, and the process goes on.
 */
import { HoldfastError } from '../../common/index.ts'

/** Of the runtime, the C++ library and the engine, when the system gives no more. */
const outOfMemory = /bad_alloc|bad allocation|Failed to allocate memory|Array buffer allocation failed|out of memory/i

export function isOutOfMemory(text: string): boolean {
  return outOfMemory.test(text)
}

export function memoryExceeded(action: string, limitBytes: number, option: string): HoldfastError {
  const message = `The model wanted more memory to be ${action} than the ${limitBytes} bytes that ${option} leaves it.`
  return new HoldfastError('MEMORY_EXCEEDED', message, { details: { limitBytes, isPassing: true } })
}

type LimitMemory = (moreBytes: number) => void

/** One action at a time, as the limit is one of the process. */
export class MemoryBound {
  readonly #limit: LimitMemory
  #last: Promise<unknown> = Promise.resolve()

  constructor(limit: LimitMemory) {
    this.#limit = limit
  }

  run<Value>(limitBytes: number, work: () => Promise<Value>): Promise<Value> {
    const turn = this.#last.then(() => this.#bounded(limitBytes, work))
    this.#last = turn.catch(() => {})
    return turn
  }

  async #bounded<Value>(limitBytes: number, work: () => Promise<Value>): Promise<Value> {
    this.#limit(limitBytes)
    try {
      return await work()
    } finally {
      this.#limit(0)
    }
  }
}
