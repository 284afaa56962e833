/**
 * Bandwidth of the simulated network, shared max-min fairly: no flow can have more without taking it from one that has no more.
 *
 * A flow is everything between one sender and one receiver: its transfers run one after another, so that rates change when pairs
 * begin and end and not with every chunk. Transfers in different lanes of it share its rate equally, as connections would. A flow
 * crosses links; each link has a capacity.
 *
 * Rates are found by progressive filling (Bertsekas and Gallager, "Data Networks", 6.5): all flows rise together until a link
 * is full, which fixes its flows; the rest rises on. Only what a change can reach is filled again: the flows that share a full
 * link with it, and so on from full link to full link. Links that have room pass nothing on.
 */
import { assertInvariant } from '../../common/index.ts'
import type { EventQueue } from '../world/event-queue.ts'
import { FlowHeap } from './flow-heap.ts'

export type LinkId = number

interface Link {
  bytesPerS: number
  readonly flows: Flow[]
  loadBytesPerS: number
  /** Of the fill under way. */
  restBytesPerS: number
  unfixedCount: number
  reachedIn: number
  listedIn: number
}

interface Transfer {
  readonly sizeBytes: number
  readonly end: (arrived: boolean) => void
}

interface Lane {
  readonly id: number
  readonly transfers: Transfer[]
  /** Of the first transfer, at the flow's `atMs`. */
  restBytes: number
}

export interface Flow {
  readonly from: number
  readonly to: number
  readonly links: readonly Link[]
  /** Place in the list of flows of each link. */
  readonly places: number[]
  /** Those with a transfer, by when they began. */
  readonly lanes: Lane[]
  atMs: number
  bytesPerS: number
  /** When the next transfer ends if nothing changes. */
  endMs: number
  heapPlace: number
  reachedIn: number
  isFixed: boolean
}

export interface FlowsPorts {
  readonly queue: EventQueue
  /** The links between two ends, in any order; asked once per flow. */
  readonly pathOf: (from: number, to: number) => readonly LinkId[]
}

/** Links within this share of their capacity are full: sums of rates are not exact. */
const fullShare = 1 - 1e-9
/** Transfers that end within this time of each other end together. */
const instantMs = 1e-6

export class Flows {
  private readonly queue: EventQueue
  private readonly pathOf: FlowsPorts['pathOf']
  private readonly links: Link[] = []
  /** By sender, then receiver: those with a transfer at least. */
  private readonly flows = new Map<number, Map<number, Flow>>()
  private readonly heap = new FlowHeap<Flow>()
  private readonly started: Flow[] = []
  private readonly changed: Link[] = []
  private round = 0
  private wakeAtMs = Number.POSITIVE_INFINITY
  private isSettling = false

  constructor(ports: FlowsPorts) {
    this.queue = ports.queue
    this.pathOf = ports.pathOf
  }

  get flowCount(): number {
    return this.heap.size
  }

  addLink(bytesPerS: number): LinkId {
    assertInvariant(bytesPerS > 0, `a link carries something, not ${bytesPerS} bytes per second`)
    this.links.push({
      bytesPerS,
      flows: [],
      loadBytesPerS: 0,
      restBytesPerS: 0,
      unfixedCount: 0,
      reachedIn: 0,
      listedIn: 0,
    })
    return this.links.length - 1
  }

  setCapacity(id: LinkId, bytesPerS: number): void {
    const link = this.links[id]!
    if (link.bytesPerS === bytesPerS) return
    link.bytesPerS = bytesPerS
    this.change(link)
  }

  capacityOf(id: LinkId): number {
    return this.links[id]!.bytesPerS
  }

  /** Something is on its way in this lane between the two. */
  isOpen(from: number, to: number, lane: number): boolean {
    return (
      this.flows
        .get(from)
        ?.get(to)
        ?.lanes.some(({ id }) => id === lane) === true
    )
  }

