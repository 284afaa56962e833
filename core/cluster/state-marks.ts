/** What routing and placement ask of the state of each of many nodes, as bits of one number. */
import type { StateBody } from '../events.ts'

/** Has said what it is. */
export const isKnown = 1
/** Takes no new requests. */
export const isDraining = 2
/** Sends bytes to others. */
export const isSender = 4

export function markOf(body: StateBody | null): number {
  if (body === null) return 0
  return isKnown + (body.draining ? isDraining : 0) + (body.bulkAddress === '' ? 0 : isSender)
}
