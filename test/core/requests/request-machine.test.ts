import { describe, expect, it } from 'vitest'
import { asked, failed, RequestFixture, told, within } from './fixture.ts'

const never = Number.POSITIVE_INFINITY

describe('a request of a user', () => {
  it('is brought, run and answered, and what it took is measured', () => {
    const fixture = new RequestFixture()
    fixture.here.add('m')
    expect(told(fixture.arrive(1))).toEqual([`1 bring within ${never}`])
    fixture.nowMs += 30
    expect(told(fixture.step({ kind: 'brought', request: 1, source: 'disk' }))).toEqual([`1 run within ${never}`])
    fixture.nowMs += 7
    expect(told(fixture.step({ kind: 'ran', request: 1, executeMs: 5 }))).toEqual(['1 by self from disk after 37'])
    expect([fixture.noted, fixture.measured]).toEqual([['m of a user'], ['init 29', 'execute 5']])
    expect(fixture.machine.openCount).toBe(0)
  })

  it('says with the answer why it went where it went', () => {
    const fixture = new RequestFixture()
    fixture.holders = { near: 1 }
    fixture.arrive(1)
    const [answer] = fixture.answered(1)
    expect(answer).toMatchObject({ servedFrom: 'forwarded', decision: { kind: 'forward', reason: 'best-holder' } })
  })

  it('goes to the next holder when one fails, to three at most, and is then brought', () => {
    const fixture = new RequestFixture()
    fixture.holders = { a: 1, b: 11, c: 21, d: 31 }
    const lines = told(fixture.arrive(1))
    for (let tries = 0; tries < 3; tries += 1) {
      lines.push(...told(fixture.failedAtHolder(1, 'FORWARD_REFUSED')))
    }
    const to = (node: string) => `1 to ${node} within 30000`
    expect(lines).toEqual([to('a'), to('b'), to('c'), `1 bring within ${never}`])
  })

  it.each(['INFERENCE_FAILED', 'BAD_REQUEST', 'NOT_RUNNABLE'] as const)('ends with %s of a holder', (code) => {
    const fixture = new RequestFixture()
    fixture.holders = { a: 1, b: 11 }
    fixture.arrive(1)
    expect(told(fixture.failedAtHolder(1, code))).toEqual([`1 ${code}`])
  })

  it.each(['MEMORY_FULL', 'DISK_FULL', 'DISK_FAILED', 'OVERLOADED'] as const)(
    'goes to a holder after all when this node says %s',
    (code) => {
      const fixture = new RequestFixture()
      fixture.holders = { far: 90_000 }
      fixture.arrive(1)
      const effects = fixture.step({ kind: 'not-brought', request: 1, failure: failed(code) })
      expect(told(effects)).toEqual(['1 to far within 30000'])
      const isOfRoom = code === 'MEMORY_FULL' || code === 'DISK_FULL'
      const after = told(fixture.failedAtHolder(1, 'PEER_UNREACHABLE'))
      expect(after).toEqual(isOfRoom ? ['1 timer 6 after 10000'] : [`1 ${code}`])
    },
  )

  it('ends with what else goes wrong here', () => {
    const fixture = new RequestFixture()
    fixture.arrive(1)
    expect(told(fixture.step({ kind: 'not-brought', request: 1, failure: failed('NO_SOURCE') }))).toEqual([
      '1 NO_SOURCE',
    ])
  })

  it.each([
    ['TOO_LARGE', { runBytes: 10_000_001 }],
    ['NOT_RUNNABLE', { cannotRun: failed('NOT_RUNNABLE') }],
  ])('is %s when nobody can run it', (code, over) => {
    const fixture = new RequestFixture()
    expect(told(fixture.arrive(1, over))).toEqual([`1 ${code}`])
    fixture.holders = { near: 1 }
    expect(told(fixture.arrive(2, over))).toEqual(['2 to near within 30000'])
  })

  it('is NO_SOURCE when nobody has it, SHUTTING_DOWN once the door is closed', () => {
    const fixture = new RequestFixture()
    fixture.hasOrigin = false
    expect(told(fixture.arrive(1))).toEqual(['1 NO_SOURCE'])
    fixture.ready.add('m')
    expect(told(fixture.arrive(2))).toEqual([`2 bring within ${never}`])
    fixture.step({ kind: 'door-closed' })
    expect(told(fixture.arrive(3))).toEqual(['3 SHUTTING_DOWN'])
  })

  it('that waits for a fetch under way waits for the rest only', () => {
    const fixture = new RequestFixture()
    fixture.holders = { far: 200 }
    expect(fixture.machine.route(asked, asked.context, {}, 0).kind).toBe('forward')
    fixture.missingBytes = 1
    expect(fixture.machine.route(asked, asked.context, {}, 0).kind).toBe('fetch')
  })

  it('counts at the holder that it was sent to, until it is answered', () => {
    const fixture = new RequestFixture()
    fixture.executeMs = 0
    fixture.holders = { near: 10, next: 16 }
    const places = [1, 2, 3, 4].map((request) => told(fixture.arrive(request))[0]!.split(' ')[2])
    // Ten milliseconds each while nothing was measured.
    expect(places).toEqual(['near', 'next', 'near', 'next'])
    for (const request of [1, 2, 3, 4]) fixture.answered(request, request)
    expect(told(fixture.arrive(5))).toEqual(['5 to near within 30000'])
  })
})

