/**
 * Which loaded sessions of the runtime end so that another fits. The weights stay in memory: what is lost is the time that a later
 * request waits for the load, and what is won is the private memory of the session.
 *
 *   value = expected requests per second x load time / private bytes      the least valuable ends first
 */
import type { ModelId } from '../../common/index.ts'

export interface LoadedSession {
  readonly model: ModelId
  readonly ratePerS: number
  readonly loadMs: number
  readonly privateBytes: number
  /** Nobody uses it now. */
  readonly mayEnd: boolean
}

export interface SessionLimits {
  readonly sessionsMax: number
  /** Of all sessions together; one that needs more may be alone. */
  readonly privateBytesMax: number
}

export interface SessionPlan {
  readonly victims: readonly { readonly model: ModelId; readonly reason: string }[]
  /** False when what may end does not suffice; there are no victims then. */
  readonly fits: boolean
}

/** Whether so many sessions may be loaded at once. */
export function areSessionsWithin(count: number, privateBytes: number, limits: SessionLimits): boolean {
  return count <= limits.sessionsMax && (privateBytes <= limits.privateBytesMax || count <= 1)
}

/** @param nextCount 1 where another one, of unknown size, has to fit; 0 where only their own bytes are to be brought below the limit. */
export function planSessionEvictions(
  loaded: readonly LoadedSession[],
  limits: SessionLimits,
  nextCount: 0 | 1,
): SessionPlan {
  let count = loaded.length + nextCount
  let bytes = loaded.reduce((sum, { privateBytes }) => sum + privateBytes, 0)
  const isWithin = (): boolean => areSessionsWithin(count, bytes, limits)
  const victims: { model: ModelId; reason: string }[] = []
  if (isWithin()) return { victims, fits: true }
  for (const session of loaded.filter(({ mayEnd }) => mayEnd).sort(byValue)) {
    count -= 1
    bytes -= session.privateBytes
    victims.push({ model: session.model, reason: `value ${worthOf(session).toPrecision(3)} ms/s per MB is the least` })
    if (isWithin()) return { victims, fits: true }
  }
  return { victims: [], fits: false }
}

function byValue(a: LoadedSession, b: LoadedSession): number {
  return worthOf(a) - worthOf(b) || (a.model < b.model ? -1 : 1)
}

function worthOf({ ratePerS, loadMs, privateBytes }: LoadedSession): number {
  return (ratePerS * loadMs) / Math.max(privateBytes / 1e6, 1e-3)
}
