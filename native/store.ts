/** The daemon's Store and Fill over the addon: what values look like in JavaScript, and HoldfastErrors; nothing else. */
import { byTier } from '../common/index.ts'
import {
  loadAddon,
  type RawBlobState,
  type RawFill,
  type RawStore,
  type RawStoreStats,
  wrapCalls,
  wrapSync,
} from './addon.ts'
import { systemError } from './system-error.ts'
import type { BlobSpec, BlobState, Fill, Store, StoreEvents, StoreOptions, StoreStats } from './types.ts'

/** What the addon has behind a store and a fill. */
const rawStores = new WeakMap<Store, RawStore>()
const rawFills = new WeakMap<Fill, RawFill>()

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
  const store: Store = {
    ...calls,
    beginFill: (blob, into) => createFill(calls, blob, into),
    promote: (id, proof) => calls.promote(id, proof ?? null),
    blobs: () => calls.blobs().map(blobState),
    blob: (id) => {
      const state = calls.blob(id)
      return state === null ? null : blobState(state)
    },
    stats: () => storeStats(calls.stats()),
  }
  rawStores.set(store, raw)
  return store
}

/** For other parts of the addon that work on a store. */
export function rawStoreOf(store: Store): RawStore {
  return known(rawStores.get(store), 'store')
}

export function rawFillOf(fill: Fill): RawFill {
  return known(rawFills.get(fill), 'fill')
}

function known<T>(raw: T | undefined, what: string): T {
  if (raw === undefined) throw new TypeError(`this ${what} is not one of the native part`)
  return raw
}

function createFill(store: RawStore, blob: BlobSpec, into: { memory: boolean; disk: boolean }): Fill {
  const raw = store.beginFill(blob, into.memory, into.disk)
  const calls = wrapCalls(raw)
  const fill: Fill = {
    ...calls,
    id: blob.id,
    putFile: async (index, fd, offsetBytes) => {
      const failed = await calls.putFile(index, fd, offsetBytes)
      if (typeof failed === 'number') throw systemError(failed, 'read')
      return failed ?? 'copied'
    },
    abort: ({ keepPartial = false, reason } = {}) => {
      const { code, message } = reason ?? { code: 'NO_SOURCE', message: 'the fetch was given up; open it again.' }
      return calls.abort(keepPartial, code, message)
    },
  }
  rawFills.set(fill, raw)
  return fill
}

function blobState({ inMemory, onDisk, ...state }: RawBlobState): BlobState {
  return { ...state, isIn: { memory: inMemory, disk: onDisk } }
}

function storeStats(raw: RawStoreStats): StoreStats {
  const { diskFailures, segments, reservedPages, askedPages, leases, connections, openHits, openMisses } = raw
  const tiers = byTier((tier) => ({ usedBytes: raw[`${tier}UsedBytes`], limitBytes: raw[`${tier}LimitBytes`] }))
  return { tiers, diskFailures, segments, reservedPages, askedPages, leases, connections, openHits, openMisses }
}