describe('a request that no node can answer in time', () => {
  const busy = () => {
    const fixture = new RequestFixture()
    fixture.ready.add('m')
    fixture.here.add('m')
    fixture.sure = { initMs: 0, executeMs: 5 }
    fixture.queueMs = 100
    return fixture
  }

  it('is refused with nothing begun, and says what was predicted', () => {
    const fixture = busy()
    fixture.holders = { a: 200 }
    const effects = fixture.arrive(1, within(50.4))
    const message =
      'An answer for acme/m is predicted after 105 ms at best, and 50 ms are left: nothing was begun; allow more time.'
    const details = { predictedMs: 105, deadlineMs: 50 }
    expect(effects).toEqual([{ kind: 'fail', request: 1, failure: { code: 'DEADLINE_UNREACHABLE', message, details } }])
    expect(fixture.machine.openCount).toBe(0)
  })

  it('is not fetched for', () => {
    const fixture = new RequestFixture()
    fixture.sure = { initMs: 20, executeMs: 5 }
    expect(told(fixture.arrive(1, within(24)))).toEqual(['1 DEADLINE_UNREACHABLE'])
    expect(told(fixture.arrive(2, within(26)))).toEqual(['2 bring within 26', '2 timer 2 after 26'])
  })

  it('goes to a holder that can', () => {
    const fixture = busy()
    fixture.holders = { a: 10 }
    expect(told(fixture.arrive(1, within(50)))).toEqual(['1 to a within 50'])
    expect(told(fixture.failedAtHolder(1, 'DEADLINE_UNREACHABLE'))).toEqual(['1 DEADLINE_UNREACHABLE'])
  })

  it('is refused by a holder, whose sender looks elsewhere', () => {
    const fixture = busy()
    const sent = { kind: 'sent-here', request: 1, from: 'other', asked: { ...asked, ...within(50) } } as const
    expect(told(fixture.step(sent))).toEqual(['1 DEADLINE_UNREACHABLE'])
    fixture.queueMs = 0
    expect(told(fixture.step({ ...sent, request: 2 }))[0]).toBe('2 bring within 50')
  })

  it('is taken for as long as others who wait are of no known length', () => {
    const fixture = busy()
    fixture.sureQueueMs = 44
    expect(told(fixture.arrive(1, within(50)))[0]).toBe('1 bring within 50')
    fixture.sureQueueMs = 46
    expect(told(fixture.arrive(2, within(50)))).toEqual(['2 DEADLINE_UNREACHABLE'])
  })

  it('is taken while the model is started, though a whole start would take too long', () => {
    const fixture = new RequestFixture()
    fixture.here.add('m')
    fixture.sure = { initMs: 20, executeMs: 5 }
    expect(told(fixture.arrive(1, within(10)))).toEqual(['1 DEADLINE_UNREACHABLE'])
    fixture.coming.add('m')
    expect(told(fixture.arrive(2, within(10)))[0]).toBe('2 bring within 10')
  })

  it('is taken when slow transfers have made the way of the bytes look long', () => {
    const fixture = new RequestFixture()
    fixture.isOriginMeasured = true
    fixture.transferFactor = 8
    fixture.sure = { initMs: 20, executeMs: 5 }
    // A megabyte at a megabyte a second: eight seconds by what such transfers took.
    expect(told(fixture.arrive(1, within(3_000)))[0]).toBe('1 bring within 3000')
  })

  it('is taken when nothing is known', () => {
    const fixture = new RequestFixture()
    expect(told(fixture.arrive(1, within(1)))).toEqual(['1 bring within 1', '1 timer 2 after 1'])
  })
})

