/**
 * All fetches of this node: takes what happened to chunks, answers which chunk to ask of which source next.
 *
 * One fetch serves all who wait for its model, and ends exactly once: complete, failed (when nothing flies and nobody is left to
 * ask), or cancelled. A failed chunk goes elsewhere; a wrong one also ends all dealings with its sender; a lost peer's chunks
 * are asked of others at once. When nothing is left to ask for, chunks that take too long are asked for a second time
 * elsewhere, and the first answer wins.
 */

import { assertInvariant, type ErrorCode, type ModelId, type NodeId, type Prng } from '../../common/index.ts'
import type { Effect, Event } from '../events.ts'
import { defaultSwarmOptions } from './choose-in-swarm.ts'
import {
  type ChooseSourceView,
  chooseSecondSource,
  chooseSource,
  defaultChooseSourceOptions,
  expectedMs,
  groupsOf,
  isHopeless,
  isOpen,
  type SourceChoice,
} from './choose-source.ts'
import { hashText, type Member } from './chunk-home.ts'
import type { ChunkState } from './chunk-state.ts'
import { Fetch } from './fetch.ts'
import type { PeerSource } from './peer-source.ts'
import { defaultProgressTellerOptions } from './progress-teller.ts'
import { keyOf, originKey, type SourceKey, type SourceStats, sourceOf } from './source-stats.ts'
import { describeStuck, isOriginUsable } from './stuck.ts'
import { SwarmPlan, type SwarmPlanOptions } from './swarm-plan.ts'

export interface FetchPlanOptions extends SwarmPlanOptions {
  /** Flights of one fetch, and of all. 8 MiB each: 32 of them are what a node can hash and store at once. */
  readonly flightsPerFetchMax: number
  readonly flightsMax: number
  /** A fetch that is needed at no certain time is due so long after its start, so that urgent ones pass it no longer. */
  readonly patienceMs: number
  /** Failures in a row after which a fetch gives a source up: broken calls, and "busy", which only asks for patience. */
  readonly strikesMax: number
  /** The origin gets more patience than a peer: nobody stands in for it. With the default pauses about nine seconds. */
  readonly originStrikesMax: number
  /**
   * A fetch that still lives tries a source that it gave up once more after this long. In an outage all who fetch one model give
   * the origin up, and then each waits for the others; and who did not have a chunk for long may have it all by now.
   */
  readonly forgivenMs: number
  readonly refusalsMax: number
  /** Wrong bytes from the origin after which it is not asked for that chunk again. One may be a fault on the way. */
  readonly originMismatchesMax: number
  /** A fetch without any source left waits this long for gossip to name one, then fails. */
  readonly hopelessMs: number
  /** Among nodes that all fetch the model, one to which nothing can come fails when nothing came to any of them for so long. */
  readonly stuckMs: number
  /** First wait before a node that is fetching the model too is asked again for a chunk it lacked; grows with each answer. */
  readonly notYetWaitMs: number
  /** A flight is slow after this multiple of the expected time, and after this time at least. */
  readonly slowFactor: number
  readonly slowMsMin: number
}

export const defaultFetchPlanOptions: FetchPlanOptions = {
  ...defaultChooseSourceOptions,
  ...defaultSwarmOptions,
  ...defaultProgressTellerOptions,
  dropWithinMs: 1_000,
  yieldWithinMs: 250,
  flightsPerFetchMax: 16,
  flightsMax: 32,
  patienceMs: 30_000,
  strikesMax: 4,
  originStrikesMax: 8,
  forgivenMs: 10_000,
  refusalsMax: 40,
  originMismatchesMax: 2,
  hopelessMs: 1_000,
  stuckMs: 20_000,
  notYetWaitMs: 100,
  slowFactor: 3,
  slowMsMin: 1_000,
}

