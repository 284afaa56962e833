/**
 * The nodes that have a model, and those that are fetching it: what a ledger believes of one model, in order of node ids. Never written
 * again once it is made: a change makes another.
 */
import type { ResidentModel } from '../events.ts'
import type { Holder, ModelChange } from './body-diff.ts'

export interface ModelNodes {
  /** Indices of the nodes that say they have it complete. */
  readonly holders: readonly number[]
  /** As they have it, in the same order. */
  readonly residents: readonly ResidentModel[]
  /** Indices of the nodes that say it is on its way in. */
  readonly fetchers: readonly number[]
}

export interface NodeOrder {
  /** Comparing the ranks of two nodes is comparing their ids. */
  rank(index: number): number
}

/** Of holders and fetchers in any order. */
export function modelNodes(holders: readonly Holder[], fetchers: readonly number[], order: NodeOrder): ModelNodes {
  const sorted = holders.toSorted((a, b) => order.rank(a.index) - order.rank(b.index))
  return {
    holders: sorted.map(({ index }) => index),
    residents: sorted.map(({ resident }) => resident),
    fetchers: fetchers.toSorted((a, b) => order.rank(a) - order.rank(b)),
  }
}

/** What becomes of it when a node says something else of the model. */
export function changedNodes(
  { holders, residents, fetchers }: ModelNodes,
  index: number,
  { holder, fetching }: ModelChange,
  order: NodeOrder,
): ModelNodes {
  const next = { holders, residents, fetchers }
  if (holder !== undefined) {
    const at = placeOf(holders, index, order)
    const goneCount = holders[at] === index ? 1 : 0
    next.holders = holders.toSpliced(at, goneCount, ...(holder === null ? [] : [index]))
    next.residents = residents.toSpliced(at, goneCount, ...(holder === null ? [] : [holder.resident]))
  }
  if (fetching !== undefined) {
    const at = placeOf(fetchers, index, order)
    next.fetchers = fetchers.toSpliced(at, fetchers[at] === index ? 1 : 0, ...(fetching ? [index] : []))
  }
  return next
}

export function isEqualNodes(a: ModelNodes, b: ModelNodes): boolean {
  if (a.holders.length !== b.holders.length || a.fetchers.length !== b.fetchers.length) return false
  for (let at = 0; at < a.holders.length; at += 1) {
    if (a.holders[at] !== b.holders[at] || !isSameResident(a.residents[at]!, b.residents[at]!)) return false
  }
  return a.fetchers.every((index, at) => index === b.fetchers[at])
}

export function isSameResident(a: ResidentModel, b: ResidentModel): boolean {
  return a === b || (a.tier === b.tier && a.sizeBytes === b.sizeBytes)
}

/** Where the node stands in the list, or would stand. */
function placeOf(list: readonly number[], index: number, order: NodeOrder): number {
  const rank = order.rank(index)
  let [low, high] = [0, list.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (order.rank(list[middle]!) < rank) low = middle + 1
    else high = middle
  }
  return low
}
