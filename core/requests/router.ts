/** Asks placement/ where a request should run, with what this node believes of itself and of the cluster. Decides nothing. */
import { assertInvariant, type ModelId, type NodeId, type RequestContext, type SourceView } from '../../common/index.ts'
import {
  chooseHere,
  chooseRoute,
  type RouteChoice,
  type RouteDecision,
  type RouteModel,
  type RouteSelf,
  type RouteView,
  route,
} from '../../placement/index.ts'
import type { HolderRecord } from './holder-record.ts'
import type { AskedByUser, RequestMachineOptions, RequestMachinePorts, WaitingOrder } from './types.ts'

export interface HowToRoute {
  /** Nodes that have already refused or failed this request. */
  readonly excluded: readonly NodeId[]
  readonly mayForward: boolean
  /** False when this node cannot serve the request, whatever it holds: it is about to end, or has no room. */
  readonly mayServeHere: boolean
}

export type RoutedModel = Pick<AskedByUser, 'model' | 'sizeBytes' | 'runBytes' | 'cannotRun' | 'batch'>

export class Router {
  private readonly ports: RequestMachinePorts
  private readonly options: RequestMachineOptions
  private readonly record: HolderRecord
  /** Expected execution of what is on its way to other nodes. */
  private readonly sentMs = new Map<NodeId, number>()

  constructor(ports: RequestMachinePorts, options: RequestMachineOptions, record: HolderRecord) {
    this.record = record
    this.ports = ports
    this.options = options
  }

  /** Where the request would run, and what else it could do. */
  route(asked: RoutedModel, context: RequestContext, how: HowToRoute, nowMs: number): RouteDecision {
    return route(this.view(asked, context, how, nowMs), this.ports.randomInt)
  }

  /** The input of the choice of a route. */
  view(asked: RoutedModel, context: RequestContext, how: HowToRoute, nowMs: number): RouteView {
    const self = this.selfOf(asked, context, how.mayServeHere, nowMs)
    return this.viewOf(this.modelOf(asked, nowMs), self, context, how, nowMs)
  }

  /** Where the request runs. */
  choose(asked: RoutedModel, context: RequestContext, how: HowToRoute, nowMs: number): RouteChoice {
    const model = this.modelOf(asked, nowMs)
    const self = this.selfOf(asked, context, how.mayServeHere, nowMs)
    const here = chooseHere({ model, self, context })
    return here ?? chooseRoute(this.viewOf(model, self, context, how, nowMs), this.ports.randomInt)
  }

  /** A request is on its way to the node: those after it count with it there. @returns what to give back when it has ended. */
  sent(node: NodeId, model: ModelId): number {
    const executeMs = this.ports.times.executeMs(model) || this.options.unknownExecuteMs
    this.sentMs.set(node, (this.sentMs.get(node) ?? 0) + executeMs)
    return executeMs
  }

  sentEnded(node: NodeId, executeMs: number): void {
    const restMs = (this.sentMs.get(node) ?? 0) - executeMs
    // Sums of floating point numbers do not end at zero by themselves.
    if (restMs > 1e-6) this.sentMs.set(node, restMs)
    else this.sentMs.delete(node)
  }

  /** @param expectedMs the sums of what is on its way. */
  checkSent(expectedMs: ReadonlyMap<NodeId, number>): void {
    for (const node of new Set([...this.sentMs.keys(), ...expectedMs.keys()])) {
      const [countedMs, sumMs] = [this.sentMs.get(node) ?? 0, expectedMs.get(node) ?? 0]
      assertInvariant(Math.abs(countedMs - sumMs) < 1e-3, `${sumMs} ms are on their way to ${node}, not ${countedMs}`)
    }
  }

  private viewOf(
    model: RouteModel,
    self: Omit<RouteSelf, 'node'>,
    context: RequestContext,
    { excluded, mayForward }: HowToRoute,
    nowMs: number,
  ): RouteView {
    const { core, node } = this.ports
    const { sentMs, record } = this
    const originAllowed = node.hasOrigin
    const view = core.routeView({ model, self, context, originAllowed, excluded, mayForward, sentMs }, nowMs)
    const sources = view.sources.map((source) => this.asUsual(source))
    if (!record.knowsSilent) return { ...view, sources }
    const holders = view.holders.map((holder) => {
      return record.isSilent(holder.node, nowMs) ? { ...holder, silent: true } : holder
    })
    return { ...view, sources, holders }
  }

  /** The source as transfers from its kind have usually been, not as its mean bandwidth says. */
  private asUsual(source: SourceView): SourceView {
    const factor = this.ports.times.transferFactor(source.source)
    if (factor === 1) return source
    const { latencyMs, bandwidthBytesPerS } = source
    return { ...source, latencyMs: latencyMs * factor, bandwidthBytesPerS: bandwidthBytesPerS / factor }
  }

  /** How the request would wait for a worker here. It has to begin so early that what is certain of its run ends in time. */
  orderOf(
    { model, batch = 1 }: Pick<RoutedModel, 'model' | 'batch'>,
    context: RequestContext,
    nowMs: number,
  ): WaitingOrder {
    const { times } = this.ports
    const { tenant, deadlineMs } = context
    const isEndless = deadlineMs === Number.POSITIVE_INFINITY
    const sureMs = times.sure(model, batch, nowMs).executeMs
    const latestMs = isEndless ? deadlineMs : nowMs + deadlineMs - sureMs
    return { tenant, latestMs, costMs: times.executeMs(model, batch), sureMs }
  }

  private modelOf({ model: id, sizeBytes, batch = 1 }: RoutedModel, nowMs: number): RouteModel {
    const { times } = this.ports
    const [initMs, executeMs] = [times.initMs(id, sizeBytes), times.executeMs(id, batch)]
    return { id, sizeBytes, initMs, executeMs, sure: times.sure(id, batch, nowMs) }
  }

  private selfOf(
    asked: RoutedModel,
    context: RequestContext,
    mayServeHere: boolean,
    nowMs: number,
  ): Omit<RouteSelf, 'node'> {
    const { models, node } = this.ports
    const { model } = asked
    // Where the files are in memory but the model is not started, it still has to be made ready: as from the disk.
    const tier = !mayServeHere ? null : models.isReady(model) ? 'memory' : models.isHere(model) ? 'disk' : null
    const missingBytes = tier === null ? node.missingBytes(model) : null
    const order = this.orderOf(asked, context, nowMs)
    return {
      tier,
      queueMs: node.queueMs(nowMs, order),
      sureQueueMs: node.sureQueueMs(nowMs, order),
      isComing: models.isComing(model),
      diskBandwidthBytesPerS: node.diskBytesPerS,
      runnable: asked.cannotRun === null && asked.runBytes <= node.memoryLimitBytes(),
      draining: node.isDraining() || !mayServeHere,
      ...(missingBytes === null ? {} : { missingBytes }),
    }
  }
}
