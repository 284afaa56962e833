/** Requests on their way to other nodes and back: links that break, holders that are gone, answers that come too late. */
import type { NodeId, RequestContext } from '../../common/index.ts'
import type { Failure, Interner, RequestEffect, RequestId } from '../../core/index.ts'
import type { Network } from '../network/network.ts'
import type { Topology } from '../network/topology.ts'
import type { Scenario } from '../scenario/scenario.ts'
import type { EventQueue } from '../world/event-queue.ts'
import type { SimModel } from '../world/models.ts'
import { ForwardLimits } from './forward-limits.ts'

/** How a holder tells what became of a request. */
export interface Reply {
  answered(queueMs: number): void
  failed(failure: Failure): void
  /** The holder is gone. */
  broke(): void
}

/** A node as others send it requests. */
export interface Holder {
  serve(model: SimModel, from: NodeId, context: RequestContext, reply: Reply): RequestId
  callerGone(request: RequestId): void
}

export interface ForwardingWorld {
  readonly queue: EventQueue
  readonly network: Network
  readonly topology: Topology
  readonly interner: Interner
  readonly scenario: Scenario
  /** Null for a node that is down. */
  holderAt(node: number): Holder | null
}

export interface ForwardingNode {
  readonly index: number
  readonly id: NodeId
  later(delayMs: number, run: () => void): void
  callFailed(node: NodeId): void
}

const unreachable: Failure = { code: 'PEER_UNREACHABLE', message: 'the holder does not answer' }
const late: Failure = { code: 'DEADLINE_EXCEEDED', message: 'the holder did not answer in time' }

export class Forwarding {
  private readonly world: ForwardingWorld
  private readonly node: ForwardingNode
  private readonly limits: ForwardLimits

  constructor(world: ForwardingWorld, node: ForwardingNode, usualTimeoutMs: number) {
    this.world = world
    this.node = node
    const later = (delayMs: number, run: () => void) => node.later(delayMs, run)
    this.limits = new ForwardLimits({ later, nowMs: () => world.queue.nowMs }, usualTimeoutMs)
  }

  /**
   * @param end told how long the request waited for a worker there, or why it was not served.
   * @returns what ends it before: then nothing is told.
   */
  forward(
    { to, context, timeoutMs }: RequestEffect & { kind: 'forward' },
    model: SimModel,
    end: (outcome: number | Failure) => void,
  ): () => void {
    const { network, topology, interner, scenario, queue } = this.world
    const { node } = this
    const place = interner.index(to)
    const oneWayMs = topology.oneWayMs(node.index, place)
    let giveUp = (): void => {}
    const limit = this.limits.begin(timeoutMs, () => {
      giveUp()
      end(late)
    })
    const broken = (): void => {
      if (!limit.end()) return
      node.callFailed(to)
      end(unreachable)
    }
    const drop = (): void => {
      if (limit.end()) giveUp()
    }
    if (!network.linked(node.index, place)) {
      node.later(scenario.network.callTimeoutMs, broken)
      return drop
    }
    const back = (outcome: number | Failure): void => {
      const isLinked = network.linked(node.index, place)
      node.later(oneWayMs, isLinked ? () => limit.end() && end(outcome) : broken)
    }
    queue.schedule(oneWayMs, () => {
      const holder = this.world.holderAt(place)
      if (holder === null) {
        node.later(scenario.network.callTimeoutMs, broken)
        return
      }
      const reply = { answered: back, failed: back, broke: () => node.later(oneWayMs, broken) }
      const request = holder.serve(model, node.id, asReceived(context), reply)
      giveUp = () => queue.schedule(oneWayMs, () => holder.callerGone(request))
    })
    return drop
  }
}

/** Deadlines travel in whole milliseconds. */
function asReceived(context: RequestContext): RequestContext {
  const { deadlineMs } = context
  return Number.isInteger(deadlineMs) || deadlineMs === Number.POSITIVE_INFINITY
    ? context
    : { ...context, deadlineMs: Math.floor(deadlineMs) }
}
