/**
 * The bytes of one simulated node: which chunks of which models it stores, asking others for chunks, and serving them. The store
 * verifies every chunk as the native one does: what is not the announced digest is reported and never kept.
 */

import type { ModelId, NodeId } from '../../common/index.ts'
import type { ChunkSource, Effect, Event, FetchChunk, Interner, Timeless } from '../../core/index.ts'
import type { Metrics } from '../metrics/metrics.ts'
import type { KeptConnections } from '../network/kept-connections.ts'
import type { Network } from '../network/network.ts'
import type { Topology } from '../network/topology.ts'
import type { Transport } from '../network/transport.ts'
import type { Scenario } from '../scenario/scenario.ts'
import type { EventLog } from '../world/event-log.ts'
import type { EventQueue } from '../world/event-queue.ts'
import type { SimModel } from '../world/models.ts'
import type { OriginAnswer, SimOrigin } from '../world/sim-origin.ts'

type GetChunk = Extract<Effect, { kind: 'get-chunk' }>
type DropChunk = Extract<Effect, { kind: 'drop-chunk' }>

/** A chunk that is under way to a node. */
export class ChunkCall {
  isDropped = false
  /** Breaks off what is under way now. */
  undo: () => void = () => {}

  drop(): void {
    this.isDropped = true
    this.undo()
  }
}

/** What a server of chunks answers; wrong bytes arrive like right ones. */
export type Served = 'right' | 'wrong' | 'missing' | 'refused' | 'closed' | 'unavailable'

/** The node whose bytes they are. */
export interface ChunksNode {
  readonly index: number
  readonly id: NodeId
  readonly epoch: number
  readonly up: boolean
  step(event: Timeless<Event>): void
  callFailed(node: NodeId): void
}

/** Another node, as one that is asked for chunks. */
export interface ChunkPeer {
  readonly chunks: {
    serve(model: SimModel, chunk: FetchChunk, to: number, call: ChunkCall, end: (served: Served) => void): void
  }
}

export interface ChunksWorld {
  readonly scenario: Scenario
  readonly queue: EventQueue
  readonly topology: Topology
  readonly network: Network
  readonly transport: Transport
  readonly connections: KeptConnections
  readonly origin: SimOrigin
  readonly interner: Interner
  readonly byId: ReadonlyMap<ModelId, SimModel>
  readonly metrics: Metrics
  readonly log: EventLog | null
  readonly nodes: readonly ChunkPeer[]
}

const isHeld = 1

export class ChunkMover {
  /** Serves other bytes than it was asked for. */
  byzantine = false
  /** By model a byte per chunk: whether it is here. */
  readonly stored = new Map<SimModel, Uint8Array>()
  /** The same of interrupted fetches. */
  private readonly parts = new Map<SimModel, Uint8Array>()
  private readonly world: ChunksWorld
  private readonly node: ChunksNode
  private readonly uploadsMax: number
  private uploads = 0
  private readonly calls = new Map<string, ChunkCall>()
  /** Models of which it is known where their bytes lie at the origin, or who waits to know. */
  private readonly located = new Map<SimModel, 'known' | ((isThere: boolean) => void)[]>()

  constructor(world: ChunksWorld, node: ChunksNode) {
    this.world = world
    this.node = node
    this.uploadsMax = world.topology.nodeSpec(node.index).uploadsMax
  }

  /** With what an interrupted fetch has left. */
  begin(model: SimModel): void {
    this.stored.set(model, this.parts.get(model) ?? new Uint8Array(model.chunkCount))
    this.parts.delete(model)
  }

  /** The fetch has ended too soon: what came stays on the disk, and is not served. */
  interrupt(model: SimModel): void {
    const held = this.stored.get(model)
    if (held !== undefined) this.parts.set(model, held)
    this.stored.delete(model)
  }

  /** The disk needs the room of what an interrupted fetch has left. */
  giveUp(model: SimModel): void {
    this.parts.delete(model)
  }

  isHere(model: SimModel, index: number): boolean {
    return this.stored.get(model)?.[index] === isHeld
  }

  drop(model: SimModel): void {
    this.stored.delete(model)
  }

  fill(model: SimModel): void {
    this.stored.set(model, new Uint8Array(model.chunkCount).fill(isHeld))
  }

  /** Of a fetch that is under way. */
  lackingBytes(model: SimModel): number {
    return this.lacking(model).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  }

  lacking(model: SimModel): readonly FetchChunk[] {
    return model.chunks.filter(({ index }) => !this.isHere(model, index))
  }

  lackingCount(model: SimModel): number {
    const held = this.stored.get(model)
    return held === undefined
      ? model.chunkCount
      : held.reduce((lacking, mark) => lacking + (mark === isHeld ? 0 : 1), 0)
  }

  crash(): void {
    this.uploads = 0
    this.calls.clear()
    this.located.clear()
    this.world.connections.drop(this.node.index)
  }

