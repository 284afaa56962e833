import { describe, expect, test } from 'vitest'
import { formatBytes, formatSeconds } from '../../../common/format-bytes.ts'
import { formatTable } from '../../../common/format-table.ts'
import { Progress, type ProgressOptions } from '../../../node/system/progress.ts'

function progressTo(stream: { isTTY?: boolean; columns?: number }, options: Partial<ProgressOptions> = {}) {
  const written: string[] = []
  const clock = { nowMs: 0 }
  const progress = new Progress({
    title: 'push a/b:c',
    stream: { ...stream, write: (text) => written.push(text) },
    nowMs: () => clock.nowMs,
    ...options,
  })
  return { progress, written, clock }
}

describe('Progress on a terminal', () => {
  test('redraws one line with bar, rate, remaining time and what is in work', () => {
    const { progress, written, clock } = progressTo({ isTTY: true, columns: 120 })
    progress.update({ doneBytes: 0, totalBytes: 100e6 })
    clock.nowMs = 1000
    progress.update({ doneBytes: 25e6, totalBytes: 100e6, note: 'x.bin' })
    expect(written).toEqual([
      `\r\x1b[2Kpush a/b:c ${'░'.repeat(24)} 0% of 100 MB`,
      `\r\x1b[2Kpush a/b:c ${'█'.repeat(6)}${'░'.repeat(18)} 25% of 100 MB, 25.0 MB/s, 3 s left  x.bin`,
    ])
    progress.end()
    expect(written.at(-1)).toBe('\r\x1b[2K')
  })

  test('draws no more often than anyone can read, and never beyond the right edge', () => {
    const { progress, written, clock } = progressTo({ isTTY: true, columns: 30 })
    for (clock.nowMs = 0; clock.nowMs <= 1000; clock.nowMs++) {
      progress.update({ doneBytes: clock.nowMs, totalBytes: 1000, note: 'a long name of a file' })
    }
    expect(written).toHaveLength(11)
    for (const line of written) expect(line.length - '\r\x1b[2K'.length).toBeLessThan(30)
  })

  test('takes the rate of the last seconds', () => {
    const { progress, written, clock } = progressTo({ isTTY: true, columns: 120 })
    for (let second = 0; second <= 60; second++) {
      clock.nowMs = second * 1000
      progress.update({ doneBytes: second <= 30 ? second * 10e6 : 300e6 + (second - 30) * 1e6, totalBytes: 1e9 })
    }
    expect(written.at(-1)).toContain('1.00 MB/s')
  })

  test('lets no control character of a file name through', () => {
    const { progress, written } = progressTo({ isTTY: true, columns: 200 })
    progress.update({ doneBytes: 1, totalBytes: 2, note: 'evil\x1b[2J\u202e' })
    expect(written[0]).toContain('evil?[2J?')
  })

  test('shows an empty model as such', () => {
    const { progress, written } = progressTo({ isTTY: true, columns: 200 })
    progress.update({ doneBytes: 0, totalBytes: 0 })
    expect(written[0]).toContain('0% of 0 B')
  })
})

describe('Progress in a pipe', () => {
  test('writes plain lines now and then, and nothing for what is over soon', () => {
    const { progress, written, clock } = progressTo({})
    for (clock.nowMs = 0; clock.nowMs < 25_000; clock.nowMs += 100) {
      progress.update({ doneBytes: clock.nowMs * 1000, totalBytes: 100e6 })
    }
    progress.end()
    expect(written).toEqual(['push a/b:c: 10% of 100 MB\n', 'push a/b:c: 20% of 100 MB, 1.00 MB/s, 1 min 20 s left\n'])
  })
})

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.00 kB'],
  [9995, '10.0 kB'],
  [99_950, '100 kB'],
  [999_499, '999 kB'],
  [999_500, '1.00 MB'],
  [5_002_848, '5.00 MB'],
  [2 ** 53, '9.01 PB'],
  [2e19, '20000 PB'],
])('formatBytes(%i) is %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text)
})

test.each([
  [0.4, '0 s'],
  [59.4, '59 s'],
  [65, '1 min 05 s'],
  [3600, '1 h 00 min'],
  [7260, '2 h 01 min'],
  [-1, '0 s'],
])('formatSeconds(%d) is %s', (seconds, text) => {
  expect(formatSeconds(seconds)).toBe(text)
})

test('formatTable aligns columns and leaves no blanks at the end of lines', () => {
  expect(
    formatTable(
      ['A', 'LONG'],
      [
        ['wide cell', '1'],
        ['x', ''],
      ],
    ),
  ).toBe('A          LONG\nwide cell  1\nx')
})
