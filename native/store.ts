/** The daemon's Store and Fill over the addon: what values look like in JavaScript, and HoldfastErrors; nothing else. */
import { byTier } from '../common/index.ts'
import { loadAddon, type RawBlobState, type RawStore, type RawStoreStats, wrapCalls, wrapSync } from './addon.ts'
import type { BlobSpec, BlobState, Fill, Store, StoreEvents, StoreOptions, StoreStats } from './types.ts'

/**
 * Opens the store: takes the disk folder, indexes it, listens on the socket. BAD_CONFIG when another process listens there,
 * DISK_FAILED when another store holds the folder, NATIVE_MISSING.
 *
 * An idle store does not keep the process alive; pending operations do.
 */
export function createStore(options: StoreOptions, events: StoreEvents): Store {
  const addon = loadAddon()
  const raw = wrapSync(() => {
    return new addon.Store(
      options,
      (miss) => events.onOpenMiss(miss),
      (event) => events.onLease(event),
    )
  })
  const calls = wrapCalls(raw)
  return {
    ...calls,
    beginFill: (blob, into) => createFill(calls, blob, into),
    blobs: () => calls.blobs().map(blobState),
    blob: (id) => {
      const state = calls.blob(id)
      return state === null ? null : blobState(state)
    },
    stats: () => storeStats(calls.stats()),
  }
}

function createFill(calls: RawStore, blob: BlobSpec, into: { memory: boolean; disk: boolean }): Fill {
  const fill = wrapCalls(calls.beginFill(blob, into.memory, into.disk))
  return {
    ...fill,
    id: blob.id,
    abort: ({ keepPartial = false, reason } = {}) => {
      const { code, message } = reason ?? { code: 'NO_SOURCE', message: 'the fetch was given up; open it again.' }
      return fill.abort(keepPartial, code, message)
    },
  }
}

function blobState({ inMemory, onDisk, ...state }: RawBlobState): BlobState {
  return { ...state, isIn: { memory: inMemory, disk: onDisk } }
}

function storeStats(raw: RawStoreStats): StoreStats {
  const { diskFailures, segments, leases, connections, openHits, openMisses } = raw
  const tiers = byTier((tier) => ({ usedBytes: raw[`${tier}UsedBytes`], limitBytes: raw[`${tier}LimitBytes`] }))
  return { tiers, diskFailures, segments, leases, connections, openHits, openMisses }
}
