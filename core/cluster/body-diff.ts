/**
 * What changed between two residencies, or two demands, of one node: what an index by model has to follow. Lists are sorted by
 * model, so a difference is one pass. In one simulator process it is made once and serves every ledger that takes the entry.
 */
import type { ModelId } from '../../common/index.ts'
import type { DemandBody, ResidentModel } from '../events.ts'
import { compareIds } from './order.ts'

export interface Holder {
  readonly index: number
  readonly resident: ResidentModel
}

export interface ModelChange {
  readonly model: ModelId
  /** Now held, or held in another way. Undefined: nothing changed; null: not held any more. */
  readonly holder?: Holder | null
  readonly fetching?: boolean
  /** In millionths of a request per second: whole numbers, so that a sum that runs along stays exact. */
  readonly rateMicro?: number
}

export const noChanges: readonly ModelChange[] = []

export function toMicro(ratePerS: number): number {
  return Math.min(Math.round(ratePerS * 1e6), rateMicroMax)
}

/** 400,000 requests per second at one node: whatever hostile entries say, the sum over 20,000 nodes stays below 2^53. */
const rateMicroMax = 4e11

export function diffModels(
  before: readonly ResidentModel[] = [],
  after: readonly ResidentModel[] = [],
  index: number,
): ModelChange[] {
  const changes: ModelChange[] = []
  walk(
    before,
    after,
    (item) => item.model,
    (old, now, model) => {
      if (now === undefined) changes.push({ model, holder: null })
      else if (old?.tier !== now.tier || old.sizeBytes !== now.sizeBytes) {
        changes.push({ model, holder: { index, resident: now } })
      }
    },
  )
  return changes
}

export function diffFetching(before: readonly ModelId[] = [], after: readonly ModelId[] = []): ModelChange[] {
  const changes: ModelChange[] = []
  walk(
    before,
    after,
    (model) => model,
    (old, now, model) => {
      if ((old === undefined) !== (now === undefined)) changes.push({ model, fetching: now !== undefined })
    },
  )
  return changes
}

export function diffRates(before: DemandBody['rates'] = [], after: DemandBody['rates'] = []): ModelChange[] {
  const changes: ModelChange[] = []
  walk(
    before,
    after,
    (rate) => rate.model,
    (old, now, model) => {
      const rateMicro = toMicro(now?.ratePerS ?? 0) - toMicro(old?.ratePerS ?? 0)
      if (rateMicro !== 0) changes.push({ model, rateMicro })
    },
  )
  return changes
}

/** Visits every key of two sorted lists once, with the items that have it. */
function walk<T>(
  before: readonly T[],
  after: readonly T[],
  keyOf: (item: T) => string,
  visit: (old: T | undefined, now: T | undefined, key: string) => void,
): void {
  let [at, to] = [0, 0]
  while (at < before.length || to < after.length) {
    const [old, now] = [before[at], after[to]]
    const order = old === undefined ? 1 : now === undefined ? -1 : compareIds(keyOf(old), keyOf(now))
    if (order <= 0) at += 1
    if (order >= 0) to += 1
    const first = order <= 0 ? old! : now!
    visit(order <= 0 ? old : undefined, order >= 0 ? now : undefined, keyOf(first))
  }
}
