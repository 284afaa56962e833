/**
 * Is a change of the own state worth a message? Every message costs about 3 ms of CPU at each receiver, so load
 * that wobbles is no such change; what others need to reach us always is. Which of these judges a field stands in entry-format.ts.
 */

import { type LocalTier, localTiers, tierTable } from '../../common/index.ts'
import type { DemandBody, StateBody, TierRoom } from '../events.ts'

export type Significance = 'none' | 'load' | 'identity'

export interface SignificanceOptions {
  /** Change of the queue below which routing would decide the same. */
  readonly queueMs: number
  /** Change of the queue, of free bytes (of the limit) and of all demand rates together that counts, in percent. */
  readonly changePercent: number
}

export const defaultSignificanceOptions: SignificanceOptions = { queueMs: 5, changePercent: 20 }

/** What others need to reach this node and to judge it at all: any change counts. */
export function ofIdentity(published: unknown, now: unknown): Significance {
  return published === now || JSON.stringify(published) === JSON.stringify(now) ? 'none' : 'identity'
}

export function ofQueue(published: number, now: number, options: SignificanceOptions): Significance {
  const stepMs = Math.max(options.queueMs, (options.changePercent / 100) * Math.max(published, now))
  return Math.abs(published - now) > stepMs ? 'load' : 'none'
}

export function ofTiers(
  published: StateBody['tiers'],
  now: StateBody['tiers'],
  options: SignificanceOptions,
): Significance {
  if (localTiers.some((tier) => published[tier].limitBytes !== now[tier].limitBytes)) return 'identity'
  const share = options.changePercent / 100
  return localTiers.some((tier) => hasMoved(tier, published[tier].freeBytes, now[tier], share)) ? 'load' : 'none'
}

/** A share of the limit where others compare nodes by it, else of what is free. */
function hasMoved(
  tier: LocalTier,
  publishedBytes: number,
  { freeBytes, limitBytes }: TierRoom,
  share: number,
): boolean {
  const wholeBytes = tierTable[tier].publishesLimit ? (limitBytes ?? 0) : Math.max(publishedBytes, freeBytes)
  return Math.abs(publishedBytes - freeBytes) > share * wholeBytes
}

/** By the sum of all changes: a model that enters or leaves the tail of the list is no such change. */
export function ofRates(
  published: DemandBody['rates'],
  now: DemandBody['rates'],
  options: SignificanceOptions,
): Significance {
  const before = new Map(published.map(({ model, ratePerS }) => [model, ratePerS]))
  let [change, total] = [0, 0]
  for (const { model, ratePerS } of now) {
    change += Math.abs(ratePerS - (before.get(model) ?? 0))
    total += ratePerS
    before.delete(model)
  }
  for (const ratePerS of before.values()) change += ratePerS
  const publishedTotal = published.reduce((sum, { ratePerS }) => sum + ratePerS, 0)
  return change > (options.changePercent / 100) * Math.max(total, publishedTotal) ? 'load' : 'none'
}