describe('a run', () => {
  it('has to begin so early that it ends in time, by what is certain of it', () => {
    const fixture = new RequestFixture()
    fixture.sure = { initMs: 0, executeMs: 4 }
    fixture.arrive(1, within(50))
    fixture.nowMs += 20
    const [run] = fixture.step({ kind: 'brought', request: 1, source: 'disk' })
    expect(run).toMatchObject({
      kind: 'run',
      deadlineMs: 30,
      order: { tenant: 'public', latestMs: fixture.nowMs + 26, costMs: 5 },
    })
    fixture.arrive(2)
    expect(fixture.step({ kind: 'brought', request: 2, source: 'disk' })[0]).toMatchObject({
      order: { latestMs: Number.POSITIVE_INFINITY },
    })
  })

  it('teaches what a start takes once, however many waited for it', () => {
    const fixture = new RequestFixture()
    fixture.here.add('m')
    for (const request of [1, 2, 3]) {
      fixture.arrive(request)
      fixture.nowMs += 10
    }
    for (const request of [1, 2, 3]) fixture.step({ kind: 'brought', request, source: 'disk' })
    expect(fixture.measured).toEqual(['init 29'])
    fixture.arrive(4)
    fixture.nowMs += 7
    fixture.step({ kind: 'brought', request: 4, source: 'disk' })
    expect(fixture.measured).toEqual(['init 29', 'init 6'])
  })

  it('elsewhere teaches what it takes, as far as the answer took that long', () => {
    const fixture = new RequestFixture()
    fixture.holders = { a: 10 }
    fixture.arrive(1)
    fixture.nowMs += 50
    fixture.step({ kind: 'holder-answered', request: 1, attempt: 1, executeMs: 30 })
    fixture.arrive(2)
    fixture.nowMs += 50
    fixture.step({ kind: 'holder-answered', request: 2, attempt: 2, executeMs: 9e9 })
    fixture.arrive(3)
    fixture.answered(3)
    expect(fixture.measured).toEqual(['execute 30', 'execute 50'])
  })

  it('and the load before it are compared with what was predicted', () => {
    const fixture = new RequestFixture()
    fixture.arrive(1)
    fixture.nowMs += 1_000
    fixture.step({ kind: 'brought', request: 1, source: 'origin' })
    fixture.step({ kind: 'ran', request: 1, executeMs: 7 })
    expect(fixture.predicted).toEqual(['load-origin 1070 1000', 'execute 5 7'])
  })

  it('teach how long bytes and starts take, where they were measured apart', () => {
    const fixture = new RequestFixture()
    fixture.arrive(1)
    fixture.nowMs += 4_000
    fixture.step({ kind: 'brought', request: 1, source: 'origin', parts: { fetchMs: 2_000, initMs: 40 } })
    expect(fixture.measured).toEqual(['init 40', 'transfer origin 1050 2000'])
  })

  it('of a model that could run at once has no load to compare', () => {
    const fixture = new RequestFixture()
    fixture.ready.add('m')
    fixture.arrive(1)
    fixture.step({ kind: 'brought', request: 1, source: 'memory' })
    expect([fixture.predicted, fixture.measured]).toEqual([[], []])
  })
})

