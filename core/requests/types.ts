/** What goes into the machine of a node's requests and comes out of it. See request-machine.ts for what it does with it. */
import type { ModelId, NodeId, RandomInt, RequestContext, Source } from '../../common/index.ts'
import type { CostPart, RouteChoice, RouteOption } from '../../placement/index.ts'
import type { Failure } from '../failure.ts'
import type { NodeCore } from '../node-core.ts'
import type { LoadTimes } from './load-times.ts'

/** Given by the adapter, never twice in the life of a machine. */
export type RequestId = number

/** One forward of a request to one holder; given by the machine. */
export type AttemptId = number

export interface Asked {
  readonly model: ModelId
  /** As the user wrote it, for messages. */
  readonly name: string
  /** The deadline counts from the event that brings the request. */
  readonly context: RequestContext
  /** All files of the model; 0 when they are not known. */
  readonly sizeBytes: number
  /** How many inputs at once, as far as the shapes tell. Absent: one. */
  readonly batch?: number
}

export interface AskedByUser extends Asked {
  /** What has to lie in memory while it runs. */
  readonly runBytes: number
  /** The runtime has nothing to run in it; null when it has. */
  readonly cannotRun: Failure | null
  /** False when this node has to serve, whatever it costs. */
  readonly mayForward: boolean
}

export type RequestEvent = { readonly nowMs: number } & (
  | { readonly kind: 'arrived'; readonly request: RequestId; readonly asked: AskedByUser }
  /** Forwarded by another node. */
  | { readonly kind: 'sent-here'; readonly request: RequestId; readonly from: NodeId; readonly asked: Asked }
  /** `executeMs`: for which it had a worker there; absent where the holder does not say. */
  | {
      readonly kind: 'holder-answered'
      readonly request: RequestId
      readonly attempt: AttemptId
      readonly executeMs?: number
    }
  | {
      readonly kind: 'holder-failed'
      readonly request: RequestId
      readonly attempt: AttemptId
      readonly failure: Failure
    }
  /** `parts`: what of it was measured apart, for this request; 0: nothing. */
  | {
      readonly kind: 'brought'
      readonly request: RequestId
      readonly source: Source
      readonly parts?: { readonly fetchMs: number; readonly initMs: number }
    }
  | { readonly kind: 'not-brought'; readonly request: RequestId; readonly failure: Failure }
  /** `executeMs`: for which it had a worker. */
  | { readonly kind: 'ran'; readonly request: RequestId; readonly executeMs: number }
  | { readonly kind: 'run-failed'; readonly request: RequestId; readonly failure: Failure }
  /** The time of a timer has come. */
  | { readonly kind: 'due'; readonly request: RequestId; readonly turn: number }
  /** Its caller waits no longer. What was handed out for it ends by itself and is reported as ever. */
  | { readonly kind: 'caller-gone'; readonly request: RequestId; readonly failure: Failure }
  /** The time of 'watch' has come. */
  | { readonly kind: 'look' }
  /** Another node is to be avoided from now on. */
  | { readonly kind: 'suspected'; readonly node: NodeId }
  /** Something that was in use is not any more. */
  | { readonly kind: 'room-freed' }
  /** From now on requests are answered by other nodes. */
  | { readonly kind: 'door-closed' }
)

/** Where the weights were when the request came: in a tier here, at a peer, at the origin, or 'forwarded' to a holder. */
export type ServedFrom = Source | 'forwarded'

