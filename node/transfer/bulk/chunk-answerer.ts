/**
 * The answering half of a connection: several requests at once, whose answers leave one after the other as fast as the peer takes them.
 * Only a few are handed to the engine, which sends in the order of arrival; among the others tenants share the connection, and what is
 * needed first goes first.
 */
import { type Clock, HoldfastError, isHoldfastError, type NodeId } from '../../../common/index.ts'
import { FairQueue } from '../../../core/index.ts'
import type { ChunkRequest, ServeChunk, StoredChunk } from '../../ports/index.ts'
import type { Log } from '../../system/index.ts'
import type { BulkConnection } from './connection.ts'
import { frameKind } from './frame-kind.ts'
import { encodeFailure } from './messages.ts'
import type { BulkOptions } from './options.ts'

export interface AnswerPorts {
  readonly serve: ServeChunk
  readonly clock: Pick<Clock, 'nowMs'>
  readonly log: Log
  /** Takes one of the places of all connections together, for the peer; false when there is none. */
  readonly enter: (node: NodeId) => boolean
  readonly leave: (node: NodeId) => void
}

interface Asked {
  readonly hasPlace: boolean
  isCancelled: boolean
  /** Found, and not yet handed to the engine. */
  ready: Ready | null
}

interface Ready {
  readonly tenant: string
  readonly blob: string
  readonly sizeBytes: number
  readonly dueMs: number
  readonly id: number
  readonly request: ChunkRequest
  readonly found: readonly StoredChunk[] | Uint8Array
}

/** Handed to the engine at one time: the next chunk follows the last without a pause, and an urgent one waits for no more. */
const sentBytesMax = 16 * 2 ** 20

export class ChunkAnswerer {
  private readonly connection: BulkConnection
  private readonly node: NodeId
  private readonly ports: AnswerPorts
  private readonly options: BulkOptions
  /** Requests whose answer has not left completely. */
  private readonly requests = new Map<number, Asked>()
  private readonly ready: FairQueue<Ready>
  /** Bytes of the answers that the engine has. */
  private readonly leaving = new Map<number, number>()
  private leavingBytes = 0

  constructor(connection: BulkConnection, node: NodeId, ports: AnswerPorts, options: BulkOptions) {
    this.connection = connection
    this.node = node
    this.ports = ports
    this.options = options
    this.ready = new FairQueue(options.weightOf)
  }

  get inFlight(): number {
    return this.requests.size
  }

  /** PEER_PROTOCOL and OVERLOADED end the connection. */
  onRequest(id: number, request: ChunkRequest): void {
    if (id === 0 || this.requests.has(id))
      throw new HoldfastError('PEER_PROTOCOL', `Request ${id} is under way already.`)
    // A peer that asks on without reading answers would fill our memory with refusals.
    if (this.requests.size >= 4 * this.options.servedPerConnectionMax) {
      throw new HoldfastError('OVERLOADED', `${this.requests.size} requests are under way on one connection.`)
    }
    const hasPlace = this.requests.size < this.options.servedPerConnectionMax && this.ports.enter(this.node)
    const asked: Asked = { hasPlace, isCancelled: false, ready: null }
    this.requests.set(id, asked)
    if (hasPlace) void this.answer(id, request, asked)
    else
      this.sendFailure(
        id,
        new HoldfastError('OVERLOADED', 'The node serves as many chunks as it may; ask another one.'),
      )
  }

  /** Too late for an answer that is leaving: its frame has to be complete. */
  onCancel(id: number): void {
    const asked = this.requests.get(id)
    if (asked === undefined) return
    asked.isCancelled = true
    if (asked.ready === null) this.connection.withdraw(id)
    else this.sendFailure(id, cancelled())
  }

  onSent(id: number, isWhole: boolean): void {
    if (isWhole) this.ended(id)
    else this.sendFailure(id, cancelled())
  }

  /** The connection has closed. */
  stop(): void {
    this.ready.takeAll()
    for (const id of [...this.requests.keys()]) this.ended(id)
  }

  private async answer(id: number, request: ChunkRequest, asked: Asked): Promise<void> {
    const { sizeBytes, context } = request
    const askedMs = this.ports.clock.nowMs()
    try {
      const found = await this.find(request)
      if (this.requests.get(id) !== asked) return
      if (asked.isCancelled) this.sendFailure(id, cancelled())
      else if (found === null) this.sendMissing(id)
      else {
        const dueMs = askedMs + (context.dueMs ?? context.deadlineMs)
        asked.ready = { tenant: context.tenant, blob: request.file, sizeBytes, dueMs, id, request, found }
        this.ready.push(asked.ready)
        this.sendReady()
      }
    } catch (error) {
      this.failed(id, error)
    }
  }

  /** At least one answer, and more while they are small. */
  private sendReady(): void {
    while (this.ready.length > 0 && this.leavingBytes < sentBytesMax) {
      const { id, request, found } = this.ready.shift()!
      this.requests.get(id)!.ready = null
      this.leaving.set(id, request.sizeBytes)
      this.leavingBytes += request.sizeBytes
      void this.send(id, request, found)
    }
  }

  private async send(id: number, request: ChunkRequest, found: Ready['found']): Promise<void> {
    try {
      if (found instanceof Uint8Array) this.connection.sendBytes(id, found)
      else if (!(await this.sendStored(id, request, found))) this.sendMissing(id)
    } catch (error) {
      this.failed(id, error)
    }
  }

  private failed(id: number, error: unknown): void {
    if (!isHoldfastError(error)) this.ports.log.warn({ err: error, node: this.node }, 'a chunk could not be served')
    this.sendFailure(id, error)
  }

  /** False when the store has none of the places. */
  private async sendStored(id: number, { sizeBytes }: ChunkRequest, places: readonly StoredChunk[]): Promise<boolean> {
    for (const { blob, offsetBytes } of places) {
      if (await this.connection.sendStored(id, blob, offsetBytes, sizeBytes)) return true
    }
    return false
  }

  private async find(request: ChunkRequest): ReturnType<ServeChunk> {
    if (request.sizeBytes > this.options.chunkBytesMax) {
      throw new HoldfastError('REQUEST_TOO_LARGE', `A chunk may have ${this.options.chunkBytesMax} bytes on this node.`)
    }
    if (request.context.deadlineMs <= 0)
      throw new HoldfastError('DEADLINE_EXCEEDED', 'The deadline has passed already.')
    const found = await this.ports.serve(this.node, request)
    if (found instanceof Uint8Array && found.byteLength !== request.sizeBytes) {
      throw new Error(`${found.byteLength} bytes were served in place of ${request.sizeBytes}`)
    }
    return found
  }

  private sendMissing(id: number): void {
    if (!this.requests.has(id)) return
    this.connection.send(frameKind.missing, id)
    this.ended(id)
  }

  private sendFailure(id: number, error: unknown): void {
    if (!this.requests.has(id)) return
    this.connection.send(frameKind.failure, id, encodeFailure(error))
    this.ended(id)
  }

  private ended(id: number): void {
    const asked = this.requests.get(id)
    if (asked === undefined) return
    this.requests.delete(id)
    if (asked.ready !== null) this.ready.delete(asked.ready)
    this.leavingBytes -= this.leaving.get(id) ?? 0
    this.leaving.delete(id)
    if (asked.hasPlace) this.ports.leave(this.node)
    this.sendReady()
  }
}

function cancelled(): HoldfastError {
  return new HoldfastError('DEADLINE_EXCEEDED', 'The request was cancelled.')
}
