import { expect, it } from 'vitest'
import { checkTraceSpan } from '../../../cli/simulate/trace-span.ts'

const traceOf = (...seconds: number[]) => ({ timesMs: Float64Array.from(seconds, (s) => s * 1_000) })

it('has nothing to say of a trace that is run as a whole', () => {
  expect(checkTraceSpan('t.csv', traceOf(0, 10, 299.5), { durationS: 300, warmupS: 60 })).toBeNull()
})

it('counts what lies after the end, and says how to run it', () => {
  const warning = checkTraceSpan('t.csv', traceOf(10, 100, 301, 999.2), { durationS: 300, warmupS: 60 })
  expect(warning).toBe(
    '2 of the 4 requests in t.csv come after durationS: 300 and are left out; --set durationS=1000 runs them all.',
  )
})

it.each([
  { id: 'ends in the warm-up', seconds: [10, 20], last: 20 },
  { id: 'begins after the end', seconds: [400, 500], last: 500 },
])('refuses a trace that $id: nothing would be measured', ({ seconds, last }) => {
  expect(() => checkTraceSpan('t.csv', traceOf(...seconds), { durationS: 300, warmupS: 60 })).toThrow(
    expect.objectContaining({
      code: 'BAD_TRACE',
      message: expect.stringContaining(`--set warmupS=0 --set durationS=${last}`),
    }),
  )
})
