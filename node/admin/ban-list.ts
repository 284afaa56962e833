/**
 * Nodes that an operator shut out of this one: no connection of any protocol, in or out, over restarts. A ban is of this node
 * alone; nobody can make others ban. To be rid of a stranger that has the cluster key, rotate the key.
 */

import { HoldfastError, type NodeId } from '../../common/index.ts'
import type { StateStore } from '../ports/index.ts'
import type { Clock } from '../system/index.ts'

export interface BanListPorts {
  readonly self: NodeId
  readonly state: StateStore
  readonly clock: Clock
}

/** Cuts the node off or lets it in again. */
export type BanListener = (node: NodeId, banned: boolean) => Promise<void>

export interface BanView {
  readonly node: NodeId
  /** When, in milliseconds since 1970. */
  readonly sinceMs: number
}

const keyPrefix = 'ban/'
/** A libp2p peer id of an Ed25519 key. */
const nodeIdForm = /^12D3Koo[1-9A-HJ-NP-Za-km-z]{45}$/

export class BanList {
  private readonly ports: BanListPorts
  private readonly bans = new Map<NodeId, number>()
  private readonly listeners: BanListener[] = []

  constructor(ports: BanListPorts) {
    this.ports = ports
  }

  /** Told of every change, and of every ban at the start too. */
  onChange(listener: BanListener): void {
    this.listeners.push(listener)
  }

  /** Before the network starts, so that a banned node gets not even one connection. */
  async load(): Promise<void> {
    for await (const [key, value] of this.ports.state.entries(keyPrefix)) {
      const node = key.slice(keyPrefix.length)
      this.bans.set(node, (value as { sinceMs: number }).sinceMs)
      await this.tell(node, true)
    }
  }

  has(node: NodeId): boolean {
    return this.bans.has(node)
  }

  async ban(node: NodeId): Promise<BanView> {
    if (!nodeIdForm.test(node)) {
      throw new HoldfastError('BAD_REQUEST', `${JSON.stringify(node)} is no node id; \`holdfast peers\` lists them.`)
    }
    if (node === this.ports.self) throw new HoldfastError('BAD_REQUEST', 'A node cannot ban itself.')
    const sinceMs = this.bans.get(node) ?? this.ports.clock.wallMs()
    await this.ports.state.put(keyPrefix + node, { sinceMs })
    this.bans.set(node, sinceMs)
    await this.tell(node, true)
    return { node, sinceMs }
  }

  /** False when it was not banned. */
  async unban(node: NodeId): Promise<boolean> {
    if (!this.bans.has(node)) return false
    await this.ports.state.delete(keyPrefix + node)
    this.bans.delete(node)
    await this.tell(node, false)
    return true
  }

  list(): BanView[] {
    return [...this.bans].map(([node, sinceMs]) => ({ node, sinceMs })).sort((a, b) => (a.node < b.node ? -1 : 1))
  }

  private async tell(node: NodeId, banned: boolean): Promise<void> {
    for (const listener of this.listeners) await listener(node, banned)
  }
}
