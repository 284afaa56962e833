/** What one simulated node says: its residency and load, as the daemon tells its core, and the messages of the core to other nodes. */

import { byTier, localTiers, type NodeId } from '../../common/index.ts'
import {
  type Effect,
  type Entry,
  type Event,
  entriesBytes,
  entryBytes,
  type Interner,
  progressBytes,
  type ResidentModel,
  type SignedEntry,
  type StateBody,
  summaryBytes,
  type TierRoom,
  type Timeless,
} from '../../core/index.ts'
import type { GossipMessage } from '../network/gossip.ts'
import type { Network } from '../network/network.ts'
import type { Topology } from '../network/topology.ts'
import type { Scenario } from '../scenario/scenario.ts'
import type { EventLog } from '../world/event-log.ts'
import type { EventQueue } from '../world/event-queue.ts'
import type { SimTier } from './sim-store.ts'

type EffectOf<K extends Effect['kind']> = Extract<Effect, { kind: K }>

/** The node that speaks. */
export interface SpeakingNode {
  readonly index: number
  readonly id: NodeId
  readonly memory: SimTier
  readonly disk: SimTier | null
  readonly draining: boolean
  readonly workers: { queueMs(nowMs: number): number }
  residency(): readonly ResidentModel[]
  step(event: Timeless<Event>): void
  later(delayMs: number, run: () => void): void
  note(text: string): void
}

/** Another node, as one that receives entries. */
export interface ReceivingNode {
  readonly index: number
  receive(from: NodeId, entries: readonly SignedEntry[]): void
  step(event: Timeless<Event>): void
}

export interface MessengerWorld {
  readonly scenario: Scenario
  readonly queue: EventQueue
  readonly topology: Topology
  readonly network: Network
  readonly interner: Interner
  readonly ids: readonly NodeId[]
  readonly nodes: readonly ReceivingNode[]
  /** Tells first words to all at once, where the cluster is formed from the start. */
  readonly forming: { take(signed: SignedEntry): boolean }
  readonly control: { readonly delayMs: number }
  readonly log: EventLog | null
}

export class Messenger {
  private readonly world: MessengerWorld
  private readonly node: SpeakingNode
  private readonly addresses: readonly string[]
  /** The earliest change of what is here that was not published yet. */
  private heldSinceMs: number | null = null
  private toldState: StateBody | null = null
  private toldModels: readonly ResidentModel[] | null = null

  constructor(world: MessengerWorld, node: SpeakingNode) {
    this.world = world
    this.node = node
    const { index } = node
    // As long as real ones, since the bytes of gossip are counted.
    this.addresses = [`/ip4/203.0.113.${index % 256}/tcp/4101/p2p/12D3KooW${String(index).padStart(44, 'x')}`]
  }

  /** A new core knows nothing yet. */
  restart(): void {
    this.toldState = null
    this.toldModels = null
  }

  announce(): void {
    this.announceResidency(this.node.residency())
  }

  announceResidency(models: readonly ResidentModel[]): void {
    const { toldModels: told } = this
    if (told === null || told.length !== models.length || models.some((resident, at) => resident !== told[at])) {
      this.toldModels = models
      this.heldSinceMs ??= this.world.queue.nowMs
      this.node.step({ kind: 'local-residency', models })
    }
  }

  /** Of what is as it was the core need not be told. */
  announceState(): void {
    const { memory, disk, draining, workers, index } = this.node
    const queueMs = Math.round(workers.queueMs(this.world.queue.nowMs))
    const tiers = byTier((tier) => roomOf(tier === 'disk' && disk !== null ? disk : memory))
    const { toldState: told } = this
    if (
      told !== null &&
      told.queueMs === queueMs &&
      localTiers.every((tier) => told.tiers[tier].freeBytes === tiers[tier].freeBytes) &&
      told.draining === draining
    ) {
      return
    }
    this.toldState = {
      zone: this.world.topology.zoneOf(index),
      protocolVersion: 1,
      addresses: this.addresses,
      bulkAddress: `203.0.113.${index % 256}:4102`,
      httpUrl: `http://203.0.113.${index % 256}:8080`,
      queueMs,
      tiers,
      draining,
    }
    this.node.step({ kind: 'local-state', body: this.toldState })
  }

  publish(signed: SignedEntry): void {
    const { network, nodes, ids, control, forming, scenario } = this.world
    const { kind, epoch, sequence } = signed.entry
    if (this.world.log !== null) this.node.note(`publish ${kind} ${epoch}/${sequence}`)
    if (scenario.gossip.instant) this.tellAll(signed)
    else if (forming.take(signed)) this.heldSinceMs = null
    else {
      const entries = [signed]
      const deliver = (to: number, via: number) => nodes[to]!.receive(ids[via]!, entries)
      this.delayed(control.delayMs, () => network.gossip(this.node.index, deliver, this.messageOf(signed.entry)))
    }
  }

  sendSummary({ kind: _, to, ...summary }: EffectOf<'send-summary'>): void {
    this.send(to, { kind: 'summary', from: this.node.id, ...summary }, summaryBytes(summary))
  }

  sendEntries({ to, entries }: EffectOf<'send-entries'>): void {
    this.send(to, { kind: 'entries', from: this.node.id, entries }, entriesBytes(entries))
  }

  sendProgress({ to, progress }: EffectOf<'send-progress'>): void {
    const { network, nodes, interner, control } = this.world
    const [from, index] = [this.node.index, interner.index(to)]
    const event = { kind: 'peer-progress', from: this.node.id, progress } as const
    this.delayed(control.delayMs, () =>
      network.tell(from, index, () => nodes[index]!.step(event), progressBytes(progress)),
    )
  }

  private tellAll(signed: SignedEntry): void {
    const { nodes, network } = this.world
    const entries = [signed]
    for (const other of nodes) {
      if (other.index === this.node.index || !network.linked(this.node.index, other.index)) continue
      other.receive(this.node.id, entries)
    }
  }

  /** With its size on the wire, and for a residency since when others do not know of it. */
  private messageOf(entry: Entry): GossipMessage {
    const message = { topic: entry.kind, bytes: entryBytes(entry) }
    if (entry.kind !== 'residency' || this.heldSinceMs === null) return message
    const sinceMs = this.heldSinceMs
    this.heldSinceMs = null
    return { ...message, sinceMs }
  }

  private send(to: NodeId, event: Timeless<Event>, bytes: number): void {
    const { network, nodes, interner, control } = this.world
    const { index: from } = this.node
    const index = interner.index(to)
    this.delayed(control.delayMs, () => network.send(from, index, () => nodes[index]!.step(event), bytes))
  }

  private delayed(delayMs: number, run: () => void): void {
    if (delayMs === 0) run()
    else this.node.later(delayMs, run)
  }
}

function roomOf({ freeBytes, limitBytes }: SimTier): TierRoom {
  return { freeBytes, limitBytes }
}