export type RequestEffect =
  /** Ends in holder-answered or holder-failed, no later than `timeoutMs`. `context` has what is left of the deadline. */
  | {
      readonly kind: 'forward'
      readonly request: RequestId
      readonly attempt: AttemptId
      readonly model: ModelId
      readonly to: NodeId
      readonly context: RequestContext
      readonly timeoutMs: number
    }
  /** Nobody waits for this holder any more; what it says is of no account. */
  | { readonly kind: 'drop-forward'; readonly request: RequestId; readonly attempt: AttemptId }
  /** Comes back as look. Of no request: it serves all forwards. */
  | { readonly kind: 'watch'; readonly afterMs: number }
  /** Make the model ready and keep it until the request ends. Ends in brought or not-brought. */
  | {
      readonly kind: 'bring'
      readonly request: RequestId
      readonly model: ModelId
      readonly context: RequestContext
    }
  /** Ends in ran or run-failed, no later than `deadlineMs`. */
  | {
      readonly kind: 'run'
      readonly request: RequestId
      readonly model: ModelId
      readonly deadlineMs: number
      readonly order: WaitingOrder
    }
  /** Comes back as due with the same turn. */
  | { readonly kind: 'timer'; readonly request: RequestId; readonly turn: number; readonly afterMs: number }
  | {
      readonly kind: 'answer'
      readonly request: RequestId
      /** Whose answer it is; null: it ran here. */
      readonly attempt: AttemptId | null
      readonly servedBy: NodeId
      readonly servedFrom: ServedFrom
      readonly elapsedMs: number
      /** Null for a request that another node has sent. */
      readonly decision: RouteChoice | null
    }
  | { readonly kind: 'fail'; readonly request: RequestId; readonly failure: Failure }

export interface RequestMachinePorts {
  readonly self: NodeId
  readonly core: Pick<NodeCore, 'routeView' | 'isMember'>
  readonly models: {
    /** It can run now. */
    isReady(model: ModelId): boolean
    /** All of it lies in some tier. */
    isHere(model: ModelId): boolean
    /** It is being brought or started here now. */
    isComing(model: ModelId): boolean
  }
  readonly times: LoadTimes
  readonly node: {
    /** Expected wait for a worker of a request that comes now; null: of one that goes last. */
    queueMs(nowMs: number, order: WaitingOrder | null): number
    /** The part of that wait that is certain. */
    sureQueueMs(nowMs: number, order: WaitingOrder): number
    /** Still to come of a fetch that is under way; null when there is none. */
    missingBytes(model: ModelId): number | null
    isDraining(): boolean
    memoryLimitBytes(): number
    readonly diskBytesPerS: number
    readonly hasOrigin: boolean
  }
  /** Demand counts where a user's request first came in; the eviction policies hear of what other nodes send, too. */
  noteRequest(model: ModelId, from: 'user' | 'node', nowMs: number): void
  /** Predicted and actual time of a part of a request. */
  notePrediction?(part: PredictedPart, predictedMs: number, actualMs: number): void
  readonly randomInt: RandomInt
}

export interface Prediction {
  readonly batch: number
  /** Best first; empty when no node can answer. The parts of each add up to what is expected. */
  readonly options: readonly (RouteOption & { readonly parts: readonly CostPart[] })[]
}

/** Running, and bringing the model from where it was. */
export type PredictedPart = 'execute' | `load-${Source}`

/** By what a request waits for a worker. */
export interface WaitingOrder {
  readonly tenant: string
  /** After which it is not begun any more; Infinity without a deadline. */
  readonly latestMs: number
  /** Predicted execution; 0 when nothing is known. */
  readonly costMs: number
  /** The part of it that is certain. */
  readonly sureMs: number
}

export interface RequestMachineOptions {
  /** Holders tried before the node fetches by itself, one after the other or beside each other. */
  readonly forwardsMax: number
  /** A holder that does not answer a forwarded request in this time is passed over, when the request's own deadline is later. */
  readonly forwardTimeoutMs: number
  /** Requests that may ask a second holder in a row before the first has answered ... */
  readonly hedgesMax: number
  /** ... and one more of so many that are forwarded: where everybody is late, asking twice would make it worse. */
  readonly forwardsPerHedge: number
  /** How long a request waits for room when all of it is in use, here and at every holder. Loads of others end within seconds. */
  readonly roomWaitMs: number
  /** Execution of a model that never ran here, where only its load on another node is asked for: a small model on a CPU. */
  readonly unknownExecuteMs: number
}

export const defaultRequestMachineOptions: RequestMachineOptions = {
  forwardsMax: 3,
  forwardTimeoutMs: 30_000,
  hedgesMax: 10,
  forwardsPerHedge: 10,
  roomWaitMs: 10_000,
  unknownExecuteMs: 10,
}
