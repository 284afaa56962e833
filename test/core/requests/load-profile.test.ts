import { describe, expect, it } from 'vitest'
import { LoadProfile } from '../../../core/requests/load-profile.ts'

const longMs = 60_001

describe('the profile of a model', () => {
  it('guesses its start from the size until the first measurement', () => {
    const profile = new LoadProfile({ initBaseMs: 50, initMsPerByte: 0.001 })
    expect(profile.initMs('m', 1_000)).toBe(51)
    profile.noteInit('m', 200, 0)
    expect(profile.initMs('m', 1_000)).toBe(200)
    expect(profile.executeMs('m')).toBe(0)
  })

  it('expects the second longest of the last ten, so that one slow run says nothing', () => {
    const profile = new LoadProfile()
    for (const ms of [500, 20, 22, 21]) profile.noteExecute('m', 1, ms, 0)
    expect(profile.executeMs('m')).toBe(22)
    profile.noteExecute('m', 1, 400, 0)
    expect(profile.executeMs('m')).toBe(400)
    for (let at = 0; at < 9; at += 1) profile.noteExecute('m', 1, 20, 0)
    expect(profile.executeMs('m')).toBe(20)
  })

  it('knows each batch, and takes the nearest smaller one for another, else the nearest larger', () => {
    const profile = new LoadProfile()
    for (const [batch, ms] of [
      [8, 80],
      [2, 25],
    ] as const)
      profile.noteExecute('m', batch, ms, 0)
    expect([1, 2, 4, 8, 64].map((batch) => profile.executeMs('m', batch))).toEqual([25, 25, 25, 80, 80])
  })

  it('is sure of what was measured twice and lately, and of no larger batch', () => {
    const profile = new LoadProfile()
    profile.noteExecute('m', 4, 40, 0)
    expect(profile.sure('m', 4, 0).executeMs).toBe(0)
    profile.noteExecute('m', 4, 50, 10)
    profile.noteInit('m', 300, 10)
    profile.noteInit('m', 310, 10)
    expect(profile.sure('m', 4, 10)).toEqual({ initMs: 300, executeMs: 40 })
    expect(profile.sure('m', 64, 10).executeMs).toBe(40)
    expect(profile.sure('m', 1, 10).executeMs).toBe(0)
    expect(profile.sure('m', 4, longMs).executeMs).toBe(0)
    expect(profile.sure('other', 4, 10)).toEqual({ initMs: 0, executeMs: 0 })
  })

  it('is sure of the least alone, so that no slow start refuses what takes as long as ever', () => {
    const profile = new LoadProfile()
    for (const ms of [400, 20, 21, 400, 22]) profile.noteExecute('m', 1, ms, 0)
    for (const ms of [20_000, 300]) profile.noteInit('m', ms, 0)
    expect(profile.sure('m', 1, 0)).toEqual({ initMs: 300, executeMs: 20 })
    expect(profile.executeMs('m')).toBe(400)
  })

  it('remembers so many models and batches and no more, those that ran last', () => {
    const profile = new LoadProfile({ modelsMax: 2, batchesMax: 2 })
    for (const model of ['a', 'b', 'a', 'c']) profile.noteExecute(model, 1, 5, 0)
    expect(['a', 'b', 'c'].map((model) => profile.executeMs(model))).toEqual([5, 0, 5])
    for (const batch of [1, 2, 3]) profile.noteExecute('m', batch, 10 * batch, 0)
    expect(profile.executeMs('m', 1)).toBe(20)
  })

  it('expects transfers as the second slowest of the last ten was, once there are three', () => {
    const profile = new LoadProfile()
    for (const actualMs of [100, 150]) profile.noteTransfer('peer', 100, actualMs)
    expect(profile.transferFactor('peer')).toBe(1)
    for (const actualMs of [90_000, 110]) profile.noteTransfer('peer', 100, actualMs)
    profile.noteTransfer('peer', 0, 1)
    expect([profile.transferFactor('peer'), profile.transferFactor('origin')]).toEqual([1.5, 1])
    const later = new LoadProfile()
    later.restore(profile.save(9))
    expect(later.transferFactor('peer')).toBe(1.5)
  })

  it('comes back as it was saved, and then refuses nothing until it has measured again', () => {
    const [former, profile] = [new LoadProfile(), new LoadProfile()]
    for (const ms of [30, 31, 32]) former.noteExecute('m', 2, ms, 0)
    former.noteInit('m', 400, 0)
    former.noteExecute('other', 1, 7, 0)
    profile.restore(former.save(9))
    expect([profile.executeMs('m', 2), profile.initMs('m', 1), profile.executeMs('other')]).toEqual([31, 400, 7])
    expect(profile.sure('m', 2, 0)).toEqual({ initMs: 0, executeMs: 0 })
    expect(former.save(1).models.map(({ model }) => model)).toEqual(['other'])
  })
})
