/**
 * Times of other nodes' clocks, made no later than a little ahead of this node's clock when they come in. A pin that was changed in the
 * year 275,760 would otherwise win over every later change, and no node could say one that others take.
 */
import type { SignedEntry } from '../events.ts'

/** Clocks that are set by nobody differ by some minutes; a day is a wrong date. */
export const clockAheadMsMax = 86_400_000

/** The same records where none is too late. */
export function clampRecords<R extends { readonly changedMs: number }>(
  records: readonly R[],
  wallMs: number,
): readonly R[] {
  const latestMs = Math.floor(wallMs) + clockAheadMsMax
  if (records.every(({ changedMs }) => changedMs <= latestMs)) return records
  return records.map((record) => (record.changedMs <= latestMs ? record : { ...record, changedMs: latestMs }))
}

/** The same entry where nothing is too late. Its envelope stays what its author signed. */
export function clampClocks(signed: SignedEntry, wallMs: number): SignedEntry {
  const { entry, envelope } = signed
  if (entry.kind !== 'state') return signed
  const { pins, tenants, startedMs } = entry.body
  const latestMs = Math.floor(wallMs) + clockAheadMsMax
  const clampedPins = pins === undefined ? undefined : clampRecords(pins, wallMs)
  const clampedTenants = tenants === undefined ? undefined : clampRecords(tenants, wallMs)
  if (clampedPins === pins && clampedTenants === tenants && (startedMs ?? 0) <= latestMs) return signed
  const body = {
    ...entry.body,
    ...(clampedPins === undefined ? {} : { pins: clampedPins }),
    ...(clampedTenants === undefined ? {} : { tenants: clampedTenants }),
    ...(startedMs === undefined ? {} : { startedMs: Math.min(startedMs, latestMs) }),
  }
  return { entry: { ...entry, body }, envelope }
}
