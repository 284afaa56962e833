/** A flood of one kind of lines is a few lines and a number. */
import { expect, it } from 'vitest'
import { QuietLog } from '../../../node/main/quiet-log.ts'
import { ManualClock } from '../../support/manual-clock.ts'

function quiet(linesMax: number) {
  const clock = new ManualClock()
  const lines: [string, object][] = []
  const write = (data: object, message: string) => void lines.push([message, data])
  const log = new QuietLog({ debug: write, info: write, warn: write, error: write }, clock, {
    linesMax,
    windowMs: 10_000,
  })
  return { clock, lines, log }
}

it('lines of one kind are written so many times in a window, then counted; other kinds go on', () => {
  const { clock, lines, log } = quiet(2)
  for (let at = 0; at < 1_000; at += 1) log.warn({ at }, 'a connection was refused')
  log.info({}, 'started')
  expect(lines).toEqual([
    ['a connection was refused', { at: 0 }],
    ['a connection was refused', { at: 1 }],
    ['started', {}],
  ])
  clock.advance(10_000)
  expect(lines.at(-1)).toEqual(['a connection was refused (more of the same)', { omitted: 998, windowMs: 10_000 }])
  log.warn({ at: 'later' }, 'a connection was refused')
  expect(lines.at(-1)).toEqual(['a connection was refused', { at: 'later' }])
})

it('messages that all differ are no way around it', () => {
  const { lines, log } = quiet(2)
  for (let at = 0; at < 10_000; at += 1) log.error({}, `failed ${at}`)
  expect(lines.length).toBeLessThan(1_100)
})

it('0 is no limit, and lines for debugging have none', () => {
  const all = quiet(0)
  for (let at = 0; at < 100; at += 1) all.log.warn({}, 'again')
  expect(all.lines).toHaveLength(100)
  const some = quiet(1)
  for (let at = 0; at < 100; at += 1) some.log.debug({}, 'again')
  expect(some.lines).toHaveLength(100)
})

it('tells what was left out when the node stops', () => {
  const { lines, log } = quiet(1)
  for (let at = 0; at < 3; at += 1) log.warn({}, 'again')
  log.flush()
  expect(lines.at(-1)).toEqual(['again (more of the same)', { omitted: 2, windowMs: 10_000 }])
})
