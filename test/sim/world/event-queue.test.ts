import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createPrng } from '../../../common/prng.ts'
import { EventQueue } from '../../../sim/world/event-queue.ts'

test('actions run in order of time, and of scheduling where times are equal', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 20 })), (delays) => {
      const queue = new EventQueue()
      const ran: [number, number][] = []
      for (const [at, delayMs] of delays.entries()) queue.schedule(delayMs, () => ran.push([queue.nowMs, at]))
      queue.runUntil(20)
      const expected = delays.map((delayMs, at): [number, number] => [delayMs, at])
      expect(ran).toEqual(expected.sort((a, b) => a[0] - b[0] || a[1] - b[1]))
    }),
  )
})

test('the clock stops where it was told to, and what comes later waits', () => {
  const queue = new EventQueue()
  let ran = 0
  queue.schedule(10, () => queue.schedule(5, () => (ran += 1)))
  queue.runUntil(14)
  expect([queue.nowMs, ran, queue.length]).toEqual([14, 0, 1])
  queue.runUntil(15)
  expect([queue.nowMs, ran, queue.length]).toEqual([15, 1, 0])
  expect(() => queue.schedule(-1, () => {})).toThrow('broken invariant')
})

test('thousands of actions, scheduled before and during the run, keep their order', () => {
  const queue = new EventQueue()
  const random = createPrng(7)
  const ran: [number, number][] = []
  let scheduled = 0
  const add = (delayMs: number): void => {
    const order = scheduled
    scheduled += 1
    queue.schedule(delayMs, () => {
      ran.push([queue.nowMs, order])
      if (scheduled < 9_000) add(random.int(50))
    })
  }
  for (let at = 0; at < 3_000; at += 1) add(random.int(200))
  queue.runUntil(100_000)
  expect([ran.length, queue.length]).toEqual([9_000, 0])
  expect(
    ran.every(
      ([atMs, order], at) =>
        at === 0 || ran[at - 1]![0] < atMs || (ran[at - 1]![0] === atMs && ran[at - 1]![1] < order),
    ),
  ).toBe(true)
})
