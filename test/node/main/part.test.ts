import { describe, expect, it } from 'vitest'
import { type Part, Parts } from '../../../node/main/part.ts'
import type { Log } from '../../../node/system/log.ts'
import { ManualClock } from '../../support/manual-clock.ts'

function setup() {
  const events: string[] = []
  const log: Log = {
    debug: () => {},
    info: () => {},
    warn: () => {},
    error: (data, message) => events.push(`${message}: ${(data as { part: string }).part}`),
  }
  const part = (name: string): Part => ({
    name,
    start: async () => {
      events.push(`start ${name}`)
    },
    stop: async () => {
      events.push(`stop ${name}`)
    },
  })
  return { events, part, parts: new Parts({ clock: new ManualClock(), log }) }
}

describe('Parts', () => {
  it('start in order and stop in reverse, once', async () => {
    const { events, part, parts } = setup()
    await parts.start([part('a'), { name: 'neither' }])
    await parts.start([part('b')])
    await parts.stop()
    await parts.stop()
    expect(events).toEqual(['start a', 'start b', 'stop b', 'stop a'])
  })

  it('leave those unstarted that come after one that fails, and stop those before it', async () => {
    const { events, part, parts } = setup()
    const failing: Part = { ...part('bad'), start: () => Promise.reject(new Error('no')) }
    await expect(parts.start([part('a'), failing, part('c')])).rejects.toThrow('no')
    await parts.stop()
    expect(events).toEqual(['start a', 'stop a'])
  })

  it('stop although one of them cannot, which is logged', async () => {
    const { events, part, parts } = setup()
    const failing: Part = {
      name: 'bad',
      stop: () => {
        throw new Error('no')
      },
    }
    await parts.start([part('a'), failing])
    await parts.stop()
    expect(events).toEqual(['start a', 'a part did not stop cleanly: bad', 'stop a'])
  })
})
