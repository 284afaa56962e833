/**
 * Is a change of what we say about ourselves worth a message? Every message costs about 3 ms of CPU at each receiver, so load
 * that wobbles is not news; what others need to reach us always is.
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

export function stateSignificance(said: StateBody, now: StateBody, options: SignificanceOptions): Significance {
  if (
    said.zone !== now.zone ||
    said.draining !== now.draining ||
    said.bulkAddress !== now.bulkAddress ||
    said.httpUrl !== now.httpUrl ||
    said.protocolVersion !== now.protocolVersion ||
    localTiers.some((tier) => said.tiers[tier].limitBytes !== now.tiers[tier].limitBytes) ||
    said.addresses.join() !== now.addresses.join()
  ) {
    return 'identity'
  }
  const share = options.changePercent / 100
  const queueStepMs = Math.max(options.queueMs, share * Math.max(said.queueMs, now.queueMs))
  const changed =
    Math.abs(said.queueMs - now.queueMs) > queueStepMs ||
    localTiers.some((tier) => hasMoved(tier, said.tiers[tier].freeBytes, now.tiers[tier], share))
  return changed ? 'load' : 'none'
}

/** A share of the limit where others compare nodes by it, else of what is free. */
function hasMoved(tier: LocalTier, saidBytes: number, { freeBytes, limitBytes }: TierRoom, share: number): boolean {
  const wholeBytes = tierTable[tier].saysLimit ? (limitBytes ?? 0) : Math.max(saidBytes, freeBytes)
  return Math.abs(saidBytes - freeBytes) > share * wholeBytes
}

/** By the sum of all changes: a model that enters or leaves the tail of the list is not news. */
export function demandIsNews(said: DemandBody, now: DemandBody, options: SignificanceOptions): boolean {
  const before = new Map(said.rates.map(({ model, ratePerS }) => [model, ratePerS]))
  let [change, total] = [0, 0]
  for (const { model, ratePerS } of now.rates) {
    change += Math.abs(ratePerS - (before.get(model) ?? 0))
    total += ratePerS
    before.delete(model)
  }
  for (const ratePerS of before.values()) change += ratePerS
  const saidTotal = said.rates.reduce((sum, { ratePerS }) => sum + ratePerS, 0)
  return change > (options.changePercent / 100) * Math.max(total, saidTotal)
}
