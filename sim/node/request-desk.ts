/**
 * Serves the requests that enter at one simulated node, as node/serving does: here when the model is ready, at a holder when that is
 * sooner, after a load otherwise. Where the daemon answers that it has no room now, and its client asks again, a request here
 * waits in line; a model that fits is never turned away.
 *
 * The hot path, a model that is ready and a worker that is free, decides what placement's route() would: nothing can be expected
 * to be sooner than at once.
 */
import type { NodeId, Prng } from '../../common/index.ts'
import { type RouteDecision, route } from '../../placement/index.ts'
import type { RequestFailure, ServedFrom } from '../metrics/run-result.ts'
import type { SimModel } from '../world/models.ts'
import type { World } from './node-world.ts'
import type { Copy, SimNode } from './sim-node.ts'

interface OpenRequest {
  readonly model: SimModel
  readonly arrivedMs: number
  readonly excluded: NodeId[]
  /** There was no room here; another holder may serve it, or it waits. */
  hadNoRoom: boolean
}

/** Holders tried before the node fetches by itself, as in the daemon. */
const forwardsMax = 3

/** A fetch asks a source that fails again and again for about nine seconds; a call is given up after one. */
const patienceMs = 15_000

const context = { tenant: 'public', deadlineMs: Number.POSITIVE_INFINITY }

export class RequestDesk {
  readonly open = new Set<OpenRequest>()
  private readonly world: World
  private readonly node: SimNode
  private readonly random: Prng
  private isClosed = false

  constructor(world: World, node: SimNode, random: Prng) {
    this.world = world
    this.node = node
    this.random = random
  }

  /** One user's request. */
  arrive(model: SimModel, nowMs: number): void {
    const { node } = this
    if (node.directory !== null && !node.directory.knows(model)) {
      this.lookUp(model, nowMs)
      return
    }
    node.asked.note(model, nowMs, false)
    const copy = node.ready.get(model.index)
    if (copy !== undefined && node.workers.waitMs(nowMs) === 0) {
      this.run(copy, nowMs, nowMs, 'memory')
      this.world.metrics.served(node.index, model.index, nowMs, 0, 0, 'memory')
      return
    }
    const request: OpenRequest = { model, arrivedMs: nowMs, excluded: [], hadNoRoom: false }
    this.open.add(request)
    this.serve(request)
  }

  /** What a request waits for before anything else can be decided. */
  private lookUp(model: SimModel, arrivedMs: number): void {
    const request: OpenRequest = { model, arrivedMs, excluded: [], hadNoRoom: false }
    this.open.add(request)
    this.node.directory!.resolve(model, () => {
      this.node.asked.note(model, this.world.queue.nowMs, false)
      this.serve(request)
    })
  }

  /** The node leaves: what still comes is served elsewhere, or not at all. */
  closeDoor(): void {
    this.isClosed = true
  }

  /** What was open is lost with the node. */
  crash(): void {
    this.isClosed = false
    for (const request of this.open) this.world.metrics.failed(request.arrivedMs, 'lost', false)
    this.open.clear()
  }

  private serve(request: OpenRequest): void {
    const { node } = this
    const decision = this.decide(request)
    switch (decision.kind) {
      case 'local': {
        const copy = node.ready.get(request.model.index)
        if (copy !== undefined) this.runHere(request, copy, 'memory')
        else this.load(request)
        return
      }
      case 'fetch':
        this.load(request)
        return
      case 'forward':
        this.forward(request, decision.node!)
        return
      case 'unservable':
        if (request.hadNoRoom) node.loader.load(request.model, (source) => this.loaded(request, source))
        else this.fail(request, decision.reason === 'not-runnable-here' ? 'too-large' : 'no-source')
    }
  }

  private decide({ model, excluded, hadNoRoom }: OpenRequest): RouteDecision {
    const { node } = this
    const { nowMs } = this.world.queue
    const self = {
      tier:
        hadNoRoom || this.isClosed
          ? null
          : node.isReady(model)
            ? ('memory' as const)
            : node.holds(model)
              ? ('disk' as const)
              : null,
      queueMs: node.workers.queueMs(nowMs),
      diskBandwidthBytesPerS: this.world.topology.nodeSpec(node.index).diskReadBytesPerS,
      runnable: node.memory.fits(model),
      draining: node.draining || hadNoRoom,
    }
    const { id, sizeBytes, initMs, executeMs } = model
    const mayForward = model.mayForward && excluded.length < forwardsMax
    const asked = { model: { id, sizeBytes, initMs, executeMs }, self, context, excluded, mayForward }
    const view = node.core.routeView({ ...asked, originAllowed: true }, nowMs)
    return route(view, this.random.int)
  }

  private load(request: OpenRequest): void {
    const { loader } = this.node
    const end = (source: Parameters<Parameters<typeof loader.load>[1]>[0]) => this.loaded(request, source)
    if (loader.tryLoad(request.model, end)) return
    request.hadNoRoom = true
    this.serve(request)
  }

  private loaded(request: OpenRequest, source: 'disk' | 'peer' | 'origin' | null): void {
    const copy = this.node.ready.get(request.model.index)
    if (source !== null && copy !== undefined) this.runHere(request, copy, source)
    else this.fail(request, 'no-source')
  }