export interface FetchPlanPorts {
  readonly self: NodeId
  readonly sourceStats: SourceStats
  readonly random: Prng
  /** Peers that have the model or fetch it and may be used now, in order of ids. */
  readonly peersWith: (model: ModelId, nowMs: number) => PeerSource[]
  readonly mayShare: () => boolean
}

type EventOf<K extends Event['kind']> = Extract<Event, { kind: K }>

export class FetchPlan {
  private readonly ports: FetchPlanPorts
  private readonly options: FetchPlanOptions
  private readonly self: Member
  private readonly swarms: SwarmPlan
  /** Of fetches that have ended. */
  private readonly lastNews: Effect[] = []
  private readonly fetches = new Map<ModelId, Fetch>()
  private flightCount = 0

  constructor(ports: FetchPlanPorts, options: FetchPlanOptions = defaultFetchPlanOptions) {
    this.ports = ports
    this.options = options
    this.self = { key: ports.self, keyHash: hashText(ports.self) }
    this.swarms = new SwarmPlan({ ...ports, self: this.self }, options)
  }

  /** Nothing is on its way in. */
  get isIdle(): boolean {
    return this.fetches.size === 0
  }

  has(model: ModelId): boolean {
    return this.fetches.has(model)
  }

  /** Models that have been on their way in for so long. */
  *olderThan(ageMs: number, nowMs: number): Iterable<ModelId> {
    for (const fetch of this.fetches.values()) if (nowMs - fetch.startedAtMs >= ageMs) yield fetch.model
  }

  /** Models on their way in, sorted. */
  models(): ModelId[] {
    return [...this.fetches.keys()].sort()
  }

  fetch(event: EventOf<'fetch'>): void {
    const running = this.fetches.get(event.model)
    if (running !== undefined) {
      running.join(event.context, event.originAllowed, event.nowMs)
      running.add(event.chunks)
      return
    }
    const fetch = new Fetch(event.model, event.context, event.originAllowed, event.nowMs)
    // In order where the model can be had at once: readers start with the first bytes. In a crowd each starts elsewhere,
    // so that what one took from the origin is what the others lack.
    const known = this.ports.peersWith(event.model, event.nowMs).some((peer) => peer.complete)
    fetch.add(event.chunks)
    if (!known) fetch.reorder(this.shuffled(fetch.wanted.inOrder()))
    this.fetches.set(event.model, fetch)
  }

  chunkDone(event: EventOf<'chunk-done'>): Effect[] {
    const { sizeBytes, elapsedMs, nowMs } = event
    const key = keyOf(event.source)
    const fetch = this.fetches.get(event.model)
    const state = fetch?.chunks.get(event.chunk)
    if (fetch === undefined || state === undefined) return []
    const othersCount = fetch.swarm?.loadOf(key) ?? 0
    this.ports.sourceStats.delivered(key, { sizeBytes, elapsedMs, othersCount, nowMs })
    fetch.swarm?.came(key, elapsedMs, nowMs)
    this.land(fetch, state, key, null)
    // Bytes that were verified are welcome even from a flight that was given up.
    if (!state.done) fetch.finish(state, key)
    return [...state.flights.keys()].map((other) => this.dropFlight(fetch, state, other, nowMs))
  }

  chunkFailed(event: EventOf<'chunk-failed'>): Effect[] {
    const { failure, nowMs } = event
    const key = keyOf(event.source)
    const fetch = this.fetches.get(event.model)
    const state = fetch?.chunks.get(event.chunk)
    const flew = fetch !== undefined && state !== undefined && this.land(fetch, state, key, nowMs)
    // A wrong chunk is proof whenever it comes; every other failure of a flight given up before says nothing new.
    if (failure === 'mismatch' && key !== originKey) return this.distrust(key, nowMs)
    if (!flew) return []
    switch (failure) {
      case 'mismatch':
        state.originMismatches += 1
        if (state.originMismatches >= this.options.originMismatchesMax) bar(fetch, state, key)
        break
      case 'missing':
        return this.missing(fetch, state, key, nowMs)
      case 'refused':
        if (this.ports.sourceStats.pause(key, nowMs)) fetch.strike(key, this.options.refusalsMax, nowMs)
        break
      case 'timeout':
      case 'closed':
      case 'unavailable':
        if (this.ports.sourceStats.pause(key, nowMs)) {
          fetch.strike(key, key === originKey ? this.options.originStrikesMax : this.options.strikesMax, nowMs)
        }
        break
    }
    return []
  }

