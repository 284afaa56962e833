import { setTimeout as wait } from 'node:timers/promises'
import { systemClock } from '../../node/system/index.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { testClock } from './clock.suite.ts'

// Node fires what is due in the order of the times, so that a wait that ends has all earlier timers behind it.
testClock('of the system', { clock: systemClock, pass: (elapsedMs) => wait(elapsedMs) })

const clock = new ManualClock()
testClock('by hand, for tests', {
  clock,
  pass: async (elapsedMs) => clock.advance(elapsedMs),
})
