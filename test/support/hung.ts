import { TestRunner } from 'vitest'
import { hangMs } from './hang-ms.ts'

/** Fires when the running test or its hook has hung; outside of tests, as in beforeAll, after as long as a test may take. */
export function hung(): AbortSignal {
  return TestRunner.getCurrentTest()?.context.signal ?? AbortSignal.timeout(hangMs)
}
