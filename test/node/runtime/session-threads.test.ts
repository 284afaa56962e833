import { expect, test } from 'vitest'
import { threadBudgetOf } from '../../../node/runtime/options.ts'
import { intraOpThreadsFor } from '../../../node/runtime/session-threads.ts'

const large = 100e6

test('a small model has no threads of its own, a large one those that it wants', () => {
  const budget = { wanted: 4, poolThreadsMax: 8 }
  expect(intraOpThreadsFor(64 * 1024, 0, budget)).toBe(1)
  expect(intraOpThreadsFor(large, 0, budget)).toBe(4)
})

test('pools of all sessions stay below the threads of the worker', () => {
  const budget = { wanted: 4, poolThreadsMax: 8 }
  let poolThreads = 0
  for (let session = 0; session < 100; session++) poolThreads += intraOpThreadsFor(large, poolThreads, budget) - 1
  expect(poolThreads).toBe(8)
})

test('workers share the cores and the threads', () => {
  const one = threadBudgetOf({ intraOpThreads: 0, workerCount: 1, threadsPerCoreMax: 64 })
  const many = threadBudgetOf({ intraOpThreads: 0, workerCount: 64, threadsPerCoreMax: 64 })
  expect(many.poolThreadsMax).toBeLessThan(one.poolThreadsMax)
  expect(many.wanted).toBe(1)
  expect(threadBudgetOf({ intraOpThreads: 3, workerCount: 1, threadsPerCoreMax: 1 }).wanted).toBe(3)
  expect(threadBudgetOf({ intraOpThreads: 0, workerCount: 64, threadsPerCoreMax: 1 }).poolThreadsMax).toBe(0)
})