describe('a deadline', () => {
  it('bounds each attempt by what is left of it', () => {
    const fixture = new RequestFixture()
    fixture.holders = { a: 1, b: 11 }
    expect(told(fixture.arrive(1, within(5_000)))).toEqual(['1 to a within 5000'])
    fixture.nowMs += 100
    const effects = fixture.failedAtHolder(1, 'FORWARD_REFUSED')
    expect(told(effects)).toEqual(['1 to b within 4900'])
    expect(effects[0]).toMatchObject({ context: { tenant: 'public', deadlineMs: 4_900 } })
    fixture.nowMs += 4_900
    const late = fixture.failedAtHolder(1, 'DEADLINE_EXCEEDED')
    expect(told(late)).toEqual(['1 DEADLINE_EXCEEDED'])
  })

  it('is told in whole milliseconds, though the clock has parts of them', () => {
    const fixture = new RequestFixture()
    fixture.arrive(1, within(49.7896240000264))
    fixture.nowMs += 50
    const [late] = fixture.step({ kind: 'due', request: 1, turn: 2 })
    const message = 'Loading acme/m did not end within 50 ms; it goes on in the background.'
    expect(late).toMatchObject({ failure: { message } })
  })

  it('ends the wait for a model, which goes on', () => {
    const fixture = new RequestFixture()
    expect(told(fixture.arrive(1, within(50)))).toEqual(['1 bring within 50', '1 timer 2 after 50'])
    fixture.nowMs += 50
    const [late] = fixture.step({ kind: 'due', request: 1, turn: 2 })
    const message = 'Loading acme/m did not end within 50 ms; it goes on in the background.'
    expect(late).toMatchObject({ kind: 'fail', failure: { code: 'DEADLINE_EXCEEDED', message } })
    expect(fixture.step({ kind: 'brought', request: 1, source: 'peer' })).toEqual([])
  })

  it('leaves the run what the load has left of it', () => {
    const fixture = new RequestFixture()
    fixture.arrive(1, within(50))
    fixture.nowMs += 20
    expect(told(fixture.step({ kind: 'brought', request: 1, source: 'peer' }))).toEqual(['1 run within 30'])
    // The timer of the load is of no account any more.
    expect(fixture.step({ kind: 'due', request: 1, turn: 2 })).toEqual([])
    fixture.arrive(2, within(50))
    fixture.nowMs += 50
    expect(told(fixture.step({ kind: 'brought', request: 2, source: 'peer' }))).toEqual(['2 DEADLINE_EXCEEDED'])
  })
})

describe('a request that finds no room anywhere', () => {
  const waiting = (over = {}) => {
    const fixture = new RequestFixture()
    fixture.arrive(1, over)
    fixture.nowMs += 1_000
    return { fixture, effects: fixture.step({ kind: 'not-brought', request: 1, failure: failed('MEMORY_FULL') }) }
  }

  it('waits until there may be some, and begins anew with all ways open', () => {
    const { fixture, effects } = waiting()
    expect([told(effects), fixture.machine.waitingCount]).toEqual([['1 timer 4 after 9000'], 1])
    fixture.holders = { near: 1 }
    expect(told(fixture.step({ kind: 'room-freed' }))).toEqual(['1 to near within 30000'])
    expect(fixture.machine.waitingCount).toBe(0)
  })

  it('waits no longer than it may, and then says why', () => {
    const { fixture, effects } = waiting(within(5_000))
    expect(told(effects)).toEqual(['1 timer 4 after 4000'])
    expect(told(fixture.step({ kind: 'due', request: 1, turn: 4 }))).toEqual(['1 MEMORY_FULL'])
  })

  it('is woken with the others, the oldest first', () => {
    const { fixture } = waiting()
    fixture.arrive(2)
    fixture.step({ kind: 'not-brought', request: 2, failure: failed('DISK_FULL') })
    expect(told(fixture.step({ kind: 'room-freed' }))).toEqual([`1 bring within ${never}`, `2 bring within ${never}`])
  })

  it('does not wait when the node is about to end', () => {
    const fixture = new RequestFixture()
    fixture.arrive(1)
    fixture.step({ kind: 'door-closed' })
    const effects = fixture.step({ kind: 'not-brought', request: 1, failure: failed('MEMORY_FULL') })
    expect(told(effects)).toEqual(['1 MEMORY_FULL'])
  })
})