  /** Another node tells what it has of a model that is on its way in here. */
  peerProgress(event: EventOf<'peer-progress'>): void {
    const fetch = this.fetches.get(event.progress.model)
    if (fetch !== undefined) this.swarms.hear(fetch, event)
  }

  /** The node is gone for now: what it was asked for is asked of others. */
  peerLost(node: NodeId, nowMs: number): void {
    for (const fetch of this.fetches.values()) {
      for (const state of inPlace(fetch.flying)) this.land(fetch, state, node, nowMs)
    }
  }

  peerBack(node: NodeId, nowMs: number): void {
    this.ports.sourceStats.resume(node)
    if (this.ports.sourceStats.isDistrusted(node, nowMs)) return
    for (const fetch of this.fetches.values()) fetch.forgive(node)
  }

  cancel(model: ModelId, nowMs: number): void {
    const fetch = this.fetches.get(model)
    if (fetch !== undefined) this.drop(fetch, nowMs)
  }

  failAll(code: ErrorCode, message: string, nowMs: number): Effect[] {
    return [...this.fetches.values()].map((fetch) => {
      this.drop(fetch, nowMs)
      return { kind: 'fetch-failed', model: fetch.model, code, message }
    })
  }

  /** Ends what is over and asks for what can be asked for now. Call it after everything else in a step. */
  plan(nowMs: number): Effect[] {
    const effects: Effect[] = []
    const active: Active[] = []
    for (const fetch of [...this.fetches.values()]) {
      if (fetch.remaining === 0) {
        this.lastNews.push(...this.swarms.tell({ fetch, nowMs, isLast: true }))
        this.drop(fetch, nowMs)
        effects.push({ kind: 'fetch-complete', model: fetch.model, bytesBySource: { ...fetch.bytesBySource } })
      } else {
        fetch.forgiveOlder(this.options.forgivenMs, nowMs)
        const one = new Active(fetch, () => this.ports.peersWith(fetch.model, nowMs))
        active.push(one)
        for (const { state, key } of this.swarms.follow(fetch, one.peers, nowMs)) {
          effects.push(this.dropFlight(fetch, state, key, nowMs))
        }
      }
    }
    // One chunk per fetch and round, so that a large model does not starve a small one.
    // What lacks a chunk that nobody has is not fetched on for nothing.
    let launching = this.bySlack(
      active.filter(({ fetch }) => fetch.hopelessSinceMs === null),
      nowMs,
    )
    while (launching.length > 0 && this.flightCount < this.options.flightsMax) {
      launching = launching.filter((one) => {
        if (this.flightCount >= this.options.flightsMax) return false
        const effect = this.launchRescue(one, nowMs) ?? this.launchNext(one, nowMs) ?? this.launchAgain(one, nowMs)
        if (effect !== null) effects.push(effect)
        return effect !== null && this.flightCount < this.options.flightsMax
      })
    }
    for (const one of active) effects.push(...this.endHopeless(one, nowMs))
    return effects
  }

  /** News for the other nodes that fetch the same models. */
  tell(nowMs: number): Effect[] {
    const effects = this.lastNews.splice(0)
    for (const fetch of this.fetches.values()) effects.push(...this.swarms.tell({ fetch, nowMs, isLast: false }))
    return effects
  }

