/**
 * Connects to the nodes that the ledger knows but no connection reaches: one bootstrap address is enough to join, and afterwards
 * every node hears the others directly, so that gossip needs no relay that may be just then restarting. Up to a limit: beyond
 * it gossip relays, and a node that has to be called is dialled when it is.
 */
import type { NodeId } from '../../common/index.ts'
import type { NodeCore } from '../../core/index.ts'
import type { ClusterNetwork } from '../ports/index.ts'
import type { Clock, Log } from '../system/index.ts'

export interface ConnectionManagerPorts {
  readonly core: NodeCore
  readonly network: ClusterNetwork
  readonly clock: Clock
  readonly log: Log
}

export interface ConnectionManagerOptions {
  /** Connections the keeper aims at. A connection costs some 100 kB and a ping every few seconds. */
  readonly connectionsMax: number
  /** How often it looks. */
  readonly periodMs: number
  /** Dials begun at one look, so that a node that joins a large cluster does not stampede it. */
  readonly dialsPerLook: number
  readonly dialTimeoutMs: number
  /** A node whose dial failed is left alone for this long; it doubles with each further failure. */
  readonly backoffMs: number
  readonly backoffMsMax: number
}

export const defaultConnectionManagerOptions: ConnectionManagerOptions = {
  connectionsMax: 64,
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

  /** Begins the dials that are due. Nodes are taken in the order of ids, which is the same chance for all. */
  look(): void {
    const { network, core, clock } = this.ports
    const connected = new Set(network.peers())
    const nowMs = clock.nowMs()
    const members = core.members(nowMs).filter(({ isSelf }) => !isSelf)
    this.forgetGone(new Set(members.map(({ node }) => node)))
    const due = members.filter(
      ({ node, distrusted }) =>
        !distrusted &&
        !connected.has(node) &&
        !this.dialling.has(node) &&
        (this.failures.get(node)?.retryAtMs ?? 0) <= nowMs,
    )
    const room = Math.max(0, this.options.connectionsMax - connected.size - this.dialling.size)
    for (const { node, state } of due.slice(0, Math.min(room, this.options.dialsPerLook))) {
      if (state !== null && state.addresses.length > 0) void this.dial(node, state.addresses)
    }
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
        await this.ports.network.dial(address, { signal: AbortSignal.timeout(this.options.dialTimeoutMs) })
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

  private forgetGone(members: ReadonlySet<NodeId>): void {
    for (const node of this.failures.keys()) if (!members.has(node)) this.failures.delete(node)
  }
}
