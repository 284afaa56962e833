/**
 * Model bytes between nodes and from the origin: which links a pair shares, how long bytes are on their way, what was sent and
 * what arrived. A broken link ends its transfers.
 */
import type { EventQueue } from '../world/event-queue.ts'
import { Flows, type LinkId } from './flows.ts'
import type { Network } from './network.ts'
import { slowStartLossMs } from './slow-start.ts'
import type { Topology } from './topology.ts'

export const linkClasses = ['site', 'zone', 'far', 'origin'] as const
export type LinkClass = (typeof linkClasses)[number]

/** Where nothing else limits: 100 Gbit/s. */
const unlimitedBytesPerS = 12_500_000_000

export interface TransportPorts {
  readonly queue: EventQueue
  readonly topology: Topology
  readonly network: Network
  readonly isOriginReachable: (node: number) => boolean
  readonly originBytesPerS: number | null
  readonly originPerNodeBytesPerS: number | null
  readonly initialWindowBytes: number | null
}

export class Transport {
  readonly flows: Flows
  readonly sentBytes: Record<LinkClass, number> = { site: 0, zone: 0, far: 0, origin: 0 }
  readonly arrivedBytes: Record<LinkClass, number> = { site: 0, zone: 0, far: 0, origin: 0 }
  readonly brokenBytes: Record<LinkClass, number> = { site: 0, zone: 0, far: 0, origin: 0 }
  /** By site: what came in from elsewhere, whatever became of it. */
  private readonly intoSite: number[]
  /** Transfers that began and did not end, each with its class and bytes. */
  private readonly underWay = new Set<{ readonly kind: LinkClass; readonly sizeBytes: number }>()
  /** The index by which flows know the origin. */
  readonly origin: number
  private readonly ports: TransportPorts
  private readonly nodeLinks: { up: LinkId; down: LinkId }[]
  private readonly siteLinks: { up: LinkId | null; down: LinkId | null }[]
  private readonly originLink: LinkId
  private readonly pathLinks = new Map<number, LinkId>()

  constructor(ports: TransportPorts) {
    this.ports = ports
    const { topology, queue } = ports
    this.origin = topology.ids.length
    this.flows = new Flows({ queue, pathOf: (from, to) => this.pathOf(from, to) })
    const { flows } = this
    this.nodeLinks = topology.ids.map((_, node) => {
      const { upBytesPerS, downBytesPerS } = topology.nodeSpec(node)
      return { up: flows.addLink(upBytesPerS), down: flows.addLink(downBytesPerS) }
    })
    this.intoSite = topology.sites.map(() => 0)
    this.siteLinks = topology.sites.map(({ upBytesPerS, downBytesPerS }) => ({
      up: upBytesPerS === null ? null : flows.addLink(upBytesPerS),
      down: downBytesPerS === null ? null : flows.addLink(downBytesPerS),
    }))
    this.originLink = flows.addLink(ports.originBytesPerS ?? unlimitedBytesPerS)
  }

  classOf(from: number, to: number): LinkClass {
    const { topology } = this.ports
    if (from === this.origin) return 'origin'
    if (topology.siteOf[from] === topology.siteOf[to]) return 'site'
    return topology.zoneOf(from) === topology.zoneOf(to) ? 'zone' : 'far'
  }

