/**
 * The bytes of one simulated node: which chunks of which models it stores, asking others for chunks, and serving them. The store
 * verifies every chunk as the native one does: what is not the announced digest is reported and never kept.
 */
import type { Effect, FetchChunk } from '../../node/core/index.ts'
import type { SimModel } from '../world/models.ts'
import type { SimNode } from './sim-node.ts'
import type { World } from './world.ts'

type GetChunk = Extract<Effect, { kind: 'get-chunk' }>

/** What a server of chunks answers; wrong bytes arrive like right ones. */
type Served = 'right' | 'wrong' | 'missing' | 'refused' | 'closed' | 'unavailable'

const isHeld = 1

export class ChunkMover {
  /** Serves other bytes than it was asked for. */
  byzantine = false
  /** By model a byte per chunk: whether it is here. */
  readonly stored = new Map<SimModel, Uint8Array>()
  private readonly world: World
  private readonly node: SimNode
  private readonly uploadsMax: number
  private uploads = 0

  constructor(world: World, node: SimNode) {
    this.world = world
    this.node = node
    this.uploadsMax = world.topology.nodeSpec(node.index).uploadsMax
  }

  begin(model: SimModel): void {
    this.stored.set(model, new Uint8Array(model.chunkCount))
  }

  drop(model: SimModel): void {
    this.stored.delete(model)
  }

  fill(model: SimModel): void {
    this.stored.set(model, new Uint8Array(model.chunkCount).fill(isHeld))
  }

  lackingCount(model: SimModel): number {
    const held = this.stored.get(model)
    return held === undefined
      ? model.chunkCount
      : held.reduce((lacking, mark) => lacking + (mark === isHeld ? 0 : 1), 0)
  }

  crash(): void {
    this.uploads = 0
  }

  get(effect: GetChunk): void {
    const { model, chunk, source } = effect
    const { queue, metrics, origin, interner } = this.world
    const { node } = this
    const startedMs = queue.nowMs
    const { epoch } = node
    const server = source.kind === 'peer' ? interner.index(source.node) : null
    const end = (served: Served): void => {
      const hasArrived = served === 'right' || served === 'wrong'
      const held = node.epoch === epoch && node.up ? this.stored.get(this.world.byId.get(model)!) : undefined
      const isKept = served === 'right' && held !== undefined && held[chunk.index] !== isHeld
      if (isKept) {
        held[chunk.index] = isHeld
        metrics.received(node.index, server, chunk.sizeBytes, queue.nowMs)
      } else if (hasArrived) metrics.bytesOfRun.wasted += chunk.sizeBytes
      if (node.epoch !== epoch || !node.up) return
      if (served === 'right') {
        const elapsedMs = queue.nowMs - startedMs
        node.step({ kind: 'chunk-done', model, chunk: chunk.sha256, source, sizeBytes: chunk.sizeBytes, elapsedMs })
        return
      }
      const failure = served === 'wrong' ? 'mismatch' : served
      this.world.log?.add(queue.nowMs, `${node.id} chunk ${chunk.sha256.slice(0, 8)}: ${failure}`)
      node.step({ kind: 'chunk-failed', model, chunk: chunk.sha256, source, failure })
    }
    if (server === null) {
      origin.get(node.index, chunk.sizeBytes, (answer) => end(answer === 'arrived' ? 'right' : answer))
      return
    }
    if (!this.world.network.linked(node.index, server)) {
      queue.schedule(this.world.scenario.network.callTimeoutMs, () => end('closed'))
      return
    }
    queue.schedule(this.world.topology.oneWayMs(node.index, server), () => {
      this.world.nodes[server]!.chunks.serve(this.world.byId.get(model)!, chunk, node.index, end)
    })
  }

  private serve(model: SimModel, chunk: FetchChunk, to: number, end: (served: Served) => void): void {
    const { queue, topology, transport, scenario } = this.world
    const { node } = this
    const isHere = this.byzantine || this.stored.get(model)?.[chunk.index] === isHeld
    if (!node.up || !isHere || this.uploads >= this.uploadsMax) {
      const answer = !node.up ? 'closed' : isHere ? 'refused' : 'missing'
      queue.schedule(node.up ? topology.oneWayMs(node.index, to) : scenario.network.callTimeoutMs, () => end(answer))
      return
    }
    const { epoch } = node
    const content = this.byzantine ? 'wrong' : 'right'
    this.uploads += 1
    transport.send(node.index, to, chunk.sizeBytes, (arrived) => {
      if (node.epoch === epoch && node.up) this.uploads -= 1
      end(arrived ? content : 'closed')
    })
  }
}
