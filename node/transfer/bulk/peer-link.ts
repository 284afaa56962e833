/**
 * All asking of one peer: a few connections, opened when they are needed, and a bounded queue of requests for a free place on them. A
 * request goes to the connection with the fewest others under way. A connection that the peer has opened is used as well; it is the only
 * one to a peer that cannot be reached.
 */
import { HoldfastError } from '../../../common/index.ts'
import { FairQueue } from '../../../core/index.ts'
import type { ChunkRequest, ChunkSink } from '../../ports/index.ts'
import type { Clock } from '../../system/index.ts'
import type { BulkSession } from './bulk-session.ts'
import { MuteWatch } from './mute-watch.ts'
import type { BulkOptions } from './options.ts'

interface Waiting {
  readonly tenant: string
  readonly blob: string
  readonly sizeBytes: number
  readonly dueMs: number
  readonly request: ChunkRequest
  readonly into: ChunkSink
  readonly signal: AbortSignal | undefined
  readonly outcome: PromiseWithResolvers<boolean>
  readonly sinceMs: number
}

export interface PeerLinkPorts {
  readonly name: string
  readonly clock: Clock
  /** A connection on which both sides have proved themselves; null when the peer has opened one. */
  readonly open: () => Promise<BulkSession | null>
  /** Connections that the peer has opened and that take requests. */
  readonly inbound: () => readonly BulkSession[]
  /** The peer sends nothing of what was asked of it, for so long; 0: it does again. */
  readonly onSilent: (silentMs: number) => void
}

export class PeerLink {
  /** Called when nothing is open or wanted any more. */
  onUnused: () => void = () => {}
  private readonly ports: PeerLinkPorts
  private readonly options: BulkOptions
  private readonly sessions: BulkSession[] = []
  private readonly waiting: FairQueue<Waiting>
  private readonly mute: MuteWatch
  private opening = 0
  /** This side cannot open one, as long as those of the peer are there. */
  private isOpenedByPeer = false
  private closed: HoldfastError | null = null

  constructor(ports: PeerLinkPorts, options: BulkOptions) {
    this.ports = ports
    this.options = options
    this.waiting = new FairQueue(options.weightOf)
    const { clock, onSilent } = ports
    this.mute = new MuteWatch({ clock, movedBytes: () => this.movedBytes(), onSilent }, options.muteMs)
  }

  /** True when the bytes have come; false when the peer does not hold the chunk. */
  async fetch(request: ChunkRequest, into: ChunkSink, signal?: AbortSignal): Promise<boolean> {
    signal?.throwIfAborted()
    if (this.waiting.length >= this.options.waitingPerPeerMax) {
      throw new HoldfastError('OVERLOADED', `${this.waiting.length} requests wait for ${this.ports.name} already.`)
    }
    const { tenant, dueMs: dueInMs, deadlineMs } = request.context
    const outcome = Promise.withResolvers<boolean>()
    const sinceMs = this.ports.clock.nowMs()
    const waiting: Waiting = {
      tenant,
      blob: request.file,
      sizeBytes: request.sizeBytes,
      dueMs: sinceMs + (dueInMs ?? deadlineMs),
      request,
      into,
      signal,
      outcome,
      sinceMs,
    }
    this.waiting.push(waiting)
    this.mute.asked()
    const onAbort = () => {
      this.waiting.delete(waiting)
      outcome.reject(signal?.reason)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    this.pump()
    try {
      const isThere = await outcome.promise
      this.mute.moved()
      return isThere
    } finally {
      this.mute.ended()
      signal?.removeEventListener('abort', onAbort)
    }
  }

  close(error: HoldfastError): void {
    this.closed = error
    this.rejectWaiting(error)
    for (const session of [...this.sessions]) session.close(error)
  }

  /** Hands waiting requests to connections with room, and opens another connection while all are busy. */
  pump(): void {
    while (this.waiting.length > 0) {
      const session = this.leastBusy()
      if (session?.asker.inFlight !== 0 && this.mayOpen()) this.open()
      if (session === undefined) return
      const waiting = this.waiting.shift() as Waiting
      session.asker
        .request(this.aged(waiting), waiting.into, waiting.signal)
        .then(waiting.outcome.resolve, waiting.outcome.reject)
    }
    if (this.sessions.length === 0 && this.opening === 0 && this.ports.inbound().length === 0) this.onUnused()
  }

  /** The request as it is now: waiting has used up a part of its deadline. */
  private aged({ request, sinceMs }: Waiting): ChunkRequest {
    const { context } = request
    const waitedMs = this.ports.clock.nowMs() - sinceMs
    const due = context.dueMs === undefined ? {} : { dueMs: Math.max(0, context.dueMs - waitedMs) }
    return { ...request, context: { ...context, deadlineMs: context.deadlineMs - waitedMs, ...due } }
  }

  private movedBytes(): number {
    let sum = 0
    for (const session of [...this.sessions, ...this.ports.inbound()]) sum += session.movedBytes
    return sum
  }

  private mayOpen(): boolean {
    if (this.isOpenedByPeer && this.ports.inbound().length > 0) return false
    return this.sessions.length + this.opening < this.options.connectionsPerPeerMax
  }

  private leastBusy(): BulkSession | undefined {
    let best: BulkSession | undefined
    for (const session of [...this.sessions, ...this.ports.inbound()]) {
      if (session.hasRoom && session.asker.inFlight < (best?.asker.inFlight ?? Number.POSITIVE_INFINITY)) best = session
    }
    return best
  }

  private open(): void {
    this.opening++
    this.ports.open().then(
      (session) => {
        this.opening--
        if (session === null) {
          this.onOpenedByPeer()
          return
        }
        if (this.closed !== null) {
          session.close(this.closed)
          return
        }
        // It may have closed since; then it calls nobody any more and has no place here.
        if (session.isOpen) {
          this.mute.moved()
          this.sessions.push(session)
          session.onChange = () => this.onChange(session)
        }
        this.pump()
      },
      (error: HoldfastError) => {
        this.opening--
        // Others may still open, and those that are open go on.
        if (this.sessions.length > 0 || this.opening > 0) return
        if (this.ports.inbound().length > 0) this.isOpenedByPeer = true
        else this.rejectWaiting(error)
        this.pump()
      },
    )
  }

  private onOpenedByPeer(): void {
    this.isOpenedByPeer = true
    this.pump()
  }

  private onChange(session: BulkSession): void {
    if (!session.isOpen) {
      const place = this.sessions.indexOf(session)
      if (place >= 0) this.sessions.splice(place, 1)
    }
    this.pump()
  }

  private rejectWaiting(error: HoldfastError): void {
    for (const { outcome } of this.waiting.takeAll()) outcome.reject(error)
  }
}
