/**
 * Carries out the plan of connections (core/cluster/plan-connections.ts): dials what it wants, a few at a time, and hangs up what is too
 * much. One bootstrap address is enough to join; afterwards every node has neighbours of its own all over the cluster, gossip reaches
 * the others by way of them, and a node that has to be called is dialled when it is.
 */
import { type NodeId, TimeLimit } from '../../common/index.ts'
import {
  type ConnectionPlanOptions,
  ConnectionRings,
  defaultConnectionPlanOptions,
  type MemberView,
  type NodeCore,
  planConnections,
  type Unusable,
} from '../../core/index.ts'
import type { ClusterNetwork } from '../ports/index.ts'
import type { Clock, Log } from '../system/index.ts'

export interface ConnectionManagerPorts {
  readonly core: Pick<NodeCore, 'members' | 'addressesOf'>
  readonly network: ClusterNetwork
  readonly clock: Clock
  readonly log: Log
}

export interface ConnectionManagerOptions {
  readonly plan: ConnectionPlanOptions
  /** How often it looks. */
  readonly periodMs: number
  /** Dials begun at one look, so that a node that joins a large cluster does not stampede it. */
  readonly dialsPerLook: number
  readonly dialTimeoutMs: number
  /** A node whose dial failed is left alone for this long; it doubles with each further failure. It may be behind NAT, and dial this node. */
  readonly backoffMs: number
  readonly backoffMsMax: number
}

export const defaultConnectionManagerOptions: ConnectionManagerOptions = {
  plan: defaultConnectionPlanOptions,
  periodMs: 1_000,
  dialsPerLook: 4,
  dialTimeoutMs: 5_000,
  backoffMs: 2_000,
  backoffMsMax: 60_000,
}

interface Failure {
  readonly count: number
  readonly retryAtMs: number
}

export class ConnectionManager {
  private readonly ports: ConnectionManagerPorts
  private readonly options: ConnectionManagerOptions
  /** The members as of the last look. */
  private readonly rings = new ConnectionRings()
  private readonly dialling = new Map<NodeId, Promise<void>>()
  private readonly failures = new Map<NodeId, Failure>()
  private stopTimer: (() => void) | null = null

  constructor(ports: ConnectionManagerPorts, options: Partial<ConnectionManagerOptions> = {}) {
    this.ports = ports
    this.options = { ...defaultConnectionManagerOptions, ...options }
  }

  start(): void {
    this.stopTimer = this.ports.clock.every(this.options.periodMs, () => this.look())
  }

  stop(): void {
    this.stopTimer?.()
    this.stopTimer = null
  }

  /** Resolves when the node is connected or every address of it has failed; the call that follows tells which. */
  async connect(node: NodeId): Promise<void> {
    if (this.ports.network.peers().includes(node)) return
    const addresses = this.ports.core.addressesOf(node)
    if (addresses.length > 0) await this.dial(node, addresses)
  }

  /** Neither of the two needs the connection, as both know: its end says nothing about the node. */
  isSpare(node: NodeId): boolean {
    return !this.rings.areNeighbours(this.ports.network.self, node)
  }

  /** Begins the dials that are due, and hangs up. */
  look(): void {
    const { network, core, clock } = this.ports
    const nowMs = clock.nowMs()
    const members = core.members(nowMs)
    this.follow(members)
    const connected = new Map(network.peers().map((node) => [node, network.idleMs(node)]))
    const unusable = this.unusable(members, nowMs)
    const plan = planConnections({ self: network.self, rings: this.rings, connected, unusable }, this.options.plan)
    const due = plan.connect.filter((node) => !this.dialling.has(node))
    for (const node of due.slice(0, this.options.dialsPerLook)) void this.dial(node, core.addressesOf(node))
    for (const node of plan.disconnect) this.hangUp(node, connected.size)
  }

  /** A node without a state is none yet: nothing is known of its zone and its addresses. */
  private follow(members: readonly MemberView[]): void {
    const gone = new Set(this.rings.nodes())
    const places = []
    for (const { node, state } of members) {
      if (state === null) continue
      places.push({ node, zone: state.zone })
      gone.delete(node)
    }
    for (const node of gone) {
      this.rings.remove(node)
      this.failures.delete(node)
    }
    this.rings.put(places)
  }

  private unusable(members: readonly MemberView[], nowMs: number): Map<NodeId, Unusable> {
    const found = new Map<NodeId, Unusable>()
    for (const { node, state, suspected, distrusted } of members) {
      const failure = this.failures.get(node)
      if (distrusted) found.set(node, 'distrusted')
      else if (state === null || state.addresses.length === 0) found.set(node, 'no-address')
      else if (failure !== undefined) found.set(node, failure.retryAtMs > nowMs ? 'backing-off' : 'unreached')
      else if (suspected) found.set(node, 'suspected')
    }
    return found
  }

  private dial(node: NodeId, addresses: readonly string[]): Promise<void> {
    const running = this.dialling.get(node)
    if (running !== undefined) return running
    const dial = this.tryAddresses(node, addresses).finally(() => this.dialling.delete(node))
    this.dialling.set(node, dial)
    return dial
  }

  private async tryAddresses(node: NodeId, addresses: readonly string[]): Promise<void> {
    for (const address of addresses) {
      try {
        using limit = new TimeLimit(this.ports.clock, this.options.dialTimeoutMs)
        await this.ports.network.dial(address, { signal: limit.signal })
        this.failures.delete(node)
        return
      } catch (error) {
        this.ports.log.debug({ node, address, error: (error as Error).message }, 'a dial failed')
      }
    }
    const count = (this.failures.get(node)?.count ?? 0) + 1
    const backoffMs = Math.min(this.options.backoffMsMax, this.options.backoffMs * 2 ** (count - 1))
    this.failures.set(node, { count, retryAtMs: this.ports.clock.nowMs() + backoffMs })
  }

  private hangUp(node: NodeId, connectionCount: number): void {
    this.ports.log.debug({ node, connectionCount }, 'a spare connection is closed')
    this.ports.network.hangUp(node).catch((error: unknown) => {
      this.ports.log.warn({ err: error, node }, 'a spare connection was not closed')
    })
  }
}
