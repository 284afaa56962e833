import { describe, expect, it } from 'vitest'
import { isTextFormat, textLine } from '../../cli/log-stream.ts'

const line = (facts: object) =>
  textLine(
    `${JSON.stringify({ level: 'warn', time: '2026-11-29T23:10:46.123Z', ...facts, msg: 'a peer is dropped' })}\n`,
  )

describe('a line of the log for people', () => {
  it('has time, level, words and facts', () => {
    expect(line({ name: 'box1', node: '12D3', elapsedMs: 12, from: null, to: '' })).toBe(
      '2026-11-29T23:10:46.123Z WARN  box1 a peer is dropped: node=12D3 elapsedMs=12',
    )
    expect(line({})).toBe('2026-11-29T23:10:46.123Z WARN  a peer is dropped')
  })

  it('has the message of an error, not its object, and cuts what is long', () => {
    const err = { type: 'Error', message: 'no route', stack: 'Error: no route\n    at x', remote: { port: 1 } }
    expect(line({ err })).toContain('err="no route"')
    expect(line({ data: { list: 'x'.repeat(5_000) } }).length).toBeLessThan(300)
  })

  it('lets nothing through that moves the cursor of a terminal', () => {
    expect(line({ remote: 'a\u001b[2Jb\nc' })).toContain('remote="a [2Jb c"')
  })

  it.each([
    { format: 'auto' as const, isTerminal: true, isText: true },
    { format: 'auto' as const, isTerminal: false, isText: false },
    { format: 'text' as const, isTerminal: false, isText: true },
    { format: 'json' as const, isTerminal: true, isText: false },
  ])('is the form of $format at a terminal: $isTerminal', ({ format, isTerminal, isText }) => {
    expect(isTextFormat(format, isTerminal)).toBe(isText)
  })
})
