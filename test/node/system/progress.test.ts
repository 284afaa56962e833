import { Writable } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { formatBytes, formatSeconds } from '../../../common/format-bytes.ts'
import { formatTable } from '../../../common/format-table.ts'
import { type ProgressOptions, startProgress } from '../../../node/system/progress.ts'

/** A terminal, or a pipe, that keeps what is written to it. */
class Screen extends Writable {
  readonly isTTY: boolean
  readonly columns: number
  readonly written: string[] = []

  constructor({ isTTY = false, columns = 80 }: { isTTY?: boolean; columns?: number } = {}) {
    super({ decodeStrings: false })
    this.isTTY = isTTY
    this.columns = columns
  }

  override _write(text: string, _encoding: BufferEncoding, done: () => void): void {
    this.written.push(text)
    done()
  }

  /** The lines as they were drawn, without what moves the cursor. */
  lines(): string[] {
    return this.written.map((text) => stripVTControlCharacters(text)).filter((text) => text.trim() !== '')
  }
}

function progressTo(screen: Screen, options: Partial<ProgressOptions> = {}) {
  return startProgress({ title: 'push a/b:c', stream: screen, nowMs: () => Date.now(), ...options })
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('Progress on a terminal', () => {
  test('redraws one line with bar, rate, remaining time and what is in work', async () => {
    const screen = new Screen({ isTTY: true, columns: 120 })
    const progress = await progressTo(screen)
    progress.update({ doneBytes: 0, totalBytes: 100e6 })
    vi.advanceTimersByTime(1000)
    progress.update({ doneBytes: 25e6, totalBytes: 100e6, note: 'x.bin' })
    vi.advanceTimersByTime(100)
    progress.end()
    expect([...new Set(screen.lines())]).toEqual([
      `push a/b:c ${'░'.repeat(24)} 0% of 100 MB`,
      `push a/b:c ${'█'.repeat(6)}${'░'.repeat(18)} 25% of 100 MB, 25.0 MB/s, 3 s left  x.bin`,
    ])
    expect(screen.written.at(-1)).toBe('\x1b[2K')
  })

  test('draws no more often than anyone can read, and never beyond the right edge', async () => {
    const screen = new Screen({ isTTY: true, columns: 30 })
    const progress = await progressTo(screen)
    for (let done = 0; done < 1000; done++) {
      progress.update({ doneBytes: done, totalBytes: 1000, note: 'a long name of a file' })
      vi.advanceTimersByTime(1)
    }
    progress.end()
    expect(screen.lines().length).toBeLessThanOrEqual(13)
    for (const line of screen.lines()) expect(line.length).toBeLessThan(30)
  })

  test('is drawn also while nothing else runs', async () => {
    const screen = new Screen({ isTTY: true, columns: 120 })
    let nowMs = 0
    const progress = await progressTo(screen, { nowMs: () => nowMs })
    for (; nowMs <= 2000; nowMs += 500) {
      vi.setSystemTime(nowMs)
      progress.update({ doneBytes: nowMs, totalBytes: 2000 })
    }
    expect(screen.lines().length).toBeGreaterThan(2)
    progress.end()
  })

  test('takes the rate of the last seconds', async () => {
    const screen = new Screen({ isTTY: true, columns: 120 })
    const progress = await progressTo(screen)
    for (let second = 0; second <= 60; second++) {
      progress.update({ doneBytes: second <= 30 ? second * 10e6 : 300e6 + (second - 30) * 1e6, totalBytes: 1e9 })
      vi.advanceTimersByTime(1000)
    }
    progress.end()
    expect(screen.lines().at(-1)).toContain('1.00 MB/s')
  })

  test('lets no control character of a file name through', async () => {
    const screen = new Screen({ isTTY: true, columns: 200 })
    const progress = await progressTo(screen)
    progress.update({ doneBytes: 1, totalBytes: 2, note: 'evil\x1b[2J\u202e' })
    expect(screen.written.join('')).toContain('evil?[2J?')
    progress.end()
  })

  test('shows an empty model as such', async () => {
    const screen = new Screen({ isTTY: true, columns: 200 })
    const progress = await progressTo(screen)
    progress.update({ doneBytes: 0, totalBytes: 0 })
    expect(screen.lines()[0]).toContain('0% of 0 B')
    progress.end()
  })
})

describe('Progress in a pipe', () => {
  test('writes plain lines now and then, and nothing for what is over soon', async () => {
    const screen = new Screen()
    const progress = await progressTo(screen)
    for (let atMs = 0; atMs < 25_000; atMs += 100) {
      progress.update({ doneBytes: atMs * 1000, totalBytes: 100e6 })
      vi.advanceTimersByTime(100)
    }
    progress.end()
    expect(screen.written).toEqual([
      'push a/b:c: 10% of 100 MB, 1.00 MB/s, 1 min 30 s left\n',
      'push a/b:c: 20% of 100 MB, 1.00 MB/s, 1 min 20 s left\n',
    ])
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
