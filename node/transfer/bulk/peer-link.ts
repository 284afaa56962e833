/**
 * All asking of one peer: a few connections, opened when they are needed, and a bounded queue of requests for a free place on
 * them. A request goes to the connection with the fewest others under way.
 */
import { HoldfastError } from '../../../common/index.ts'
import type { ChunkRequest, ChunkSink } from '../../ports/index.ts'
import type { Clock } from '../../system/index.ts'
import { BulkClient, type BulkTarget } from './bulk-client.ts'
import type { BulkOptions } from './options.ts'
import type { Prover } from './proof.ts'

interface Waiting {
  readonly request: ChunkRequest
  readonly into: Pick<ChunkSink, 'begin'>
  readonly signal: AbortSignal | undefined
  readonly outcome: PromiseWithResolvers<boolean>
  readonly sinceMs: number
}

export class PeerLink {
  /** Called when nothing is open or wanted any more. */
  onUnused: () => void = () => {}
  private readonly target: BulkTarget
  private readonly prover: Prover
  private readonly clock: Clock
  private readonly options: BulkOptions
  private readonly clients: BulkClient[] = []
  private readonly waiting: Waiting[] = []
  private opening = 0
  private closed: HoldfastError | null = null

  constructor(target: BulkTarget, prover: Prover, clock: Clock, options: BulkOptions) {
    this.target = target
    this.prover = prover
    this.clock = clock
    this.options = options
  }

  /** True when the sink's memory is full; false when the peer does not hold the chunk. */
  async fetch(request: ChunkRequest, into: Pick<ChunkSink, 'begin'>, signal?: AbortSignal): Promise<boolean> {
    signal?.throwIfAborted()
    if (this.waiting.length >= this.options.waitingPerPeerMax) {
      throw new HoldfastError('OVERLOADED', `${this.waiting.length} requests wait for ${this.target.node} already.`)
    }
    const waiting: Waiting = { request, into, signal, outcome: Promise.withResolvers(), sinceMs: this.clock.nowMs() }
    this.waiting.push(waiting)
    const onAbort = () => {
      const place = this.waiting.indexOf(waiting)
      if (place >= 0) this.waiting.splice(place, 1)
      waiting.outcome.reject(signal?.reason)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    this.pump()
    try {
      return await waiting.outcome.promise
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }

  close(error: HoldfastError): void {
    this.closed = error
    this.rejectWaiting(error)
    for (const client of [...this.clients]) client.destroy(error)
  }

  /** Hands waiting requests to connections with room, and opens another connection while all are busy. */
  private pump(): void {
    while (this.waiting.length > 0) {
      const client = this.leastBusy()
      if (client?.inFlight !== 0 && this.clients.length + this.opening < this.options.connectionsPerPeerMax) this.open()
      if (client === undefined) return
      const waiting = this.waiting.shift() as Waiting
      client
        .request(this.aged(waiting), waiting.into, waiting.signal)
        .then(waiting.outcome.resolve, waiting.outcome.reject)
    }
    if (this.clients.length === 0 && this.opening === 0) this.onUnused()
  }

  /** The request as it is now: waiting has used up a part of its deadline. */
  private aged({ request, sinceMs }: Waiting): ChunkRequest {
    const deadlineMs = request.context.deadlineMs - (this.clock.nowMs() - sinceMs)
    return { ...request, context: { ...request.context, deadlineMs } }
  }

  private leastBusy(): BulkClient | undefined {
    return this.clients.filter((client) => client.hasRoom).toSorted((a, b) => a.inFlight - b.inFlight)[0]
  }

  private open(): void {
    this.opening++
    BulkClient.connect(this.target, this.prover, this.clock, this.options).then(
      (client) => {
        this.opening--
        if (this.closed !== null) return client.destroy(this.closed)
        // It may have closed since; then it calls nobody any more and has no place here.
        if (client.isOpen) {
          this.clients.push(client)
          client.onChange = () => this.onChange(client)
        }
        this.pump()
      },
      (error: HoldfastError) => {
        this.opening--
        // Requests wait for a connection that exists; without one this error is theirs.
        if (this.clients.length === 0 && this.opening === 0) this.rejectWaiting(error)
        this.pump()
      },
    )
  }

  private onChange(client: BulkClient): void {
    if (!client.isOpen) {
      const place = this.clients.indexOf(client)
      if (place >= 0) this.clients.splice(place, 1)
    }
    this.pump()
  }

  private rejectWaiting(error: HoldfastError): void {
    for (const { outcome } of this.waiting.splice(0)) outcome.reject(error)
  }
}