  /** Recounts the flights of every source and of every fetch. */
  checkInvariants(): void {
    const flights = new Map<SourceKey, { flights: number; flightBytes: number }>()
    let total = 0
    for (const fetch of this.fetches.values()) {
      let own = 0
      let remaining = 0
      for (const state of fetch.chunks.values()) {
        own += state.flights.size
        remaining += state.done ? 0 : 1
        const isWanted = !state.done && state.flights.size === 0
        assertInvariant(
          fetch.wanted.has(state.chunk.sha256) === isWanted,
          'a chunk is wanted while it neither flies nor is done',
        )
        for (const key of state.flights.keys()) {
          const count = flights.get(key) ?? { flights: 0, flightBytes: 0 }
          count.flights += 1
          count.flightBytes += state.chunk.sizeBytes
          flights.set(key, count)
        }
      }
      assertInvariant(own === fetch.flightCount, `${own} flights counted, ${fetch.flightCount} kept`)
      assertInvariant(remaining === fetch.remaining, `${remaining} chunks left, ${fetch.remaining} kept`)
      assertInvariant(own <= this.options.flightsPerFetchMax, 'a fetch keeps to its limit of flights')
      total += own
    }
    assertInvariant(total === this.flightCount, `${total} flights counted, ${this.flightCount} kept`)
    assertInvariant(total <= this.options.flightsMax, 'the node keeps to its limit of flights')
    for (const [key, kept] of this.ports.sourceStats.allFlights()) {
      const counted = flights.get(key) ?? { flights: 0, flightBytes: 0 }
      assertInvariant(
        counted.flights === kept.flights,
        `${counted.flights} flights at '${key}' counted, ${kept.flights} kept`,
      )
      assertInvariant(counted.flightBytes === kept.flightBytes, `bytes under way from '${key}' are kept right`)
    }
  }

  /** Fetches with the least slack first; fetches without a deadline in the order of their start. */
  private bySlack(active: Active[], nowMs: number): Active[] {
    if (active.length < 2 || active.every(({ fetch }) => fetch.dueAt(nowMs) === Number.POSITIVE_INFINITY)) return active
    const bytesPerS = this.ports.sourceStats.receivedBytesPerS
    const slackMs = ({ fetch }: Active) => {
      const leftMs = bytesPerS > 0 ? (fetch.remaining * fetch.meanChunkBytes * 1_000) / bytesPerS : 0
      return Math.min(fetch.dueAt(nowMs), fetch.startedAtMs + this.options.patienceMs) - leftMs
    }
    return active.toSorted((one, other) => slackMs(one) - slackMs(other))
  }

  private launchNext(one: Active, nowMs: number): Effect | null {
    const { fetch } = one
    const { options } = this
    if (fetch.wanted.size === 0 || fetch.flightCount >= options.flightsPerFetchMax) return null
    if (fetch.swarm !== null) {
      const choice = this.swarms.choose(fetch, fetch.swarm, one.peers, nowMs)
      return choice === null ? null : this.launch(fetch, choice.state, choice, nowMs)
    }
    const { sourceStats } = this.ports
    const isOpenNow = (key: SourceKey) => isOpen({ fetch, sourceStats, nowMs }, key, options)
    const { peers } = one
    if (!isOpenNow(originKey) && !peers.some(({ key }) => isOpenNow(key))) return null
    const { signature, groupOf } = groupsOf({ fetch, peers })
    fetch.wanted.regroup(signature, groupOf)
    for (const state of fetch.wanted.candidates(isOpenNow, nowMs)) {
      const choice = chooseSource(this.view(fetch, state, peers, nowMs), options)
      if (choice !== null) return this.launch(fetch, state, choice, nowMs)
    }
    return null
  }

  /**
   * A chunk whose source sends nothing is asked of another one that has it, before any other chunk. The first flight goes on: a source
   * may be slow to begin.
   */
  private launchRescue({ fetch, peers }: Active, nowMs: number): Effect | null {
    const { sourceStats } = this.ports
    if (!sourceStats.mayBeSilent(nowMs) || fetch.flightCount >= this.options.flightsPerFetchMax) return null
    for (const state of inPlace(fetch.flying)) {
      if (state.done || state.flights.size !== 1) continue
      const [key] = state.flights.keys()
      const second = sourceStats.isSilent(key!, nowMs) ? this.secondSource(fetch, state, peers, nowMs) : null
      if (second !== null) return this.launch(fetch, state, second, nowMs)
    }
    return null
  }

