/** What the requests of all nodes of one simulated world share. */
import type { ModelId } from '../../common/index.ts'
import type { AskedByUser, LoadTimes } from '../../core/index.ts'
import type { Metrics } from '../metrics/metrics.ts'
import type { Topology } from '../network/topology.ts'
import type { EventQueue } from '../world/event-queue.ts'
import type { SimModel } from '../world/models.ts'

export interface RequestsWorld {
  readonly queue: EventQueue
  readonly topology: Topology
  readonly metrics: Metrics
  readonly byId: ReadonlyMap<ModelId, SimModel>
  /** By the model's index: what every request for it asks for. */
  readonly asked: readonly AskedByUser[]
  /** What the scenario says, on every node. */
  readonly times: LoadTimes
  /** Of models that requests want where they are not. */
  readonly offered: { wanted(node: number, model: SimModel): void }
  /** The origin, or a holder that the node knows of, was there for so long that a request had to be served. */
  couldServe(node: number, model: SimModel): boolean
}

/** @param deadlineMs of every request; null: users wait as long as it takes. */
export function askedOf(model: SimModel, deadlineMs: number | null): AskedByUser {
  const { id, sizeBytes, mayForward } = model
  const context = { tenant: 'public', deadlineMs: deadlineMs ?? Number.POSITIVE_INFINITY }
  return { model: id, name: id, context, sizeBytes, runBytes: sizeBytes, cannotRun: null, mayForward }
}

export function timesOf(byId: ReadonlyMap<ModelId, SimModel>): LoadTimes {
  return {
    initMs: (model) => byId.get(model)!.initMs,
    executeMs: (model) => byId.get(model)!.executeMs,
    sure: (model) => byId.get(model)!,
    transferFactor: () => 1,
    noteTransfer: () => {},
    noteInit: () => {},
    noteExecute: () => {},
  }
}
