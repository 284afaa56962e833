/** The simulated origin: far away, limited, charging for what it sends, and sometimes not there. */

import type { Metrics } from '../metrics/metrics.ts'
import { KeptConnections } from '../network/kept-connections.ts'
import type { Topology } from '../network/topology.ts'
import type { Transport } from '../network/transport.ts'
import type { OriginSpec } from '../scenario/scenario.ts'
import type { EventQueue } from './event-queue.ts'

export type OriginAnswer = 'arrived' | 'closed' | 'unavailable'

export interface SimOriginPorts {
  readonly queue: EventQueue
  readonly topology: Topology
  readonly transport: Transport
  readonly metrics: Metrics
}

export class SimOrigin {
  bytesServed = 0
  /** Nodes that cannot reach it though it is there. */
  readonly cutOff = new Set<number>()
  /** Causes for which it is away; outages may overlap. */
  private outageCount = 0
  private changedAtMs = Number.NEGATIVE_INFINITY
  private readonly ports: SimOriginPorts
  private readonly spec: OriginSpec
  private readonly connections: KeptConnections
  private nextRequestAtMs = 0

  constructor(ports: SimOriginPorts, spec: OriginSpec) {
    this.ports = ports
    this.spec = spec
    this.connections = new KeptConnections(spec)
  }

  get isAvailable(): boolean {
    return this.outageCount === 0
  }

  fail(): void {
    this.outageCount += 1
    this.changedAtMs = this.ports.queue.nowMs
  }

  recover(): void {
    if (this.outageCount === 0) return
    this.outageCount -= 1
    this.changedAtMs = this.ports.queue.nowMs
  }

  reachable(node: number): boolean {
    return this.isAvailable && !this.cutOff.has(node)
  }

  /** For so long that each attempt must have succeeded. */
  reachableFor(node: number, forMs: number): boolean {
    return this.reachable(node) && this.ports.queue.nowMs - this.changedAtMs >= forMs
  }

  /** @returns breaks it off: `end` is not called. */
  get(node: number, sizeBytes: number, end: (answer: OriginAnswer) => void, lane = 0): () => void {
    const { queue, transport, metrics } = this.ports
    let isDropped = false
    let drop = (): number => 0
    this.ask(node, (isThere) => {
      if (isDropped) return
      if (!isThere) {
        end('unavailable')
        return
      }
      this.bytesServed += sizeBytes
      metrics.originSent(sizeBytes, queue.nowMs)
      const arrive = (arrived: boolean): void => {
        if (arrived) this.connections.giveBack(node, transport.origin, queue.nowMs)
        end(arrived ? 'arrived' : 'closed')
      }
      drop = transport.send(transport.origin, node, sizeBytes, arrive, lane)
    })
    return () => {
      isDropped = true
      const unsentBytes = drop()
      this.bytesServed -= unsentBytes
      metrics.originCut(unsentBytes, queue.nowMs)
    }
  }

  /** A tag, a manifest or a record of locations: some kilobytes, which take no time but that of the way. */
  getRecord(node: number, end: (isThere: boolean) => void): void {
    const { queue, topology, transport, metrics } = this.ports
    this.ask(node, (isThere) => {
      if (!isThere) {
        end(false)
        return
      }
      metrics.originSent(0, queue.nowMs)
      queue.schedule(topology.originRttMs(node) / 2, () => {
        this.connections.giveBack(node, transport.origin, queue.nowMs)
        end(this.reachable(node))
      })
    })
  }

  /** Told when the first byte of the answer leaves the origin; or, after a round trip, that it is not there. */
  private ask(node: number, answer: (isThere: boolean) => void): void {
    const { queue, topology, transport } = this.ports
    const rttMs = topology.originRttMs(node)
    if (!this.reachable(node)) {
      queue.schedule(rttMs, () => answer(false))
      return
    }
    const openMs = this.connections.take(node, transport.origin, rttMs, queue.nowMs)
    queue.schedule(openMs + rttMs / 2 + this.waitMs() + this.spec.latencyMs, () => answer(this.reachable(node)))
  }

  /** For a request that has to stand in line: so many are answered per second. */
  private waitMs(): number {
    const { requestsPerS } = this.spec
    if (requestsPerS === null) return 0
    const { nowMs } = this.ports.queue
    const atMs = Math.max(nowMs, this.nextRequestAtMs)
    this.nextRequestAtMs = atMs + 1_000 / requestsPerS
    return atMs - nowMs
  }
}
