import { describe, expect, it } from 'vitest'
import { limitProcessor, processorMsOf } from '../../../node/runtime/processor-limit.ts'
import { ManualClock } from '../../support/manual-clock.ts'

/** @param used what of the time that has passed the work had the processor. */
function fixture(used: (passedMs: number) => number | null) {
  const clock = new ManualClock()
  const startedMs = clock.nowMs()
  const passedMs = () => clock.nowMs() - startedMs
  const lateMs: number[] = []
  const stop = limitProcessor({
    clock,
    usedMs: () => used(passedMs()),
    processorMsMax: 1_000,
    wallMsMax: 10_000,
    onLate: () => lateMs.push(passedMs()),
  })
  const pass = (ms: number) => {
    const untilMs = passedMs() + ms
    while (passedMs() < untilMs) clock.advance(100)
  }
  return { lateMs, stop, pass }
}

describe('a limit of processor time', () => {
  it('ends work that had the processor for itself', () => {
    const { lateMs, pass } = fixture((passedMs) => passedMs)
    pass(5_000)
    expect(lateMs).toEqual([1_000])
  })

  it('gives work of which the machine does a quarter four times as long', () => {
    const { lateMs, pass } = fixture((passedMs) => passedMs / 4)
    pass(3_900)
    expect(lateMs).toEqual([])
    pass(300)
    expect(lateMs).toEqual([4_000])
  })

  it('ends work that waits for nothing at last, and any in that time where nobody can tell', () => {
    const waiting = fixture(() => 0)
    waiting.pass(20_000)
    expect(waiting.lateMs).toEqual([10_000])
    const unknown = fixture(() => null)
    unknown.pass(20_000)
    expect(unknown.lateMs).toEqual([1_000])
  })

  it('ends nothing after it was stopped', () => {
    const { lateMs, stop, pass } = fixture(() => null)
    stop()
    pass(20_000)
    expect(lateMs).toEqual([])
  })
})

it.skipIf(process.platform !== 'linux')('the time that a process has used is what the kernel says', () => {
  const before = processorMsOf(process.pid)!
  const untilMs = performance.now() + 300_000
  while (processorMsOf(process.pid)! < before + 50) expect(performance.now()).toBeLessThan(untilMs)
  const { user, system } = process.cpuUsage()
  expect(Math.abs(processorMsOf(process.pid)! - (user + system) / 1_000)).toBeLessThan(200)
  expect(processorMsOf(2 ** 22 + 1)).toBeNull()
})
