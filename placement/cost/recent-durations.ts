/**
 * How long something takes, from the last times that it was done. The estimate is the second longest of the last ten: Clockwork (OSDI 2020)
 * takes the longest, on GPUs that do one thing at a time. Workers here share their cores with the machine, and the first run of a session
 * takes many times as long as those after it; one such run in ten says nothing of the next.
 */

export interface Duration {
  readonly ms: number
  readonly atMs: number
}

const durationsMax = 10

/** With one more, without the oldest of too many. */
export function withDuration(durations: readonly Duration[], duration: Duration): Duration[] {
  return [...durations.slice(-(durationsMax - 1)), duration]
}

/** 0 when there was none. */
export function usualDurationMs(durations: readonly Pick<Duration, 'ms'>[]): number {
  let [longest, second] = [0, 0]
  for (const { ms } of durations) {
    if (ms > longest) [longest, second] = [ms, longest]
    else second = Math.max(second, ms)
  }
  return durations.length === 1 ? longest : second
}

/**
 * The shortest of what was measured lately, more than once; 0 when that is nothing. It refuses requests, so that it may not be too long:
 * what is old or was seen once refuses none, and several workers that start up are as many slow runs.
 */
export function sureDurationMs(durations: readonly Duration[], sinceMs: number): number {
  const recent = durations.filter(({ atMs }) => atMs >= sinceMs)
  return recent.length < 2 ? 0 : Math.min(...recent.map(({ ms }) => ms))
}