  /** `end` is called once: when the last byte has left the last link, or with false when the flow is cut. */
  send(from: number, to: number, sizeBytes: number, end: (arrived: boolean) => void, lane = 0): void {
    const known = this.flows.get(from)?.get(to)
    const under = known?.lanes.find(({ id }) => id === lane)
    if (under !== undefined) {
      under.transfers.push({ sizeBytes, end })
      return
    }
    const flow = known ?? this.open(from, to)
    if (known !== undefined) this.advance(flow)
    flow.lanes.push({ id: lane, transfers: [{ sizeBytes, end }], restBytes: sizeBytes })
    if (known === undefined || !this.started.includes(flow)) this.started.push(flow)
    this.settleSoon()
  }

  /** Breaks one transfer off, whose `end` is not called. @returns what was not sent of it; null when it is not under way here. */
  drop(from: number, to: number, end: Transfer['end']): number | null {
    const flow = this.flows.get(from)?.get(to)
    const lane = flow?.lanes.find(({ transfers }) => transfers.some((transfer) => transfer.end === end))
    if (flow === undefined || lane === undefined) return null
    this.advance(flow)
    const at = lane.transfers.findIndex((transfer) => transfer.end === end)
    const [dropped] = lane.transfers.splice(at, 1)
    const restBytes = at === 0 ? lane.restBytes : dropped!.sizeBytes
    if (at === 0) lane.restBytes = lane.transfers[0]?.sizeBytes ?? 0
    if (lane.transfers.length === 0) flow.lanes.splice(flow.lanes.indexOf(lane), 1)
    if (flow.lanes.length === 0) this.close(flow)
    else if (!this.started.includes(flow)) this.started.push(flow)
    this.settleSoon()
    return restBytes
  }

  /** Ends all transfers of the flows for which the function is true. */
  cut(isCut: (from: number, to: number) => boolean): void {
    const cut: Flow[] = []
    for (const byReceiver of this.flows.values()) {
      for (const flow of byReceiver.values()) if (isCut(flow.from, flow.to)) cut.push(flow)
    }
    for (const flow of cut) this.close(flow)
    const transfers = cut.flatMap(({ lanes }) => lanes.splice(0).flatMap((lane) => lane.transfers))
    for (const { end } of transfers) end(false)
  }

  /** Rates now, in bytes per second. For checkers and tests. */
  rates(): { from: number; to: number; bytesPerS: number }[] {
    this.settle()
    return [...this.flows.values()].flatMap((byReceiver) =>
      [...byReceiver.values()].map(({ from, to, bytesPerS }) => ({ from, to, bytesPerS })),
    )
  }

  /** No link carries more than it can, and every flow has a full link on which no other has more: that is max-min fairness. */
  checkInvariants(): void {
    this.settle()
    for (const link of this.links) {
      const sum = link.flows.reduce((bytes, flow) => bytes + flow.bytesPerS, 0)
      assertInvariant(sum <= link.bytesPerS * (1 + 1e-6), `a link of ${link.bytesPerS} bytes/s carries ${sum}`)
    }
    for (const byReceiver of this.flows.values()) for (const flow of byReceiver.values()) assertHasBottleneck(flow)
    this.heap.checkInvariants()
  }

  private open(from: number, to: number): Flow {
    const links = this.pathOf(from, to).map((id) => this.links[id]!)
    assertInvariant(links.length > 0, 'a flow crosses a link')
    const flow: Flow = {
      from,
      to,
      links,
      places: links.map((link) => link.flows.length),
      lanes: [],
      atMs: this.queue.nowMs,
      bytesPerS: 0,
      endMs: Number.POSITIVE_INFINITY,
      heapPlace: -1,
      reachedIn: 0,
      isFixed: false,
    }
    for (const link of links) link.flows.push(flow)
    const byReceiver = this.flows.get(from) ?? new Map<number, Flow>()
    this.flows.set(from, byReceiver.set(to, flow))
    this.heap.push(flow)
    return flow
  }