  private secondSource(
    fetch: Fetch,
    state: ChunkState,
    peers: readonly PeerSource[],
    nowMs: number,
  ): SourceChoice | null {
    if (fetch.swarm === null) return chooseSecondSource(this.view(fetch, state, peers, nowMs), this.options)
    const key = this.swarms.second(fetch, fetch.swarm, peers, state, nowMs)
    return key === null ? null : { key, why: 'second' }
  }

  /** Nothing is left to ask for: ask a second source for a chunk that takes too long. */
  private launchAgain(one: Active, nowMs: number): Effect | null {
    const { fetch } = one
    if (fetch.wanted.size > 0 || fetch.flightCount >= this.options.flightsPerFetchMax) return null
    for (const state of inPlace(fetch.flying)) {
      // A chunk may be done while a second flight of it is still under way.
      if (state.done || state.flights.size !== 1) continue
      const [key, startedAtMs] = [...state.flights][0]!
      if (nowMs - startedAtMs < this.options.slowMsMin) continue
      const { peers } = one
      if (fetch.swarm !== null) {
        const expected = this.swarms.expectedMs(fetch, fetch.swarm, peers, { state, key }, nowMs)
        if (nowMs - startedAtMs < expected * this.options.slowFactor) continue
      } else {
        const view = this.view(fetch, state, peers, nowMs)
        const peer = peers.find((candidate) => candidate.key === key)
        const expected = peer === undefined ? 0 : expectedMs(view, peer)
        if (nowMs - startedAtMs < expected * this.options.slowFactor) continue
      }
      const second = this.secondSource(fetch, state, peers, nowMs)
      if (second !== null) return this.launch(fetch, state, second, nowMs)
    }
    return null
  }

  private launch(fetch: Fetch, state: ChunkState, { key, why }: SourceChoice, nowMs: number): Effect {
    fetch.launch(state, key, nowMs)
    this.flightCount += 1
    this.ports.sourceStats.started(key, state.chunk.sizeBytes, nowMs)
    const context = fetch.context(nowMs)
    return { kind: 'get-chunk', model: fetch.model, chunk: state.chunk, source: sourceOf(key), why, context }
  }

  private dropFlight(fetch: Fetch, state: ChunkState, key: SourceKey, nowMs: number): Effect {
    this.land(fetch, state, key, nowMs)
    return { kind: 'drop-chunk', model: fetch.model, chunk: state.chunk, source: sourceOf(key) }
  }

  /** @param failedAtMs null: it brought its chunk. */
  private land(fetch: Fetch, state: ChunkState, key: SourceKey, failedAtMs: number | null): boolean {
    const startedAtMs = state.flights.get(key)
    if (startedAtMs === undefined || !fetch.land(state, key)) return false
    this.flightCount -= 1
    this.ports.sourceStats.ended(key, state.chunk.sizeBytes, failedAtMs === null ? null : failedAtMs - startedAtMs)
    return true
  }

  private missing(fetch: Fetch, state: ChunkState, key: SourceKey, nowMs: number): Effect[] {
    const peer = this.ports.peersWith(fetch.model, nowMs).find((candidate) => candidate.key === key)
    if (peer !== undefined && !peer.complete) {
      fetch.swarm?.lacks(key, state)
      fetch.wanted.change(state, () => {
        state.notYetCount += 1
        state.askAgainAtMs = nowMs + this.options.notYetWaitMs * state.notYetCount
      })
      // Someone who never delivers anything is no source, however politely it answers.
      fetch.strike(key, this.options.refusalsMax, nowMs)
      return []
    }
    bar(fetch, state, key)
    if (key !== originKey) fetch.strike(key, this.options.strikesMax, nowMs)
    return peer === undefined ? [] : [{ kind: 'stale-advert', node: key, model: fetch.model }]
  }

