/**
 * Why was a request slow: the time of each part, for every request that this node answers, forwards or gets from another one. Parts do not
 * overlap, and what is in none of them is the rest.
 */
import { type HoldfastError, isHoldfastError } from '../../common/index.ts'
import type { Loading } from '../models/index.ts'
import type { Clock, Log } from '../system/index.ts'

/**
 * In the order in which a request meets them: looking the name up; deciding where it runs; waiting for a worker, or for a model on which
 * nothing happens yet; bytes from peers or origin; converting; making a session; computing; another node, with the way there and back.
 */
export const requestParts = ['resolve', 'route', 'queue', 'fetch', 'convert', 'load', 'run', 'forward'] as const
export type RequestPart = (typeof requestParts)[number]

const partOfState: Record<Loading['state'], RequestPart> = { fetching: 'fetch', deriving: 'convert', loading: 'load' }

export interface RequestFacts {
  readonly name: string
  readonly requestId?: string | undefined
  /** The node that forwarded it; null for a caller's. */
  readonly from: string | null
}

export interface TimedRequest {
  readonly parts: ReadonlyMap<RequestPart, number>
  readonly elapsedMs: number
  /** Null when it failed. */
  readonly servedFrom: string | null
  readonly error: HoldfastError | null
  /** The caller's own, which is not counted twice when it was forwarded. */
  readonly isOwn: boolean
}

export class RequestTimes {
  readonly startedMs: number
  private readonly clock: Clock
  private readonly ms = new Map<RequestPart, number>()

  constructor(clock: Clock) {
    this.clock = clock
    this.startedMs = clock.nowMs()
  }

  get parts(): ReadonlyMap<RequestPart, number> {
    return this.ms
  }

  add(part: RequestPart, ms: number): void {
    if (ms > 0) this.ms.set(part, (this.ms.get(part) ?? 0) + ms)
  }

  /** Counts from now until the result is called. */
  begin(part: RequestPart): () => void {
    const startedMs = this.clock.nowMs()
    return () => this.add(part, this.clock.nowMs() - startedMs)
  }

  async during<T>(part: RequestPart, work: Promise<T>): Promise<T> {
    const end = this.begin(part)
    try {
      return await work
    } finally {
      end()
    }
  }

  /** A model comes, for this request and others: what it does from now on counts for the part that it is, and idle time as `queue`. */
  duringLoad<T>(
    work: Promise<T>,
    watch: (onState: (state: Loading['state'] | null) => void) => () => void,
  ): Promise<T> {
    let end = this.begin('queue')
    const stop = watch((state) => {
      end()
      end = this.begin(state === null ? 'queue' : partOfState[state])
    })
    return work.finally(() => {
      stop()
      end()
    })
  }
}

/** The header `server-timing`: parts in milliseconds, as browsers and tracing tools read them. */
export function serverTiming(parts: ReadonlyMap<RequestPart, number>, elapsedMs: number): string {
  const known = requestParts.filter((part) => parts.has(part))
  return [
    ...known.map((part) => `${part};dur=${parts.get(part)!.toFixed(2)}`),
    `total;dur=${elapsedMs.toFixed(2)}`,
  ].join(', ')
}

export interface RequestTimingPorts {
  readonly clock: Clock
  readonly log: Log
  readonly onTimed: (request: TimedRequest) => void
}

export interface RequestTimingOptions {
  /** A request that takes longer is logged with its parts; 0: none is. */
  readonly slowMs: number
}

export class RequestTiming {
  private readonly ports: RequestTimingPorts
  private readonly options: RequestTimingOptions

  constructor(ports: RequestTimingPorts, options: RequestTimingOptions) {
    this.ports = ports
    this.options = options
  }

  /** Measures until the work ends, well or not. */
  async measure<T>(
    facts: RequestFacts,
    work: (times: RequestTimes) => Promise<T>,
    servedFromOf: (answer: T) => string,
  ): Promise<T> {
    const times = new RequestTimes(this.ports.clock)
    try {
      const answer = await work(times)
      this.ended(facts, times, servedFromOf(answer), null)
      return answer
    } catch (error) {
      this.ended(facts, times, null, error)
      throw error
    }
  }

  private ended(facts: RequestFacts, times: RequestTimes, servedFrom: string | null, cause: unknown): void {
    const { clock, log, onTimed } = this.ports
    const elapsedMs = clock.nowMs() - times.startedMs
    const error = isHoldfastError(cause) ? cause : null
    onTimed({ parts: times.parts, elapsedMs, servedFrom, error, isOwn: facts.from === null })
    if (this.options.slowMs === 0 || elapsedMs < this.options.slowMs) return
    const { name: model, requestId, from } = facts
    const parts = Object.fromEntries([...times.parts].map(([part, ms]) => [`${part}Ms`, Math.round(ms)]))
    const code = error === null ? {} : { code: error.code }
    log.info(
      { model, requestId, from, servedFrom, elapsedMs: Math.round(elapsedMs), ...parts, ...code },
      'slow request',
    )
  }
}
