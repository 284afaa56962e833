/** A request that is open on this node, as its machine keeps it. */
import type { NodeId, RequestContext, Source } from '../../common/index.ts'
import type { RouteChoice } from '../../placement/index.ts'
import type { Failure } from '../failure.ts'
import type { Forward, ForwardEnd } from './forwards.ts'
import type { ExpectedLoad } from './learned-times.ts'
import type { Asked, AskedByUser, RequestId } from './types.ts'

export type Stage = 'routing' | 'forwarding' | 'bringing' | 'running' | 'waiting'

export interface OpenRequest {
  readonly id: RequestId
  readonly asked: Asked
  readonly arrivedMs: number
  /** What a user asked for; null for a request of another node. */
  readonly user: AskedByUser | null
  excluded: NodeId[]
  mayForward: boolean
  /** Why this node does not serve it; waited upon where it is about room. */
  refusal: Failure | null
  isCallerGone: boolean
  stage: Stage
  /** Rises with the stage: a timer of an earlier one is of no account. */
  turn: number
  stageMs: number
  /** What was left of the deadline then. */
  leftMs: number
  /** The holder that failed it last. */
  lastTried: NodeId | null
  /** On their way to holders, the oldest first. Those before the last are late. */
  forwards: Forward[]
  decision: RouteChoice | null
  source: Source | null
  /** What bringing the model is expected to take; null before it is brought. */
  load: ExpectedLoad | null
}

/** @param user null for a request of another node. */
export function openRequest(id: RequestId, asked: Asked, user: AskedByUser | null, nowMs: number): OpenRequest {
  return {
    id,
    asked,
    user,
    arrivedMs: nowMs,
    excluded: [],
    mayForward: user?.mayForward ?? false,
    refusal: null,
    isCallerGone: false,
    stage: 'routing',
    turn: 0,
    stageMs: nowMs,
    leftMs: asked.context.deadlineMs,
    forwards: [],
    lastTried: null,
    decision: null,
    source: null,
    load: null,
  }
}

/** Time until its deadline, in milliseconds. */
export function leftOf({ asked, arrivedMs }: OpenRequest, nowMs: number): number {
  return asked.context.deadlineMs - (nowMs - arrivedMs)
}

export function contextOf({ asked: { context } }: OpenRequest, leftMs: number): RequestContext {
  return leftMs === context.deadlineMs ? context : { ...context, deadlineMs: leftMs }
}

/** A time limit of the adapter may end a little early. */
const clockSlackMs = 5

export function howEnded({ isCallerGone }: OpenRequest, forward: Forward, failure: Failure, nowMs: number): ForwardEnd {
  if (isCallerGone || failure.code === 'PEER_UNREACHABLE') return 'left'
  return nowMs - forward.startedMs >= forward.limitMs - clockSlackMs ? 'unanswered' : 'refused'
}