  private distrust(node: NodeId, nowMs: number): Effect[] {
    this.peerLost(node, nowMs)
    for (const fetch of this.fetches.values()) fetch.giveUpForGood(node)
    if (this.ports.sourceStats.isDistrusted(node, nowMs)) return []
    this.ports.sourceStats.distrust(node, nowMs)
    return [{ kind: 'distrust', node, reason: 'wrong-chunk' }]
  }

  private endHopeless(one: Active, nowMs: number): Effect[] {
    const { fetch } = one
    const stuck = this.stuckChunk(one, nowMs)
    if (stuck === undefined) {
      fetch.hopelessSinceMs = null
      return []
    }
    fetch.hopelessSinceMs ??= nowMs
    if (nowMs - fetch.hopelessSinceMs < this.options.hopelessMs) return []
    this.drop(fetch, nowMs)
    const code = stuck.originMismatches > 0 ? 'DIGEST_MISMATCH' : 'NO_SOURCE'
    return [{ kind: 'fetch-failed', model: fetch.model, code, message: describeStuck(fetch, stuck) }]
  }

  /** While chunks are on their way, one look at the first that a source lacks: a look at all of them in each step costs more than the fetch. */
  private stuckChunk(one: Active, nowMs: number): ChunkState | undefined {
    const { wanted, flightCount } = one.fetch
    const isStuck = (state: ChunkState) => this.isHopeless(state, one, nowMs)
    if (flightCount > 0) return wanted.firstApart().find(isStuck)
    return wanted.areAlike && isOriginUsable(one.fetch) ? undefined : wanted.distinct().find(isStuck)
  }

  /** What no node has that fetches it too may come to one of them; not when nothing came to any of them for long. */
  private isHopeless(state: ChunkState, { fetch, peers }: Active, nowMs: number): boolean {
    const { swarm } = fetch
    if (swarm === null || nowMs - swarm.movedAtMs < this.options.stuckMs) return isHopeless(state, { fetch, peers })
    return isHopeless(state, {
      fetch,
      peers: peers.filter(({ key, complete }) => complete || swarm.mayHave(key, state)),
    })
  }

  private drop(fetch: Fetch, nowMs: number): void {
    for (const state of [...fetch.flying]) {
      for (const key of [...state.flights.keys()]) this.land(fetch, state, key, nowMs)
    }
    this.fetches.delete(fetch.model)
  }

  private view(fetch: Fetch, state: ChunkState, peers: readonly PeerSource[], nowMs: number): ChooseSourceView {
    const { sourceStats, random } = this.ports
    const mayShare = this.ports.mayShare()
    return { fetch, state, peers, mayShare, sourceStats, random: (bound) => random.int(bound), nowMs }
  }

  private shuffled<T>(items: readonly T[]): T[] {
    const order = [...items]
    for (let at = order.length - 1; at > 0; at -= 1) {
      const other = this.ports.random.int(at + 1)
      ;[order[at], order[other]] = [order[other]!, order[at]!]
    }
    return order
  }
}

/** A fetch that is under way, with its peers once they are needed: most steps need those of few fetches. */
class Active {
  readonly fetch: Fetch
  private readonly look: () => PeerSource[]
  private found: PeerSource[] | null = null

  constructor(fetch: Fetch, look: () => PeerSource[]) {
    this.fetch = fetch
    this.look = look
  }

  get peers(): readonly PeerSource[] {
    this.found ??= this.look()
    return this.found
  }
}

function bar(fetch: Fetch, state: ChunkState, key: SourceKey): void {
  fetch.wanted.change(state, () => state.barred.add(key))
}

function inPlace(states: Iterable<ChunkState>): ChunkState[] {
  return [...states].sort((a, b) => a.place - b.place)
}
