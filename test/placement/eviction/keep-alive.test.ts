import { expect, test } from 'vitest'
import { createEvictionPolicy, type EvictionPolicy } from '../../../placement/index.ts'

const minuteMs = 60_000

function policyWith(requests: Record<string, readonly number[]>): EvictionPolicy {
  const policy = createEvictionPolicy('keepalive')
  const sorted = Object.entries(requests)
    .flatMap(([model, minutes]) => minutes.map((minute) => ({ model, nowMs: minute * minuteMs })))
    .sort((left, right) => left.nowMs - right.nowMs)
  for (const { model, nowMs } of sorted) policy.onRequest(model, nowMs)
  for (const model of Object.keys(requests)) policy.onInsert({ model, sizeBytes: 10, missCostMs: 1 }, 0)
  return policy
}

const every = (minutes: number, count: number) => Array.from({ length: count }, (_, index) => index * minutes)
const victims = (policy: EvictionPolicy, minute: number, neededBytes: number) =>
  policy
    .planEviction({ neededBytes, nowMs: minute * minuteMs, mayEvict: () => true })
    .victims.map(({ model, reason }) => `${model} ${reason}`)

test('evicts a model whose window has closed before one that was idle for longer but often is', () => {
  // Idle for 2 minutes at most, then silent; idle for 30 minutes as a rule.
  const policy = policyWith({ chatty: every(2, 50), patient: every(30, 4).concat([96, 97, 97.5]) })
  expect(victims(policy, 99, 20)).toEqual(['patient least-recent', 'chatty least-recent'])
  expect(victims(policy, 104, 20)).toEqual(['chatty window-closed', 'patient least-recent'])
})

test('the window is the 99th percentile of idle times and a tenth, in minutes', () => {
  expect(policyWith({ a: every(2, 50) }).score('a', 100 * minuteMs)).toEqual({
    score: expect.closeTo(1 / (1 + 2 * minuteMs), 12),
    parts: { idleMs: 2 * minuteMs, windowMs: 3 * minuteMs * 1.1, sizeBytes: 10 },
  })
})

test.each([
  { id: 'after a few idle times', minutes: every(2, 4) },
  { id: 'when idle times are all over the place', minutes: every(1, 60).map((n) => (n * (n + 1)) / 2) },
  { id: 'when most lay beyond it', minutes: every(300, 9).concat(every(1, 6).map((n) => 2401 + n)) },
])('the histogram is not trusted $id', ({ minutes }) => {
  const { parts } = policyWith({ a: minutes }).score('a', 0)!
  expect(parts.windowMs).toBe(240 * minuteMs)
})

test('a model asked for more often than a bin can count goes on learning', () => {
  const policy = createEvictionPolicy('keepalive')
  policy.onInsert({ model: 'a', sizeBytes: 10, missCostMs: 1 }, 0)
  for (let second = 0; second < 70_000; second++) policy.onRequest('a', second * 1000)
  expect(policy.score('a', 70_000_000)?.parts.windowMs).toBeCloseTo(1.1 * minuteMs)
})

test('what is resident is not forgotten, however many models pass by', () => {
  const policy = createEvictionPolicy('keepalive', { modelsMax: 20 })
  for (const minute of every(2, 50)) policy.onRequest('resident', minute * minuteMs)
  policy.onInsert({ model: 'resident', sizeBytes: 10, missCostMs: 1 }, 0)
  for (let index = 0; index < 500; index++) policy.onRequest(`m${index}`, index)
  expect(policy.score('resident', 0)?.parts.windowMs).toBeLessThan(4 * minuteMs)
  policy.checkInvariants()
})