describe('a request whose caller is gone', () => {
  const gone = { kind: 'caller-gone', request: 1, failure: failed('DEADLINE_EXCEEDED') } as const

  it('ends while the model is brought', () => {
    const fixture = new RequestFixture()
    fixture.arrive(1)
    expect(told(fixture.step(gone))).toEqual(['1 DEADLINE_EXCEEDED'])
  })

  it('ends with why it waited', () => {
    const fixture = new RequestFixture()
    fixture.arrive(1)
    fixture.step({ kind: 'not-brought', request: 1, failure: failed('DISK_FULL') })
    expect(told(fixture.step(gone))).toEqual(['1 DISK_FULL'])
  })

  it('is not sent to another holder', () => {
    const fixture = new RequestFixture()
    fixture.holders = { a: 1, b: 11 }
    fixture.arrive(1)
    expect(fixture.step(gone)).toEqual([])
    const effects = fixture.failedAtHolder(1, 'FORWARD_REFUSED')
    expect(told(effects)).toEqual(['1 FORWARD_REFUSED'])
  })
})

describe('a request of another node', () => {
  const sent = { kind: 'sent-here', request: 1, from: 'other', asked } as const

  it('is served from what is here, and is no demand of this node', () => {
    const fixture = new RequestFixture()
    fixture.here.add('m')
    expect(told(fixture.step(sent))).toEqual([`1 bring within ${never}`])
    expect(told(fixture.step({ kind: 'brought', request: 1, source: 'memory' }))).toEqual([`1 run within ${never}`])
    const [answer] = fixture.step({ kind: 'ran', request: 1, executeMs: 5 })
    expect(answer).toMatchObject({ servedFrom: 'memory', decision: null })
    expect(fixture.noted).toEqual(['m of a node'])
  })

  it('goes back when the model is not here, the node drains, or there is no room', () => {
    const fixture = new RequestFixture()
    expect(told(fixture.step(sent))).toEqual(['1 FORWARD_REFUSED'])
    fixture.here.add('m')
    fixture.isDraining = true
    expect(told(fixture.step(sent))).toEqual(['1 FORWARD_REFUSED'])
    fixture.isDraining = false
    fixture.holders = { another: 1 }
    fixture.step(sent)
    const effects = fixture.step({ kind: 'not-brought', request: 1, failure: failed('MEMORY_FULL') })
    expect(told(effects)).toEqual(['1 MEMORY_FULL'])
    expect(fixture.noted).toEqual(['m of a node'])
  })
})

describe('the short way', () => {
  it('is for what is ready, and leaves no trace but the demand', () => {
    const fixture = new RequestFixture()
    fixture.ready.add('m')
    expect(fixture.machine.startsAtOnce(asked, 0)).toBe(true)
    expect([fixture.machine.openCount, fixture.noted]).toEqual([0, ['m of a user']])
  })

  it.each([
    ['others wait', (fixture: RequestFixture) => (fixture.queueMs = 1)],
    ['the node drains', (fixture: RequestFixture) => (fixture.isDraining = true)],
    ['the door is closed', (fixture: RequestFixture) => fixture.step({ kind: 'door-closed' })],
    ['the deadline is too near', (fixture: RequestFixture) => (fixture.executeMs = 51)],
    ['the model is not ready', (fixture: RequestFixture) => fixture.ready.delete('m')],
  ])('is not taken when %s', (_, arrange) => {
    const fixture = new RequestFixture()
    fixture.ready.add('m')
    arrange(fixture)
    expect(fixture.machine.startsAtOnce({ ...asked, ...within(50) }, 0)).toBe(false)
    expect(fixture.noted).toEqual([])
  })

  it('is what the route would have been, wherever else the model lies', () => {
    const fixture = new RequestFixture()
    fixture.ready.add('m')
    for (const rttMs of [0, 0.1, 1, 10]) {
      for (const executeMs of [0, 0.5, 5, 500]) {
        Object.assign(fixture, { executeMs, holders: { a: rttMs, b: rttMs / 2 } })
        expect(fixture.machine.route(asked, asked.context, {}, 0)).toMatchObject({ kind: 'local' })
      }
    }
  })
})
