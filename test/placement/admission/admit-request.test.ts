import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { quotasOf, quotaTable } from '../../../common/index.ts'
import { admitRequest, requestEnded, restedLoad, type TenantLoad } from '../../../placement/index.ts'

function admitted(load: TenantLoad, quotas: Parameters<typeof admitRequest>[1], nowMs: number): TenantLoad {
  const verdict = admitRequest(load, quotas, nowMs)
  if (verdict.kind === 'refuse') throw new Error(`refused by ${verdict.quota}`)
  return verdict.load
}

describe('a tenant', () => {
  it('has so many requests under way and not one more, until one has ended', () => {
    const quotas = quotasOf({ requestsMax: 3 })
    let load = restedLoad(quotas, 0)
    for (let at = 0; at < 3; at += 1) load = admitted(load, quotas, 0)
    expect(admitRequest(load, quotas, 0)).toEqual({ kind: 'refuse', quota: 'requestsMax', retryAfterMs: 1_000 })
    expect(admitted(requestEnded(load), quotas, 0).underWay).toBe(3)
  })

  it('has so many requests in a second and not one more, and is told when the next one may come', () => {
    const quotas = quotasOf({ requestsPerSMax: 4 })
    let load = restedLoad(quotas, 0)
    for (let at = 0; at < 4; at += 1) load = admitted(load, quotas, 0)
    expect(admitRequest(load, quotas, 0)).toEqual({ kind: 'refuse', quota: 'requestsPerSMax', retryAfterMs: 250 })
    expect(admitRequest(load, quotas, 249).kind).toBe('refuse')
    expect(admitRequest(load, quotas, 250).kind).toBe('admit')
  })

  it('that comes back when it was told to is admitted, and never beyond its rate', () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 200 })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), gaps, (requestsPerSMax, drawn) => {
        const quotas = quotasOf({ requestsPerSMax, requestsMax: 65_536 })
        let load = restedLoad(quotas, 0)
        let nowMs = 0
        let count = 0
        for (const gapMs of drawn) {
          nowMs += gapMs
          const verdict = admitRequest(load, quotas, nowMs)
          if (verdict.kind === 'refuse') {
            expect(admitRequest(load, quotas, nowMs + verdict.retryAfterMs + 1e-6).kind).toBe('admit')
            continue
          }
          load = verdict.load
          count += 1
          expect(count).toBeLessThanOrEqual(requestsPerSMax + (nowMs * requestsPerSMax) / 1000 + 1e-6)
        }
      }),
    )
  })

  it('loses nothing by a clock that goes back', () => {
    const quotas = quotasOf({ requestsPerSMax: 1 })
    const load = admitted(restedLoad(quotas, 1_000), quotas, 1_000)
    expect(admitRequest(load, quotas, 0)).toEqual({ kind: 'refuse', quota: 'requestsPerSMax', retryAfterMs: 1_000 })
  })
})

it('quotas that are not given, or make no sense, have their defaults', () => {
  const defaults = Object.fromEntries(
    Object.entries(quotaTable).map(([name, { defaultValue }]) => [name, defaultValue]),
  )
  expect(quotasOf({})).toEqual(defaults)
  expect(quotasOf({ requestsMax: 7, pinsMax: -1, requestsPerSMax: '9' })).toEqual({ ...defaults, requestsMax: 7 })
})
