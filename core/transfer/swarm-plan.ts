/**
 * The part of a fetch that has to do with other nodes that fetch the same model: knowing them, telling them, choosing what to ask of whom,
 * and taking back what turns out to be asked by too many.
 */
import type { Prng } from '../../common/index.ts'
import type { Effect, Event } from '../events.ts'
import {
  chooseInSwarm,
  dueHere,
  expectedMs,
  flightsIn,
  isFree,
  isToYield,
  type SwarmChoice,
  type SwarmOptions,
  type SwarmView,
} from './choose-in-swarm.ts'
import { type ChooseSourceOptions, isOpen } from './choose-source.ts'
import { hashText, type Member } from './chunk-home.ts'
import type { ChunkState } from './chunk-state.ts'
import type { Fetch } from './fetch.ts'
import type { PeerSource } from './peer-source.ts'
import { ProgressTeller, type ProgressTellerOptions } from './progress-teller.ts'
import { originKey, type SourceKey, type SourceStats } from './source-stats.ts'
import { Swarm } from './swarm.ts'

export interface SwarmPlanOptions extends ChooseSourceOptions, SwarmOptions, ProgressTellerOptions {
  /** Flights of one fetch. 8 MiB each: 16 of them are half of what a node can hash and store at once. */
  readonly flightsPerFetchMax: number
  /** What was asked before this node knew of others is taken back within this time when another is to ask for it. */
  readonly dropWithinMs: number
  /** The same of a peer that too many asked at once. */
  readonly yieldWithinMs: number
}

export interface SwarmPlanPorts {
  readonly self: Member
  readonly sourceStats: SourceStats
  readonly random: Prng
}

export interface FlightName {
  readonly state: ChunkState
  readonly key: SourceKey
}

type PeerProgress = Extract<Event, { kind: 'peer-progress' }>

export class SwarmPlan {
  private readonly ports: SwarmPlanPorts
  private readonly options: SwarmPlanOptions

  constructor(ports: SwarmPlanPorts, options: SwarmPlanOptions) {
    this.ports = ports
    this.options = options
  }

  /** Brings what is known of the others up to date. @returns flights to take back. */
  follow(fetch: Fetch, peers: readonly PeerSource[], nowMs: number): FlightName[] {
    const mates = peers.filter((peer) => !peer.complete)
    if (mates.length === 0) {
      fetch.swarm = null
      fetch.teller = null
      return []
    }
    fetch.swarm ??= new Swarm(this.ports.self, hashText(fetch.model), [...fetch.chunks.values()], nowMs)
    fetch.teller ??= new ProgressTeller(this.options)
    fetch.swarm.expireAsks(3 * this.options.repeatMs, nowMs)
    const hasMore = fetch.swarm.follow(mates, nowMs)
    const young = youngFlights(fetch, Math.max(this.options.dropWithinMs, this.options.yieldWithinMs), nowMs)
    if (young.length === 0) return []
    const view = this.view(fetch, fetch.swarm, peers, nowMs)
    const due = hasMore ? dueHere(view, this.options) : null
    return young.filter(({ state, key, ageMs }) => {
      const isEarly = due !== null && ageMs <= this.options.dropWithinMs && view.swarm.isUpstream(key)
      if (isEarly && !due.has(state)) return true
      const peer = ageMs <= this.options.yieldWithinMs ? peers.find((one) => one.key === key) : undefined
      return peer !== undefined && isToYield(view, peer, state.chunk.sizeBytes, this.options)
    })
  }

  hear(fetch: Fetch, { from, progress, nowMs }: PeerProgress): void {
    if (fetch.swarm === null || fetch.teller === null) return
    fetch.swarm.hear(from, progress, nowMs)
    if (progress.wantsAll) fetch.teller.forgetTold(from)
  }

  /** @param isLast the fetch is over. */
  tell({ fetch, nowMs, isLast }: { fetch: Fetch; nowMs: number; isLast: boolean }): Effect[] {
    const { swarm, teller } = fetch
    if (swarm === null || teller === null) return []
    return teller.tell(fetch, swarm, this.ports.self.keyHash, nowMs, isLast)
  }

  choose(fetch: Fetch, swarm: Swarm, peers: readonly PeerSource[], nowMs: number): SwarmChoice | null {
    return chooseInSwarm(this.view(fetch, swarm, peers, nowMs), this.options)
  }

  /** How long a flight at the source takes by what is known of it. */
  expectedMs(
    fetch: Fetch,
    swarm: Swarm,
    peers: readonly PeerSource[],
    { state, key }: FlightName,
    nowMs: number,
  ): number {
    const view = this.view(fetch, swarm, peers, nowMs)
    const peer = peers.find((candidate) => candidate.key === key)
    return peer === undefined ? 0 : expectedMs(view, peer, state.chunk.sizeBytes)
  }

  /** Another source near that has the chunk and is free, for one that takes too long. */
  second(fetch: Fetch, swarm: Swarm, peers: readonly PeerSource[], state: ChunkState, nowMs: number): SourceKey | null {
    const view = this.view(fetch, swarm, peers, nowMs)
    const others = peers.filter((peer) => {
      const { key, complete, sameZone } = peer
      const isNear = sameZone || swarm.isAlone
      if (state.flights.has(key) || state.barred.has(key) || fetch.givenUp.has(key)) return false
      return isNear && (complete || swarm.has(key, state)) && isFree(view, peer, state.chunk.sizeBytes, this.options)
    })
    return others[this.ports.random.int(Math.max(1, others.length))]?.key ?? null
  }

  private view(fetch: Fetch, swarm: Swarm, peers: readonly PeerSource[], nowMs: number): SwarmView {
    const { self, sourceStats, random } = this.ports
    const { headStartMs, flightsPerPeerMax } = this.options
    const isEarly = nowMs < fetch.startedAtMs + headStartMs && fetch.flightCount > 0
    const isOriginOpen = !isEarly && isOpen({ fetch, sourceStats, nowMs }, originKey, this.options)
    const holders = peers.filter((peer) => peer.complete)
    const ownMax = flightsIn(sourceStats.receivedBytesPerS, fetch.meanChunkBytes, this.options)
    const flightsMax = Math.min(ownMax, this.options.flightsPerFetchMax)
    const int = (bound: number) => random.int(bound)
    return { self, fetch, swarm, holders, sourceStats, isOriginOpen, flightsPerPeerMax, flightsMax, random: int, nowMs }
  }
}

function youngFlights(fetch: Fetch, withinMs: number, nowMs: number): (FlightName & { readonly ageMs: number })[] {
  const young: (FlightName & { readonly ageMs: number })[] = []
  for (const state of fetch.flying) {
    for (const [key, startedAtMs] of state.flights) {
      const ageMs = nowMs - startedAtMs
      if (ageMs <= withinMs) young.push({ state, key, ageMs })
    }
  }
  return young.sort((a, b) => a.state.place - b.state.place)
}
