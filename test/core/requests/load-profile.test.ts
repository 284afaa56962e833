import { describe, expect, it } from 'vitest'
import { LoadProfile } from '../../../core/requests/load-profile.ts'

describe('LoadProfile', () => {
  it('guesses from the size until the first measurement, then smooths', () => {
    const profile = new LoadProfile({ initBaseMs: 50, initMsPerByte: 0.001, smoothing: 0.5 })
    expect(profile.initMs('m', 1_000)).toBe(51)
    profile.noteInit('m', 200)
    expect(profile.initMs('m', 1_000)).toBe(200)
    profile.noteInit('m', 100)
    expect(profile.initMs('m', 1_000)).toBe(150)
    expect(profile.executeMs('m')).toBe(0)
    profile.noteExecute('m', 4)
    expect([profile.executeMs('m'), profile.initMs('m', 1)]).toEqual([4, 150])
  })

  it('remembers so many models and no more', () => {
    const profile = new LoadProfile({ modelsMax: 2 })
    for (const model of ['a', 'b', 'c']) profile.noteExecute(model, 5)
    expect(['a', 'b', 'c'].map((model) => profile.executeMs(model))).toEqual([0, 5, 5])
  })
})
