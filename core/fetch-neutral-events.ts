/** Which events cannot change what a fetch should do next: the core passes them by its fetch plan. */
import type { Event } from './events.ts'

/**
 * Events after which no fetch has anything new to do. Entries are looked at one by one: only those count that say who has, or has
 * no more, what is on its way in. Whatever else changes the next tick sees.
 */
export const fetchNeutralKinds: ReadonlySet<Event['kind']> = new Set([
  'summary',
  'demand',
  'local-state',
  'rtt-measured',
  'pins',
  'tenants',
])
