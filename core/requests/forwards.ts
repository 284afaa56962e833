/**
 * Requests on their way to holders: when each is to be looked at again, what to do with one that is late, and what the holder is to be
 * thought of afterwards. One timer serves them all, because nearly all are answered long before anybody has to look.
 */
import type { ModelId, NodeId } from '../../common/index.ts'
import { type AttemptStep, lateAfterMs, nextOfAttempt, type RouteChoice } from '../../placement/index.ts'
import { HolderRecord } from './holder-record.ts'
import type { AttemptId, RequestId } from './types.ts'

export interface Forward {
  readonly id: AttemptId
  readonly request: RequestId
  readonly model: ModelId
  readonly to: NodeId
  readonly startedMs: number
  /** After which it ends in any case. */
  readonly limitMs: number
  readonly lateMs: number
  /** Counted at the holder as on its way. */
  readonly sentMs: number
  readonly decision: RouteChoice
  /** Infinity: nobody looks at it again. */
  lookAtMs: number
}

export type ForwardEnd =
  | 'answered'
  /** The holder has said why it does not serve. */
  | 'refused'
  /** It cannot be reached, which the cluster is told otherwise, or nobody waits any more. */
  | 'left'
  /** It had its time and has not answered. */
  | 'unanswered'

/** Timers may come a little early. */
const timerSlackMs = 1

export interface ForwardsOptions {
  /** Requests that may ask a second holder at once, when nobody was late for a while ... */
  readonly hedgesMax: number
  /** ... and one more of so many that are forwarded. */
  readonly forwardsPerHedge: number
}

export class Forwards {
  readonly record = new HolderRecord()
  private readonly options: ForwardsOptions
  private readonly open = new Set<Forward>()
  private hedgesLeft: number
  private nextId: AttemptId = 1
  /** The time of the timer that is set. */
  private watchAtMs = Number.POSITIVE_INFINITY

  constructor(options: ForwardsOptions) {
    this.options = options
    this.hedgesLeft = options.hedgesMax
  }

  get count(): number {
    return this.open.size
  }

  begin(facts: Pick<Forward, 'request' | 'model' | 'to' | 'limitMs' | 'sentMs' | 'decision'>, nowMs: number): Forward {
    const { model, to, limitMs, decision } = facts
    const { hedgesMax, forwardsPerHedge } = this.options
    this.hedgesLeft = Math.min(hedgesMax, this.hedgesLeft + 1 / forwardsPerHedge)
    const usual = this.record.usual(model, to)
    const lateMs = lateAfterMs({ expectedMs: decision.expectedMs, usual, limitMs })
    const forward = { ...facts, id: this.nextId, startedMs: nowMs, lateMs, lookAtMs: nowMs + lateMs }
    this.nextId += 1
    this.open.add(forward)
    this.record.asked(to)
    return forward
  }

  end(forward: Forward, how: ForwardEnd, nowMs: number): void {
    const { model, to, startedMs } = forward
    this.open.delete(forward)
    if (how === 'answered') this.record.answered(model, to, nowMs - startedMs, nowMs)
    else if (how === 'refused') this.record.spoke(to, nowMs)
    else if (how === 'unanswered') this.record.late(to, nowMs)
    else this.record.leftUntried(to)
  }

  /** All that are under way, the oldest first. */
  underWay(): Forward[] {
    return [...this.open]
  }

  /** Those that are to be looked at now. Nothing when the timer was for a look that has become needless. */
  due(nowMs: number): Forward[] {
    if (nowMs + timerSlackMs < this.watchAtMs) return []
    this.watchAtMs = Number.POSITIVE_INFINITY
    return this.underWay().filter(({ lookAtMs }) => lookAtMs <= nowMs + timerSlackMs)
  }

  /** What to do with one for which `other` is the way without its holder. */
  look(
    forward: Forward,
    at: { readonly other: RouteChoice | null; readonly leftMs: number; readonly isSuspected: boolean },
    nowMs: number,
  ): AttemptStep {
    const { to, startedMs, lateMs, limitMs } = forward
    const elapsedMs = nowMs - startedMs
    if (elapsedMs + timerSlackMs >= lateMs) this.record.late(to, nowMs)
    const isMute = !this.record.hasAnsweredSince(to, startedMs)
    const mayAskTwice = this.hedgesLeft >= 1
    const step = nextOfAttempt({ ...at, elapsedMs, lateMs, limitMs, isMute, mayAskTwice })
    if (step.kind === 'ask-another') this.hedgesLeft -= 1
    forward.lookAtMs = step.kind === 'wait' ? nowMs + step.afterMs : Number.POSITIVE_INFINITY
    return step
  }

  /** After how long somebody has to look at one of these; null when a timer is set for that, or there is nothing to look at. */
  watchAfterMs(forwards: Iterable<Forward>, nowMs: number): number | null {
    let atMs = Number.POSITIVE_INFINITY
    for (const { lookAtMs } of forwards) atMs = Math.min(atMs, lookAtMs)
    if (atMs >= this.watchAtMs) return null
    this.watchAtMs = atMs
    return atMs - nowMs
  }
}
