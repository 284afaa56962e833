import { describe, expect, it } from 'vitest'
import { HolderRecord } from '../../../core/requests/holder-record.ts'

describe('what holders usually take', () => {
  it('is of the holder, else of any that was asked for the model', () => {
    const record = new HolderRecord()
    expect(record.usual('m', 'a')).toBeNull()
    record.answered('m', 'a', 100, 0)
    expect(record.usual('m', 'a')).toEqual({ meanMs: 100, deviationMs: 50 })
    expect(record.usual('m', 'b')).toEqual({ meanMs: 100, deviationMs: 50 })
    expect(record.usual('other', 'a')).toBeNull()
    record.answered('m', 'b', 200, 0)
    expect([record.usual('m', 'a')?.meanMs, record.usual('m', 'b')?.meanMs]).toEqual([100, 200])
  })

  it('follows what is measured, and forgets what was not for long', () => {
    const record = new HolderRecord({ timesMax: 4 })
    for (let times = 0; times < 40; times += 1) record.answered('m', 'a', 1_000, 0)
    record.answered('m', 'a', 2_000, 0)
    expect(record.usual('m', 'a')?.meanMs).toBeCloseTo(1_200)
    for (const model of ['x', 'y', 'z']) record.answered(model, 'a', 1, 0)
    expect(record.usual('m', 'a')).toBeNull()
  })
})

describe('a silent holder', () => {
  it('is passed over for twice as long each time, and tried by one request in between', () => {
    const record = new HolderRecord({ silenceMsMin: 1_000, silenceMsMax: 3_000 })
    let nowMs = 0
    for (const silenceMs of [1_000, 2_000, 3_000, 3_000]) {
      record.late('a', nowMs)
      // Others that waited for it too.
      record.late('a', nowMs + 1)
      expect([record.isSilent('a', nowMs + silenceMs - 1), record.isSilent('a', nowMs + silenceMs)]).toEqual([
        true,
        false,
      ])
      nowMs += silenceMs
      record.asked('a')
      expect(record.isSilent('a', nowMs)).toBe(true)
    }
    expect(record.isSilent('b', nowMs)).toBe(false)
  })

  it.each(['answered', 'spoke'] as const)('is one no longer when it has %s', (how) => {
    const record = new HolderRecord()
    record.late('a', 0)
    if (how === 'spoke') record.spoke('a', 1)
    else record.answered('m', 'a', 1, 1)
    expect([record.isSilent('a', 1), record.knowsSilent]).toEqual([false, false])
    expect([record.hasAnsweredSince('a', 1), record.hasAnsweredSince('a', 2)]).toEqual([true, false])
  })

  it('is tried by the next request when the one that did was ended before', () => {
    const record = new HolderRecord({ silenceMsMin: 10 })
    record.late('a', 0)
    record.asked('a')
    record.leftUntried('a')
    expect(record.isSilent('a', 10)).toBe(false)
  })
})
