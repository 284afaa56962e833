/** What a state entry says of the node's tiers, as it travels: `memoryFreeBytes`, `memoryLimitBytes`, `diskFreeBytes`, ... */

import { byTier, type LocalTier, localTiers, tierTable } from '../../common/index.ts'
import type { StateBody, TierRoom } from '../events.ts'

export function tiersToFields(tiers: StateBody['tiers']): Record<string, number> {
  const fields: Record<string, number> = {}
  for (const tier of localTiers) {
    fields[freeName(tier)] = tiers[tier].freeBytes
    if (tierTable[tier].saysLimit) fields[limitName(tier)] = tiers[tier].limitBytes ?? 0
  }
  return fields
}

/** @param count reads a field of the name that has to be there, and to be a count. */
export function tiersFromFields(count: (name: string) => number): StateBody['tiers'] {
  return byTier((tier): TierRoom => {
    const limitBytes = tierTable[tier].saysLimit ? count(limitName(tier)) : null
    return { freeBytes: count(freeName(tier)), limitBytes }
  })
}

const freeName = (tier: LocalTier): string => `${tier}FreeBytes`
const limitName = (tier: LocalTier): string => `${tier}LimitBytes`