  private close(flow: Flow): void {
    flow.links.forEach((link, at) => {
      if (isFull(link)) this.change(link)
      const place = flow.places[at]!
      const last = link.flows.pop()!
      if (last !== flow) {
        link.flows[place] = last
        last.places[last.links.indexOf(link)] = place
      }
      link.loadBytesPerS -= flow.bytesPerS
    })
    const byReceiver = this.flows.get(flow.from)!
    byReceiver.delete(flow.to)
    if (byReceiver.size === 0) this.flows.delete(flow.from)
    this.heap.remove(flow)
    const at = this.started.indexOf(flow)
    if (at >= 0) this.started.splice(at, 1)
  }

  private change(link: Link): void {
    this.changed.push(link)
    this.settleSoon()
  }

  /** Once for all changes of one instant. */
  private settleSoon(): void {
    if (this.isSettling) return
    this.isSettling = true
    this.queue.schedule(0, () => this.settle())
  }

  private settle(): void {
    this.isSettling = false
    if (this.started.length > 0 || this.changed.length > 0) {
      this.round += 1
      const flows: Flow[] = []
      const links: Link[] = []
      for (const link of this.changed.splice(0)) this.reachLink(link, flows, links)
      for (const flow of this.started.splice(0)) this.reach(flow, flows, links)
      let from = 0
      do {
        from = this.spread(flows, links, from)
        fill(flows, links)
      } while (this.reachUnfair(flows, links))
      for (const flow of flows) this.retime(flow)
    }
    this.wakeForFirst()
  }

  private reach(flow: Flow, flows: Flow[], links: Link[]): void {
    if (flow.reachedIn === this.round) return
    flow.reachedIn = this.round
    this.advance(flow)
    flows.push(flow)
    for (const link of flow.links) {
      if (link.listedIn === this.round) continue
      link.listedIn = this.round
      links.push(link)
    }
  }

  private reachLink(link: Link, flows: Flow[], links: Link[]): void {
    if (link.reachedIn === this.round) return
    link.reachedIn = this.round
    for (const flow of link.flows) this.reach(flow, flows, links)
  }

  /** From full link to full link, until nothing new is reached. */
  private spread(flows: Flow[], links: Link[], from: number): number {
    let at = from
    for (; at < flows.length; at += 1) {
      for (const link of flows[at]!.links) if (isFull(link)) this.reachLink(link, flows, links)
    }
    return at
  }

  /** A link that has become full now, with a flow beyond that has more than those that were filled: that one has to give. */
  private reachUnfair(flows: Flow[], links: Link[]): boolean {
    const count = flows.length
    for (const link of [...links]) {
      if (link.reachedIn === this.round || !isFull(link)) continue
      let mostReached = 0
      let mostBeyond = 0
      for (const flow of link.flows) {
        if (flow.reachedIn === this.round) mostReached = Math.max(mostReached, flow.bytesPerS)
        else mostBeyond = Math.max(mostBeyond, flow.bytesPerS)
      }
      if (mostBeyond > mostReached * (1 + 1e-9)) this.reachLink(link, flows, links)
    }
    return flows.length > count
  }

  /** What was sent since the rate last changed. */
  private advance(flow: Flow): void {
    const { nowMs } = this.queue
    const sentBytes = (flow.bytesPerS * (nowMs - flow.atMs)) / 1_000 / flow.lanes.length
    for (const lane of flow.lanes) lane.restBytes = Math.max(0, lane.restBytes - sentBytes)
    flow.atMs = nowMs
  }

  private retime(flow: Flow): void {
    flow.endMs = flow.atMs + (leastRestBytes(flow) * flow.lanes.length * 1_000) / flow.bytesPerS
    this.heap.moved(flow)
  }

  /** Of each lane that has come to the end of one; the next of the lane begins. */
  private endTransfers(flow: Flow, ended: Transfer[]): void {
    this.advance(flow)
    const endedBytes = leastRestBytes(flow) + (flow.bytesPerS * instantMs) / 1_000 / flow.lanes.length
    const lanes = flow.lanes.splice(0)
    for (const lane of lanes) {
      if (lane.restBytes <= endedBytes) {
        ended.push(lane.transfers.shift()!)
        lane.restBytes = lane.transfers[0]?.sizeBytes ?? 0
      }
      if (lane.transfers.length > 0) flow.lanes.push(lane)
    }
  }

