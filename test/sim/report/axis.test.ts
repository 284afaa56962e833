/** Ticks stand at round numbers, and every value lies on its axis. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  amountAxis,
  bytesAxis,
  delayAxis,
  logAxis,
  msAxis,
  namesAxis,
  scaleOf,
  timeAxis,
} from '../../../sim/report/axis.ts'

const labels = ({ ticks }: { ticks: readonly { label: string }[] }) => ticks.map(({ label }) => label)

describe('axes', () => {
  test.each([
    { id: 'amounts', axis: amountAxis('', [0, 47]), expected: ['0', '10', '20', '30', '40', '50'] },
    { id: 'nothing', axis: amountAxis('', []), expected: ['0', '0.2', '0.4', '0.6', '0.8', '1'] },
    { id: 'bytes', axis: bytesAxis('', [3.2e9]), expected: ['0', '0.5', '1', '1.5', '2', '2.5', '3', '3.5'] },
    { id: 'milliseconds', axis: msAxis('', [420]), expected: ['0', '100', '200', '300', '400', '500'] },
    { id: 'seconds', axis: msAxis('', [4_200]), expected: ['0', '1', '2', '3', '4', '5'] },
    { id: 'minutes', axis: timeAxis(600), expected: ['0', '2 min', '4 min', '6 min', '8 min', '10 min'] },
    { id: 'hours', axis: timeAxis(86_400), expected: ['0', '4 h', '8 h', '12 h', '16 h', '20 h', '1 d'] },
    { id: 'logarithms', axis: logAxis('', [2, 40], String), expected: ['2', '5', '10', '20'] },
    { id: 'like delays', axis: delayAxis('', [40, 50, 60, 90]), expected: ['0', '20', '40', '60', '80', '100'] },
    {
      id: 'unlike delays',
      axis: delayAxis('', [0, 40, 50, 60, 9_000]),
      expected: ['50 ms', '100 ms', '200 ms', '500 ms', '1 s', '2 s', '5 s'],
    },
    { id: 'names', axis: namesAxis('', ['a', 'b']), expected: ['a', 'b'] },
  ])('$id', ({ axis, expected }) => {
    expect(labels(axis)).toEqual(expected)
  })

  test('name the unit', () => {
    expect(bytesAxis('model bytes', [3.2e9], '/s').title).toBe('model bytes, GB/s')
    expect(msAxis('load delay', [4_200]).title).toBe('load delay, s')
  })

  test('reach above every value with few ticks', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 1e-6, max: 1e15, noNaN: true }), { minLength: 1 }), (values) => {
        const axis = amountAxis('', values)
        expect(Math.max(...values)).toBeLessThanOrEqual(axis.to * (1 + 1e-9))
        expect(axis.ticks.length).toBeLessThanOrEqual(9)
        expect(axis.ticks.at(-1)!.at).toBeCloseTo(axis.to)
      }),
    )
  })

  test('put values in their order, within the axis', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1, max: 1e9, noNaN: true }),
        fc.double({ min: 1, max: 1e9, noNaN: true }),
        (a, b) => {
          for (const axis of [amountAxis('', [a, b]), logAxis('', [a, b], String)]) {
            const [left, right] = [Math.min(a, b), Math.max(a, b)].map(scaleOf(axis, [0, 1])) as [number, number]
            expect(left).toBeGreaterThanOrEqual(0)
            expect(right).toBeLessThanOrEqual(1)
            expect(left).toBeLessThanOrEqual(right)
          }
        },
      ),
    )
  })
})
