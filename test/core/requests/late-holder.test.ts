import { describe, expect, it } from 'vitest'
import { failed, RequestFixture, told, within } from './fixture.ts'

/** Two holders of a model that is never here, and what the machine has learned of nobody. */
function twoHolders(holders: Record<string, number> = { mute: 1, well: 30 }): RequestFixture {
  const fixture = new RequestFixture()
  fixture.holders = holders
  return fixture
}

function lookAfter(fixture: RequestFixture, ms: number): string[] {
  fixture.nowMs += ms
  return told(fixture.step({ kind: 'look' }))
}

describe('a request whose holder is late', () => {
  it('asks a second one before the first has ended; the first answer counts, and the other is dropped', () => {
    const fixture = twoHolders()
    expect(fixture.arrive(1).map(({ kind }) => kind)).toEqual(['forward', 'watch'])
    expect(lookAfter(fixture, 999)).toEqual([])
    expect(lookAfter(fixture, 36)).toEqual(['1 to well within 30000'])
    fixture.nowMs += 30
    expect(told(fixture.answered(1, 2))).toEqual(['1 drop 1', '1 by well from forwarded after 1065'])
    expect(fixture.failedAtHolder(1, 'DEADLINE_EXCEEDED', 1)).toEqual([])
  })

  it('takes the answer of the first when that comes after all, with why it went there', () => {
    const fixture = twoHolders()
    fixture.arrive(1)
    lookAfter(fixture, 1_035)
    const effects = fixture.answered(1, 1)
    expect(told(effects)).toEqual(['1 drop 2', '1 by mute from forwarded after 1035'])
    expect(effects.at(-1)).toMatchObject({ attempt: 1, decision: { node: 'mute' } })
  })

  it('goes on with the one that is left when the other fails', () => {
    const fixture = twoHolders()
    fixture.arrive(1)
    lookAfter(fixture, 1_035)
    expect(fixture.failedAtHolder(1, 'FORWARD_REFUSED', 2)).toEqual([])
    expect(told(fixture.answered(1, 1))).toEqual(['1 by mute from forwarded after 1035'])
  })

  it('fetches beside it when nobody else has the model, and drops it once the model is here', () => {
    const fixture = twoHolders({ mute: 1 })
    fixture.arrive(1)
    // A megabyte of the origin, 1.075 s with the start: as long is waited beyond what is usual.
    expect(lookAfter(fixture, 1_500)).toEqual([])
    expect(lookAfter(fixture, 600)).toEqual([`1 bring within ${Number.POSITIVE_INFINITY}`])
    expect(told(fixture.step({ kind: 'brought', request: 1, source: 'origin' }))[0]).toBe('1 drop 1')
    expect(told(fixture.step({ kind: 'ran', request: 1, executeMs: 5 }))).toEqual(['1 by self from origin after 2100'])
  })

  it('is answered by it while the model is on its way here', () => {
    const fixture = twoHolders({ mute: 1 })
    fixture.arrive(1)
    lookAfter(fixture, 2_100)
    expect(told(fixture.answered(1))).toEqual(['1 by mute from forwarded after 2100'])
    expect(fixture.step({ kind: 'brought', request: 1, source: 'origin' })).toEqual([])
  })

  it('waits for it when the fetch fails', () => {
    const fixture = twoHolders({ mute: 1 })
    fixture.arrive(1)
    lookAfter(fixture, 2_100)
    expect(fixture.step({ kind: 'not-brought', request: 1, failure: failed('NO_SOURCE') })).toEqual([])
    expect(told(fixture.answered(1))).toEqual(['1 by mute from forwarded after 2100'])
  })

  it('has half of a short deadline for it, and the rest for another', () => {
    const fixture = twoHolders()
    fixture.arrive(1, within(400))
    expect(lookAfter(fixture, 240)).toEqual(['1 to well within 160'])
  })

  it('says what it waited for when all of the time is gone', () => {
    const fixture = twoHolders({ mute: 1 })
    fixture.hasOrigin = false
    fixture.arrive(1, within(399.6))
    fixture.nowMs += 399.6
    const message =
      'The deadline of 400 ms passed while the request for acme/m waited for mute to answer; allow more time.'
    expect(fixture.failedAtHolder(1, 'DEADLINE_EXCEEDED')).toMatchObject([
      { kind: 'fail', failure: { code: 'DEADLINE_EXCEEDED', message, details: { deadlineMs: 400 } } },
    ])
  })
})

describe('a holder that is suspected', () => {
  it('is left at that moment, and what it says later is of no account', () => {
    const fixture = twoHolders()
    fixture.arrive(1)
    fixture.nowMs += 10
    fixture.suspected.add('mute')
    expect(fixture.step({ kind: 'suspected', node: 'well' })).toEqual([])
    expect(told(fixture.step({ kind: 'suspected', node: 'mute' }))).toEqual(['1 drop 1', '1 to well within 30000'])
    expect(fixture.answered(1, 1)).toEqual([])
    expect(told(fixture.answered(1, 2))).toEqual(['1 by well from forwarded after 10'])
  })

  it('is waited for when there is nobody else', () => {
    const fixture = twoHolders({ mute: 1 })
    fixture.hasOrigin = false
    fixture.arrive(1)
    fixture.suspected.add('mute')
    expect(told(fixture.step({ kind: 'suspected', node: 'mute' }))).toEqual([])
    expect(told(fixture.answered(1))).toEqual(['1 by mute from forwarded after 0'])
  })
})

describe('a holder that does not answer', () => {
  it('is asked last by the requests after that, until it answers', () => {
    const fixture = twoHolders()
    fixture.arrive(1)
    lookAfter(fixture, 1_035)
    fixture.answered(1, 2)
    expect(told(fixture.arrive(2))).toEqual(['2 to well within 30000'])
    fixture.answered(2)
    // One request tries it, and others do not wait for what becomes of that.
    fixture.nowMs += 5_000
    expect(told(fixture.arrive(3))).toEqual(['3 to mute within 30000'])
    expect(told(fixture.arrive(4))).toEqual(['4 to well within 30000'])
    fixture.answered(3, 4)
    expect(told(fixture.arrive(5))).toEqual(['5 to mute within 30000'])
  })

  it('is one that let the time of a request pass, too', () => {
    const fixture = twoHolders()
    fixture.arrive(1, within(200))
    fixture.nowMs += 200
    fixture.failedAtHolder(1, 'DEADLINE_EXCEEDED')
    expect(told(fixture.arrive(2, within(200)))).toEqual(['2 to well within 200'])
  })

  it('is asked all the same when nothing else can make the deadline', () => {
    const fixture = twoHolders({ mute: 1 })
    fixture.arrive(1, within(200))
    fixture.nowMs += 200
    fixture.failedAtHolder(1, 'DEADLINE_EXCEEDED')
    expect(told(fixture.arrive(2, within(200)))).toEqual(['2 to mute within 200'])
    expect(told(fixture.arrive(3))[0]).toMatch('3 bring')
  })

  it('costs no more second questions than a few: the rest leave it', () => {
    const fixture = new RequestFixture({ hedgesMax: 2 })
    fixture.executeMs = 0
    fixture.holders = { mute: 1, well: 500 }
    for (const request of [1, 2, 3]) fixture.arrive(request)
    const lines = lookAfter(fixture, 1_600)
    expect(lines.filter((line) => line.includes('to well'))).toHaveLength(3)
    expect(lines.filter((line) => line.includes('drop'))).toEqual(['3 drop 3'])
  })
})
