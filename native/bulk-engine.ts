/**
 * The native bulk engine: TLS connections between nodes on threads of their own, which bring chunks straight to where they stay. It
 * moves bytes; who is let in and what is asked and answered is decided above.
 */
import { HoldfastError, isErrorCode } from '../common/index.ts'
import { loadAddon, wrapCalls, wrapSync } from './addon.ts'
import type { BulkEngine, BulkEngineEvents, BulkEngineOptions, RawBulkEvent } from './bulk-types.ts'
import { rawFillOf, rawStoreOf } from './store.ts'
import type { Store } from './types.ts'

/** @param store whose blobs are served; null serves bytes alone. NATIVE_MISSING, BAD_CONFIG. */
export function createBulkEngine(
  options: BulkEngineOptions,
  store: Store | null,
  events: BulkEngineEvents,
): BulkEngine {
  const addon = loadAddon()
  const raw = wrapSync(
    () => new addon.BulkEngine(options, store === null ? null : rawStoreOf(store), (...event) => tell(events, event)),
  )
  const calls = wrapCalls(raw)
  return {
    ...calls,
    expectInFills: (connection, request, sizeBytes, places) => {
      const flat = places.flatMap(({ fill, index, offsetBytes }) => [rawFillOf(fill), index, offsetBytes])
      calls.expectInFills(connection, request, sizeBytes, flat)
    },
  }
}

function tell(events: BulkEngineEvents, event: RawBulkEvent): void {
  switch (event[0]) {
    case 'accepted':
      events.onAccepted(event[1], event[2])
      break
    case 'secure':
      events.onSecure(event[1], event[2])
      break
    case 'frame':
      events.onFrame(event[1], event[2], event[3], event[4])
      break
    case 'sent':
      events.onSent(event[1], event[2], event[3])
      break
    case 'chunk':
      events.onChunk(event[1], event[2], errorOf(event[3], event[4]), event[5])
      break
    case 'broken':
      events.onBroken(event[1], errorOf(event[2] ?? 'PEER_PROTOCOL', event[3]) as HoldfastError)
      break
    case 'closed':
      events.onClosed(event[1], errorOf(event[2], event[3]))
      break
  }
}

function errorOf(code: string | null, message: string): HoldfastError | null {
  if (code === null) return null
  return isErrorCode(code) ? new HoldfastError(code, message) : new HoldfastError('SYSTEM', `${code}: ${message}`)
}
