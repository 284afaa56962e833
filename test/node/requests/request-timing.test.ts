import { describe, expect, it } from 'vitest'
import { HoldfastError } from '../../../common/errors.ts'
import type { Loading } from '../../../node/models/load-progress.ts'
import { LoadProgress } from '../../../node/models/load-progress.ts'
import { RecentRequests } from '../../../node/requests/recent-requests.ts'
import { RequestTimes, RequestTiming, serverTiming, type TimedRequest } from '../../../node/requests/request-timing.ts'
import type { Log } from '../../../node/system/log.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const facts = { name: 'acme/m:v1', requestId: 'r1', from: null }

describe('the time of a request', () => {
  it('is told by parts in their order, and whole, as server-timing', () => {
    const clock = new ManualClock()
    const times = new RequestTimes(clock)
    times.add('run', 12.345)
    times.add('resolve', 1)
    times.add('run', 1)
    times.add('queue', 0)
    expect(serverTiming(times.parts, 20)).toBe('resolve;dur=1.00, run;dur=13.35, total;dur=20.00')
  })

  it('of a model that comes is that of what happens to it while this request waits', async () => {
    const clock = new ManualClock()
    const progress = new LoadProgress(() => clock.nowMs())
    const work = Promise.withResolvers<string>()
    void progress.during('m', () => work.promise)
    progress.note('m', 'fetching', { doneBytes: 0, totalBytes: 9 })
    clock.advance(500)
    // A second request comes while the fetch is under way: the time before is not its own.
    const times = new RequestTimes(clock)
    const watch = (onState: (state: Loading['state'] | null) => void) => progress.watch('m', onState)
    const loaded = times.duringLoad(work.promise, watch)
    clock.advance(100)
    progress.note('m', 'fetching', { doneBytes: 5, totalBytes: 9 })
    clock.advance(20)
    progress.note('m', 'deriving')
    clock.advance(30)
    progress.note('m', 'loading')
    clock.advance(4)
    work.resolve('ready')
    await loaded
    expect(Object.fromEntries(times.parts)).toEqual({ fetch: 120, convert: 30, load: 4 })
    progress.note('m', 'fetching')
    expect(Object.fromEntries(times.parts)).toEqual({ fetch: 120, convert: 30, load: 4 })
  })

  it('is logged with its parts when it is long, however it ended, and counted once', async () => {
    const clock = new ManualClock()
    const logged: object[] = []
    const timed: TimedRequest[] = []
    const log = { debug() {}, info: (data: object) => logged.push(data), warn() {}, error() {} } as Log
    const timing = new RequestTiming({ clock, log, onTimed: (request) => timed.push(request) }, { slowMs: 100 })
    const taking = (ms: number) => async (times: RequestTimes) => {
      const end = times.begin('forward')
      clock.advance(ms)
      end()
      return { servedFrom: 'forwarded' }
    }
    await timing.measure(facts, taking(99), ({ servedFrom }) => servedFrom)
    expect(logged).toEqual([])
    await timing.measure(facts, taking(100), ({ servedFrom }) => servedFrom)
    expect(logged).toEqual([
      { model: 'acme/m:v1', requestId: 'r1', from: null, servedFrom: 'forwarded', elapsedMs: 100, forwardMs: 100 },
    ])
    const failing = async () => {
      clock.advance(30_000)
      throw new HoldfastError('ORIGIN_UNAVAILABLE', 'It does not answer.')
    }
    await expect(timing.measure({ ...facts, from: 'node-a' }, failing, () => '')).rejects.toThrow('does not answer')
    expect(logged[1]).toMatchObject({ code: 'ORIGIN_UNAVAILABLE', elapsedMs: 30_000, from: 'node-a' })
    expect(timed.map(({ isOwn, servedFrom }) => [isOwn, servedFrom])).toEqual([
      [true, 'forwarded'],
      [true, 'forwarded'],
      [false, null],
    ])
  })
})

describe('the requests of the last minutes', () => {
  const request = (over: Partial<TimedRequest> = {}): TimedRequest => ({
    parts: new Map(),
    elapsedMs: 10,
    servedFrom: 'memory',
    error: null,
    isOwn: true,
    ...over,
  })

  it('give rate, share of hits and of errors, and quantiles', () => {
    const recent = new RecentRequests(0, { windowMs: 60_000 })
    for (let at = 1; at <= 100; at += 1) recent.note(request({ elapsedMs: at }), { nowMs: 30_000, wallMs: 0 })
    for (let at = 0; at < 100; at += 1)
      recent.note(request({ servedFrom: 'peer', elapsedMs: 200 }), { nowMs: 30_000, wallMs: 0 })
    recent.note(request({ isOwn: false }), { nowMs: 30_000, wallMs: 0 })
    expect(recent.rates(50_000)).toEqual({
      windowS: 50,
      count: 200,
      ratePerS: 4,
      hitRatio: 0.5,
      errorRatio: 0,
      latencyMs: { p50: 100, p95: 200, p99: 200 },
    })
    expect(recent.rates(90_001)).toEqual({
      windowS: 60,
      count: 0,
      ratePerS: 0,
      hitRatio: null,
      errorRatio: null,
      latencyMs: null,
    })
  })

  it('keep so many requests, and the last errors by code', () => {
    const recent = new RecentRequests(0, { requestsMax: 10, errorsMax: 2 })
    for (let at = 1; at <= 25; at += 1) recent.note(request(), { nowMs: at * 1_000, wallMs: 0 })
    expect(recent.rates(25_000)).toMatchObject({ count: 10, windowS: 9 })
    const failed = (code: 'MEMORY_FULL' | 'DISK_FULL' | 'OVERLOADED', message: string, wallMs: number) =>
      recent.note(request({ error: new HoldfastError(code, message), servedFrom: null }), { nowMs: 25_000, wallMs })
    failed('OVERLOADED', 'one', 1)
    failed('MEMORY_FULL', 'two', 2)
    failed('DISK_FULL', 'three', 3)
    failed('MEMORY_FULL', 'four', 4)
    expect(recent.lastErrors()).toEqual([
      { code: 'MEMORY_FULL', count: 2, message: 'four', lastAtMs: 4 },
      { code: 'DISK_FULL', count: 1, message: 'three', lastAtMs: 3 },
    ])
  })
})
