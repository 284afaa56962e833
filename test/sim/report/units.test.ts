import { expect, test } from 'vitest'
import { formatBytes, formatCount, formatMs, formatSpan, formatUsd } from '../../../sim/report/units.ts'

test('figures have three digits and a unit that fits', () => {
  expect([0, 999, 999.6, 1_500, 999_900, 4e9].map(formatBytes)).toEqual([
    '0 B',
    '999 B',
    '1 kB',
    '1.5 kB',
    '1 MB',
    '4 GB',
  ])
  expect([0, 0.4956, 12.34, 999.6, 81_900].map(formatMs)).toEqual(['0 ms', '0.496 ms', '12.3 ms', '1 s', '81.9 s'])
  expect([0, 0.001234, 0.5, 1234.6].map(formatUsd)).toEqual(['$0.00', '$0.0012', '$0.50', '$1\u202f235'])
  expect([999, 1_000, 1_234_567].map(formatCount)).toEqual(['999', '1\u202f000', '1\u202f234\u202f567'])
  expect([0.5, 45, 60, 750, 12_000, 187_200].map(formatSpan)).toEqual([
    '0.5 s',
    '45 s',
    '1 min',
    '12 min 30 s',
    '3 h 20 min',
    '2 d 4 h',
  ])
})
