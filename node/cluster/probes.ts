/**
 * Which connected nodes do not answer any more. A node that loses its power or its line says no goodbye, and TCP waits for minutes: only a
 * ping that is not answered tells.
 *
 * A node sends so many pings a second whatever the number of its neighbours, to each in its turn; so each node is asked that often by all
 * of its neighbours together, and the first to miss its answer tells the others.
 */
import { isHoldfastError, type NodeId, TimeLimit } from '../../common/index.ts'
import type { ClusterNetwork } from '../ports/index.ts'
import type { Clock } from '../system/index.ts'

export interface ProbesOptions {
  /** Time between two pings of this node. */
  readonly probePeriodMs: number
  /** Least time between two pings to the same node. */
  readonly sameNodeMs: number
  /** A node that has not answered by then is silent; over a slow line after so many of its round trips. */
  readonly silenceMs: number
  readonly silenceRoundTrips: number
  /** A limit that ends later than this says that this node was held up itself, and nothing of the other one. */
  readonly ownDelayMs: number
}

export const defaultProbesOptions: ProbesOptions = {
  probePeriodMs: 250,
  sameNodeMs: 500,
  silenceMs: 2_000,
  silenceRoundTrips: 6,
  ownDelayMs: 250,
}

export interface ProbesPorts {
  readonly network: Pick<ClusterNetwork, 'peers' | 'ping'>
  readonly clock: Clock
  onMeasured(node: NodeId, rttMs: number): void
  onSilent(node: NodeId, error: Error): void
}

interface Probed {
  sentAtMs: number
  isUnderWay: boolean
  rttMs: number
  heardAtMs: number
}

export class Probes {
  private readonly ports: ProbesPorts
  private readonly options: ProbesOptions
  private readonly probed = new Map<NodeId, Probed>()

  constructor(ports: ProbesPorts, options: ProbesOptions = defaultProbesOptions) {
    this.ports = ports
    this.options = options
  }

  /** @returns what ends it. */
  start(): () => void {
    return this.ports.clock.every(this.options.probePeriodMs, () => {
      const node = this.next()
      if (node !== null) void this.probe(node)
    })
  }

  /** Something came from the node: it lives, however long its answer to a ping takes. */
  heard(node: NodeId): void {
    const probed = this.probed.get(node)
    if (probed !== undefined) probed.heardAtMs = this.ports.clock.nowMs()
  }

  /** Never rejects: what it finds is told. */
  async probe(node: NodeId): Promise<void> {
    const { network, clock, onMeasured, onSilent } = this.ports
    const { silenceMs, silenceRoundTrips, ownDelayMs } = this.options
    const startedMs = clock.nowMs()
    const known = this.probed.get(node)
    const probed = known ?? { sentAtMs: startedMs, isUnderWay: true, rttMs: 0, heardAtMs: Number.NEGATIVE_INFINITY }
    probed.sentAtMs = startedMs
    probed.isUnderWay = true
    this.probed.set(node, probed)
    const limitMs = Math.max(silenceMs, silenceRoundTrips * probed.rttMs)
    try {
      using limit = new TimeLimit(clock, limitMs)
      probed.rttMs = await network.ping(node, { signal: limit.signal })
      onMeasured(node, probed.rttMs)
    } catch (error) {
      const isLate = isHoldfastError(error, 'DEADLINE_EXCEEDED') && clock.nowMs() - startedMs > limitMs + ownDelayMs
      // This side has no room for one more call to it.
      const wasNotSent = isHoldfastError(error, 'OVERLOADED')
      if (!isLate && !wasNotSent && probed.heardAtMs < startedMs) onSilent(node, error as Error)
    } finally {
      probed.isUnderWay = false
    }
  }

  /** The one that was asked longest ago. */
  private next(): NodeId | null {
    const peers = new Set(this.ports.network.peers())
    for (const node of this.probed.keys()) if (!peers.has(node)) this.probed.delete(node)
    const dueMs = this.ports.clock.nowMs() - this.options.sameNodeMs
    let next: NodeId | null = null
    let leastMs = Number.POSITIVE_INFINITY
    for (const node of peers) {
      const probed = this.probed.get(node)
      const sentAtMs = probed?.sentAtMs ?? Number.NEGATIVE_INFINITY
      if (probed?.isUnderWay === true || sentAtMs > dueMs || sentAtMs >= leastMs) continue
      next = node
      leastMs = sentAtMs
    }
    return next
  }
}
