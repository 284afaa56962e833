/** Owners whose attempts keep failing wait. */
import { describe, expect, it } from 'vitest'
import { FailurePace } from '../../../node/shares/index.ts'

const pace = () => new FailurePace({ freeFailures: 2, perSecond: 4, knownPerSecond: 100 })

describe('an owner', () => {
  it('that has never failed, or not more often than is free, does not wait', () => {
    const fair = pace()
    expect(fair.enter('a', 0)).toBe(0)
    fair.failed('a', 0)
    expect(fair.enter('a', 0)).toBe(0)
  })

  it('that keeps failing gets its pace, and each of its attempts waits for those before it', () => {
    const fair = pace()
    for (let at = 0; at < 2; at += 1) fair.failed('a', 0)
    expect([fair.enter('a', 0), fair.enter('a', 0), fair.enter('a', 0)]).toEqual([250, 500, 750])
    fair.waited('a')
    expect(fair.enter('a', 0)).toBe(750)
  })

  it('is forgiven with time', () => {
    const fair = pace()
    for (let at = 0; at < 10; at += 1) fair.failed('a', 0)
    expect(fair.enter('a', 2_250)).toBe(0)
  })

  it('that fails makes nobody else wait', () => {
    const fair = pace()
    for (let at = 0; at < 1_000; at += 1) fair.failed('a', 0)
    expect(fair.enter('b', 0)).toBe(0)
  })

  it('that has succeeded before waits for less', () => {
    const fair = pace()
    fair.succeeded('a')
    for (let at = 0; at < 2; at += 1) fair.failed('a', 0)
    expect(fair.enter('a', 0)).toBe(10)
  })

  it('cannot make more than its pace of failures, however often it comes', () => {
    const fair = pace()
    let [failures, waits] = [0, [] as number[]]
    // 64 connections that come again as soon as they were refused, for ten seconds.
    for (let nowMs = 0; nowMs < 10_000; nowMs += 10) {
      const due = waits.filter((atMs) => atMs <= nowMs)
      waits = waits.filter((atMs) => atMs > nowMs)
      for (const _ of due) fair.waited('a')
      for (let at = waits.length; at < 64; at += 1) {
        const waitMs = at < due.length + waits.length ? 0 : fair.enter('a', nowMs)
        if (waitMs > 0) waits.push(nowMs + waitMs)
        else {
          fair.failed('a', nowMs)
          failures += 1
        }
      }
      for (const _ of due) fair.failed('a', nowMs)
      failures += due.length
    }
    expect(failures).toBeLessThan(100)
  })
})
