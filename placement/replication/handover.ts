/**
 * What a node that is about to stop hands on, and to whom: the models that no other usable node holds and that somebody still
 * wants. Without it, the next request for each would go to the origin, which may be far, or away, or not exist.
 *
 * A pinned model comes first, then the most wanted per byte, so that what fits into the time saves most. Each goes to a node that
 * has free room for it, in the same zone before others, with the most left afterwards; nothing is displaced for it there, and
 * what is promised to a node counts as taken. A model that is not wanted, or fits nowhere, is left to the origin.
 */

import type { ModelId, NodeId } from '../../common/index.ts'
import { compareIds } from '../cost/cost.ts'

export interface HandoverModel {
  readonly model: ModelId
  readonly sizeBytes: number
  readonly isPinned: boolean
  /** Of the whole cluster. */
  readonly ratePerS: number
  /** Other nodes that hold it complete and are neither suspected nor stopping themselves. */
  readonly otherHolders: number
}

export interface HandoverTaker {
  readonly node: NodeId
  readonly sameZone: boolean
  /** In its slowest tier, where a model comes first. */
  readonly freeBytes: number
}

export interface HandoverOptions {
  /** Models asked for less often than this are not worth the bytes: once an hour. */
  readonly ratePerSMin: number
  /** Room a taker needs per byte of the model: one that runs it makes a derived form about as large. */
  readonly roomFactor: number
}

export const defaultHandoverOptions: HandoverOptions = { ratePerSMin: 1 / 3600, roomFactor: 2 }

export interface HandoverStep {
  readonly model: ModelId
  readonly to: NodeId
  readonly sizeBytes: number
  readonly reason: 'pinned' | 'wanted'
}

export interface HandoverPlan {
  readonly steps: readonly HandoverStep[]
  readonly left: readonly { readonly model: ModelId; readonly reason: 'held-elsewhere' | 'not-wanted' | 'no-room' }[]
}

export function planHandover(
  models: readonly HandoverModel[],
  takers: readonly HandoverTaker[],
  options: HandoverOptions = defaultHandoverOptions,
): HandoverPlan {
  const steps: HandoverStep[] = []
  const left: HandoverPlan['left'][number][] = []
  const freeBytes = new Map(takers.map((taker) => [taker.node, taker.freeBytes]))
  for (const model of [...models].sort(byWorth)) {
    const reason = reasonToLeave(model, options)
    if (reason !== null) {
      left.push({ model: model.model, reason })
      continue
    }
    const neededBytes = model.sizeBytes * options.roomFactor
    const to = bestTaker(takers, freeBytes, neededBytes)
    if (to === null) {
      left.push({ model: model.model, reason: 'no-room' })
      continue
    }
    freeBytes.set(to, freeBytes.get(to)! - neededBytes)
    steps.push({ model: model.model, to, sizeBytes: model.sizeBytes, reason: model.isPinned ? 'pinned' : 'wanted' })
  }
  return { steps, left }
}

function reasonToLeave(model: HandoverModel, options: HandoverOptions): 'held-elsewhere' | 'not-wanted' | null {
  if (model.otherHolders > 0) return 'held-elsewhere'
  return model.isPinned || model.ratePerS >= options.ratePerSMin ? null : 'not-wanted'
}

function bestTaker(
  takers: readonly HandoverTaker[],
  freeBytes: ReadonlyMap<NodeId, number>,
  neededBytes: number,
): NodeId | null {
  const free = (taker: HandoverTaker) => freeBytes.get(taker.node)!
  const fitting = takers.filter((taker) => free(taker) >= neededBytes)
  fitting.sort((a, b) => Number(b.sameZone) - Number(a.sameZone) || free(b) - free(a) || compareIds(a.node, b.node))
  return fitting[0]?.node ?? null
}

function byWorth(a: HandoverModel, b: HandoverModel): number {
  const perByte = (model: HandoverModel) => model.ratePerS / Math.max(1, model.sizeBytes)
  return Number(b.isPinned) - Number(a.isPinned) || perByte(b) - perByte(a) || compareIds(a.model, b.model)
}