  private runHere(request: OpenRequest, copy: Copy, from: ServedFrom): void {
    const { nowMs } = this.world.queue
    const beginMs = this.run(copy, nowMs, request.arrivedMs, from)
    this.end(request, nowMs - request.arrivedMs, beginMs - nowMs, from)
  }

  private run(copy: Copy, nowMs: number, arrivedMs: number, from: ServedFrom | null): number {
    const { executeMs } = copy.model
    const beginMs = this.node.workers.run(nowMs, copy.model, arrivedMs, from)
    if (beginMs + executeMs > copy.busyUntilMs) copy.busyUntilMs = beginMs + executeMs
    return beginMs
  }

  private forward(request: OpenRequest, to: NodeId): void {
    const { network, topology, interner, nodes, scenario } = this.world
    const { node } = this
    const holder = nodes[interner.index(to)]!
    const oneWayMs = topology.oneWayMs(node.index, holder.index)
    const retry = (): void => {
      request.excluded.push(to)
      this.serve(request)
    }
    const broken = (): void => {
      node.step({ kind: 'call-failed', node: to })
      retry()
    }
    if (!network.linked(node.index, holder.index)) {
      node.later(scenario.network.callTimeoutMs, broken)
      return
    }
    this.world.queue.schedule(oneWayMs, () => {
      if (!holder.up || !holder.desk.takes(request.model)) {
        const gone = !holder.up
        node.later(gone ? scenario.network.callTimeoutMs : oneWayMs, gone ? broken : retry)
        return
      }
      const { epoch } = holder
      holder.desk.runForOther(
        request.model,
        (queueMs, executeMs) => {
          const isBack = holder.up && holder.epoch === epoch && network.linked(node.index, holder.index)
          if (!isBack) {
            node.later(oneWayMs, broken)
            return
          }
          node.later(oneWayMs, () => {
            const { nowMs } = this.world.queue
            this.end(request, nowMs - request.arrivedMs - executeMs - queueMs, queueMs, 'forwarded')
          })
        },
        () => node.later(oneWayMs, retry),
      )
    })
  }

  /** A holder serves what it has ready, or can load without a fetch; anything else goes back at once. */
  takes(model: SimModel): boolean {
    return this.node.holds(model) && !this.node.draining
  }

  private runForOther(model: SimModel, ran: (queueMs: number, executeMs: number) => void, refused: () => void): void {
    const { node, world } = this
    const { nowMs } = world.queue
    node.asked.note(model, nowMs, true)
    const run = (copy: Copy): void => {
      const readyMs = world.queue.nowMs
      const beginMs = this.run(copy, readyMs, readyMs, null)
      if (world.metrics.isCounted(readyMs)) world.metrics.byNode.ranForOthersCount[node.index]! += 1
      // Not through the node's own timer: the asker has to hear of a crash, too.
      world.queue.schedule(beginMs + model.executeMs - readyMs, () => ran(beginMs - readyMs, model.executeMs))
    }
    const ready = node.ready.get(model.index)
    if (ready !== undefined) {
      run(ready)
      return
    }
    const unwatch = node.whenCrashed(refused)
    const isTaken = node.loader.tryLoad(model, (source) => {
      unwatch()
      const copy = node.ready.get(model.index)
      if (source !== null && copy !== undefined) run(copy)
      else refused()
    })
    if (isTaken) return
    unwatch()
    refused()
  }

  private end(request: OpenRequest, delayMs: number, queueMs: number, from: ServedFrom): void {
    if (!this.open.delete(request)) return
    // What is left of a sum of times that cancel out.
    const waitedMs = delayMs < 1e-6 ? 0 : delayMs
    this.world.metrics.served(this.node.index, request.model.index, request.arrivedMs, waitedMs, queueMs, from)
    this.node.note(`request ${request.model.id.slice(0, 8)} ${from}`)
  }

  private fail(request: OpenRequest, why: RequestFailure): void {
    if (!this.open.delete(request)) return
    const { metrics } = this.world
    // What still waits when the time for draining is up is cut off, as in the daemon.
    const isCutOff = this.node.draining
    const wrongly = !isCutOff && why === 'no-source' && this.couldServe(request.model)
    metrics.failed(request.arrivedMs, isCutOff ? 'lost' : why, wrongly)
    if (wrongly && this.node.memory.fits(request.model)) metrics.rejectedCount += 1
    this.node.note(`request ${request.model.id.slice(0, 8)} failed: ${why}`)
  }

  /** The origin, or a holder that this node knows of, was there for so long that the request had to be served. */
  private couldServe(model: SimModel): boolean {
    const { origin, nodes, network, queue, interner } = this.world
    const { node } = this
    if (origin.reachableFor(node.index, patienceMs)) return true
    const isSteady = (one: SimNode) => one.up && queue.nowMs - one.steadySinceMs >= patienceMs
    if (!isSteady(node)) return false
    return node.core.holders(model.id, queue.nowMs).some(({ node: id, suspected, draining }) => {
      const holder = nodes[interner.index(id)]!
      const isUsable = !suspected && !draining && isSteady(holder) && network.linked(node.index, holder.index)
      return isUsable && holder.holds(model) && !holder.chunks.byzantine
    })
  }
}