  /**
   * @param end called once; false when the link broke on the way.
   * @param lane transfers of one lane between two ends run one after another, those of several side by side.
   * @returns breaks it off, so that `end` is not called, and says how many bytes of it were not sent.
   */
  send(from: number, to: number, sizeBytes: number, end: (arrived: boolean) => void, lane = 0): () => number {
    const kind = this.classOf(from, to)
    const transfer = { kind, sizeBytes }
    this.underWay.add(transfer)
    this.sentBytes[kind] += sizeBytes
    const site = this.ports.topology.siteOf[to]!
    if (kind !== 'site') this.intoSite[site]! += sizeBytes
    const finish = (arrived: boolean): void => {
      if (!this.underWay.has(transfer)) return
      const counts = arrived ? this.arrivedBytes : this.brokenBytes
      counts[kind] += sizeBytes
      this.underWay.delete(transfer)
      end(arrived)
    }
    let hasLeft = false
    const onLeft = (left: boolean): void => {
      hasLeft = true
      if (!left) finish(false)
      else this.ports.queue.schedule(this.oneWayMs(from, to), () => finish(this.isLinked(from, to)))
    }
    const leave = (): void => {
      if (this.underWay.has(transfer)) this.flows.send(from, to, sizeBytes, onLeft, lane)
    }
    const startMs = this.slowStartMs(from, to, sizeBytes, lane)
    if (startMs === 0) leave()
    else this.ports.queue.schedule(startMs, leave)
    return () => {
      if (!this.underWay.delete(transfer)) return 0
      const unsentBytes = hasLeft ? 0 : Math.floor(this.flows.drop(from, to, onLeft) ?? sizeBytes)
      this.sentBytes[kind] -= unsentBytes
      if (kind !== 'site') this.intoSite[site]! -= unsentBytes
      this.brokenBytes[kind] += sizeBytes - unsentBytes
      return unsentBytes
    }
  }

  /** What a transfer loses against one that fills the lines from its first byte on; nothing where the next follows the last. */
  private slowStartMs(from: number, to: number, sizeBytes: number, lane: number): number {
    const { initialWindowBytes } = this.ports
    if (initialWindowBytes === null || this.flows.isOpen(from, to, lane)) return 0
    const bytesPerS = Math.min(...this.pathOf(from, to).map((link) => this.flows.capacityOf(link)))
    return slowStartLossMs({ initialWindowBytes, bytesPerS, sizeBytes, rttMs: 2 * this.oneWayMs(from, to) })
  }

  bytesInto(site: number): number {
    return this.intoSite[site]!
  }

  get underWayCount(): number {
    return this.underWay.size
  }

  /** Recounted, for the checkers. */
  underWayBytes(): Record<LinkClass, number> {
    const bytes = { site: 0, zone: 0, far: 0, origin: 0 }
    for (const { kind, sizeBytes } of this.underWay) bytes[kind] += sizeBytes
    return bytes
  }

  /** Links broke: what crosses them ends. */
  cutBroken(): void {
    this.flows.cut((from, to) => !this.isLinked(from, to))
  }

  /** The node's own line is `factor` times slower; 1 makes it whole again. */
  slow(node: number, factor: number): void {
    const { upBytesPerS, downBytesPerS } = this.ports.topology.nodeSpec(node)
    this.flows.setCapacity(this.nodeLinks[node]!.up, upBytesPerS / factor)
    this.flows.setCapacity(this.nodeLinks[node]!.down, downBytesPerS / factor)
  }

  private isLinked(from: number, to: number): boolean {
    const { network, isOriginReachable } = this.ports
    return from === this.origin ? network.linked(to, to) && isOriginReachable(to) : network.linked(from, to)
  }

  private oneWayMs(from: number, to: number): number {
    const { topology } = this.ports
    return from === this.origin ? topology.originRttMs(to) / 2 : topology.oneWayMs(from, to)
  }

  private pathOf(from: number, to: number): LinkId[] {
    const { topology } = this.ports
    const links = [this.nodeLinks[to]!.down]
    const toSite = topology.siteOf[to]!
    if (from === this.origin) links.push(this.originLink)
    else links.push(this.nodeLinks[from]!.up)
    const fromSite = from === this.origin ? -1 : topology.siteOf[from]!
    if (fromSite === toSite) return links
    const down = this.siteLinks[toSite]!.down
    const up = fromSite < 0 ? null : this.siteLinks[fromSite]!.up
    if (down !== null) links.push(down)
    if (up !== null) links.push(up)
    const pathBytesPerS = fromSite < 0 ? this.ports.originPerNodeBytesPerS : topology.pathBytesPerS(fromSite, toSite)
    if (pathBytesPerS !== null) links.push(this.pathLink(from, to, pathBytesPerS))
    return links
  }

  private pathLink(from: number, to: number, bytesPerS: number): LinkId {
    const key = from * (this.origin + 1) + to
    const known = this.pathLinks.get(key)
    if (known !== undefined) return known
    const made = this.flows.addLink(bytesPerS)
    this.pathLinks.set(key, made)
    return made
  }
}
