/**
 * Long computations on the event loop, cut into slices. Between two slices everything else of the process has its turn, and all
 * computations together get one slice per turn, so that many of them delay the rest no longer than one does.
 */

import { systemClock } from './clock.ts'

/** A health check or a heartbeat is late by no more than a few of these. */
const sliceMs = 5

const waiting: (() => void)[] = []
let isScheduled = false

/** Resolves when it is the caller's turn to compute for a slice. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve)
    schedule()
  })
}

/** Runs steps of at most a millisecond or two each. What fits one slice is done before this returns for the first time. */
export async function runInSlices<T>(steps: Iterator<unknown, T>): Promise<T> {
  let endMs = systemClock.nowMs() + sliceMs
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
    if (systemClock.nowMs() < endMs) continue
    await nextTurn()
    endMs = systemClock.nowMs() + sliceMs
  }
}

function schedule(): void {
  if (isScheduled || waiting.length === 0) return
  isScheduled = true
  setImmediate(() => {
    isScheduled = false
    waiting.shift()!()
    schedule()
  })
}