  private wakeForFirst(): void {
    const first = this.heap.first
    if (first === null || first.endMs >= this.wakeAtMs) return
    const atMs = Math.max(first.endMs, this.queue.nowMs)
    this.wakeAtMs = atMs
    this.queue.schedule(atMs - this.queue.nowMs, () => {
      if (this.wakeAtMs === atMs) this.wake()
    })
  }

  private wake(): void {
    this.wakeAtMs = Number.POSITIVE_INFINITY
    const ended: Transfer[] = []
    const nowMs = this.queue.nowMs + instantMs
    for (let flow = this.heap.first; flow !== null && flow.endMs <= nowMs; flow = this.heap.first) {
      this.endTransfers(flow, ended)
      if (flow.lanes.length === 0) this.close(flow)
      else this.retime(flow)
    }
    // Afterwards: what they set off may begin or cut flows.
    for (const { end } of ended) end(true)
    this.wakeForFirst()
  }
}

function leastRestBytes({ lanes }: Flow): number {
  let leastBytes = Number.POSITIVE_INFINITY
  for (const { restBytes } of lanes) leastBytes = Math.min(leastBytes, restBytes)
  return leastBytes
}

/** Progressive filling of the flows given over the links given, beside flows that keep what they have. */
function fill(flows: readonly Flow[], links: readonly Link[]): void {
  for (const flow of flows) flow.isFixed = false
  for (const link of links) {
    link.restBytesPerS = link.bytesPerS
    link.unfixedCount = 0
  }
  const isHere = flows[0]?.reachedIn
  for (const link of links) {
    for (const flow of link.flows) {
      if (flow.reachedIn === isHere) link.unfixedCount += 1
      else link.restBytesPerS -= flow.bytesPerS
    }
  }
  const open = links.filter((link) => link.unfixedCount > 0)
  while (open.length > 0) {
    const full = takeTightest(open)
    if (full === null) break
    const bytesPerS = Math.max(full.restBytesPerS / full.unfixedCount, full.bytesPerS * 1e-9)
    for (const flow of full.flows) {
      if (flow.reachedIn !== isHere || flow.isFixed) continue
      flow.isFixed = true
      flow.bytesPerS = bytesPerS
      for (const link of flow.links) {
        link.restBytesPerS -= bytesPerS
        link.unfixedCount -= 1
      }
    }
  }
  for (const link of links) {
    link.loadBytesPerS = 0
    for (const flow of link.flows) link.loadBytesPerS += flow.bytesPerS
  }
}

/** The link that is full first, and drops those without flows to fix. */
function takeTightest(open: Link[]): Link | null {
  let tightest: Link | null = null
  let least = Number.POSITIVE_INFINITY
  let kept = 0
  for (const link of open) {
    if (link.unfixedCount === 0) continue
    open[kept] = link
    kept += 1
    const share = link.restBytesPerS / link.unfixedCount
    if (share < least) {
      least = share
      tightest = link
    }
  }
  open.length = kept
  return tightest
}

function isFull(link: Link): boolean {
  return link.loadBytesPerS >= link.bytesPerS * fullShare
}

function assertHasBottleneck(flow: Flow): void {
  const isHeld = flow.links.some((link) => {
    const sum = link.flows.reduce((bytes, other) => bytes + other.bytesPerS, 0)
    const most = link.flows.reduce((bytes, other) => Math.max(bytes, other.bytesPerS), 0)
    return sum >= link.bytesPerS * (1 - 1e-6) && flow.bytesPerS >= most * (1 - 1e-6)
  })
  assertInvariant(isHeld, `the flow from ${flow.from} to ${flow.to} could have more than ${flow.bytesPerS} bytes/s`)
}
