import { expect, it } from 'vitest'
import { slowStartLossMs } from '../../../sim/network/slow-start.ts'

const line = { initialWindowBytes: 10_000, bytesPerS: 1_000_000, rttMs: 100, sizeBytes: 3_000_000 }

it.each([
  // Windows of 10, 20, 40 and 80 kB take 10 to 80 ms to send, and each round takes 100.
  { what: 'a long fat line', line, lossMs: 90 + 80 + 60 + 20 },
  { what: 'a line that the first window fills', line: { ...line, rttMs: 10 }, lossMs: 0 },
  { what: 'what fits into the first window', line: { ...line, sizeBytes: 10_000 }, lossMs: 0 },
  { what: 'what ends in the third round', line: { ...line, sizeBytes: 50_000 }, lossMs: 90 + 80 },
])('costs $lossMs ms on $what', ({ line: given, lossMs }) => {
  expect(slowStartLossMs(given)).toBe(lossMs)
})