  get({ model: id, chunk, source }: GetChunk): void {
    const { queue, metrics, interner, byId, log } = this.world
    const { node } = this
    const model = byId.get(id)!
    const startedMs = queue.nowMs
    const { epoch } = node
    const call = new ChunkCall()
    const name = nameOf(id, chunk, source)
    this.calls.set(name, call)
    this.bring(model, chunk, source, call, (served) => {
      const isAlive = node.epoch === epoch && node.up
      if (this.calls.get(name) === call) this.calls.delete(name)
      const server = source.kind === 'peer' ? interner.index(source.node) : null
      if (served === 'right' && isAlive && this.keep(model, chunk.index)) {
        metrics.received(node.index, server, chunk.sizeBytes, queue.nowMs)
      } else if (served === 'right' || served === 'wrong') {
        metrics.wasted(served === 'wrong' ? 'wrong' : isAlive ? 'given-up' : 'crashed', chunk.sizeBytes)
      }
      if (!isAlive) return
      if (served === 'right') {
        const elapsedMs = queue.nowMs - startedMs
        const { sizeBytes } = chunk
        node.step({ kind: 'chunk-done', model: id, chunk: chunk.sha256, source, sizeBytes, elapsedMs })
        return
      }
      const failure = served === 'wrong' ? 'mismatch' : served
      log?.add(queue.nowMs, `${node.id} chunk ${chunk.sha256.slice(0, 8)}: ${failure}`)
      if (failure === 'closed' && source.kind === 'peer') node.callFailed(source.node)
      node.step({ kind: 'chunk-failed', model: id, chunk: chunk.sha256, source, failure })
    })
  }

  breakOff({ model, chunk, source }: DropChunk): void {
    const name = nameOf(model, chunk, source)
    const call = this.calls.get(name)
    if (call === undefined) return
    this.calls.delete(name)
    call.drop()
  }

  /** False when nobody waits for it any more, or it is here already. */
  keep(model: SimModel, index: number): boolean {
    const held = this.stored.get(model)
    if (held === undefined || held[index] === isHeld) return false
    held[index] = isHeld
    return true
  }

  /** Asks the source for a chunk, whatever becomes of this node meanwhile. */
  bring(model: SimModel, chunk: FetchChunk, source: ChunkSource, call: ChunkCall, end: (served: Served) => void): void {
    const { queue, origin, interner, topology, connections } = this.world
    const { node } = this
    if (source.kind === 'origin') {
      this.whenLocated(model, (isThere) => {
        if (call.isDropped) return
        if (!isThere) end('unavailable')
        else {
          const answered = (answer: OriginAnswer): void => end(answer === 'arrived' ? 'right' : answer)
          call.undo = origin.get(node.index, chunk.sizeBytes, answered, this.laneOf(model))
        }
      })
      return
    }
    const server = interner.index(source.node)
    if (!this.world.network.linked(node.index, server)) {
      queue.schedule(this.world.scenario.network.callTimeoutMs, () => {
        if (!call.isDropped) end('closed')
      })
      return
    }
    const oneWayMs = topology.oneWayMs(node.index, server)
    const openMs = connections.take(node.index, server, 2 * oneWayMs, queue.nowMs)
    const answered = (served: Served): void => {
      if (served !== 'closed') connections.giveBack(node.index, server, queue.nowMs)
      end(served)
    }
    queue.schedule(openMs + oneWayMs, () => {
      if (!call.isDropped) this.world.nodes[server]!.chunks.serve(model, chunk, node.index, call, answered)
    })
  }

  private laneOf({ index }: SimModel): number {
    return this.world.scenario.network.sideBySide ? index : 0
  }

  /** The manifest and the record of locations, read at once by the first who wants bytes of the model from the origin. */
  private whenLocated(model: SimModel, go: (isThere: boolean) => void): void {
    const { scenario, origin } = this.world
    const located = this.located.get(model)
    if (!scenario.origin.readsRecords || located === 'known') {
      go(true)
      return
    }
    if (located !== undefined) {
      located.push(go)
      return
    }
    const waiters = [go]
    this.located.set(model, waiters)
    let missing = 2
    let areThere = true
    const read = (isThere: boolean): void => {
      missing -= 1
      areThere &&= isThere
      if (missing > 0) return
      if (this.located.get(model) === waiters) {
        if (areThere) this.located.set(model, 'known')
        else this.located.delete(model)
      }
      for (const waiter of waiters) waiter(areThere)
    }
    origin.getRecord(this.node.index, read)
    origin.getRecord(this.node.index, read)
  }

  /** Another node asks for a chunk. */
  serve(model: SimModel, chunk: FetchChunk, to: number, call: ChunkCall, end: (served: Served) => void): void {
    const { queue, topology, transport, scenario } = this.world
    const { node } = this
    const isHere = this.byzantine || this.isHere(model, chunk.index)
    if (!node.up || !isHere || this.uploads >= this.uploadsMax) {
      const answer = !node.up ? 'closed' : isHere ? 'refused' : 'missing'
      queue.schedule(node.up ? topology.oneWayMs(node.index, to) : scenario.network.callTimeoutMs, () => {
        if (!call.isDropped) end(answer)
      })
      return
    }
    const { epoch } = node
    const content = this.byzantine ? 'wrong' : 'right'
    this.uploads += 1
    const ended = (): void => {
      if (node.epoch === epoch && node.up) this.uploads -= 1
    }
    const arrive = (arrived: boolean): void => {
      ended()
      end(arrived ? content : 'closed')
    }
    const drop = transport.send(node.index, to, chunk.sizeBytes, arrive, this.laneOf(model))
    call.undo = () => {
      ended()
      drop()
    }
  }
}

function nameOf(model: ModelId, chunk: FetchChunk, source: ChunkSource): string {
  return `${model} ${chunk.index} ${source.kind === 'peer' ? source.node : ''}`
}
