/** The cache of models over the tiers of this node. Starts nothing. */
import type { EventEmitter } from 'node:events'
import type { LocalTier } from '../../common/index.ts'
import type { LoadProfile } from '../../core/index.ts'
import { type Manifest, runnableFileOf } from '../../origin/index.ts'
import type { EvictionPolicy } from '../../placement/index.ts'
import { copyWorth, type DerivedForms, LeaseTracker, ModelCache, type ModelTable, OwnBytes } from '../models/index.ts'
import type { Runtime } from '../ports/index.ts'
import { BlobFetcher, type FetchOutcome } from '../transfer/index.ts'
import type { Base } from './base.ts'
import type { Cluster } from './cluster.ts'
import type { Names } from './names.ts'
import type { PinChecks } from './pin-checks.ts'
import type { OpenStore } from './store.ts'

/** Assumed of this node's disk: a solid-state disk of the ordinary kind. */
export const diskBytesPerS = 1_000_000_000

export type ModelEvents = EventEmitter<{
  /** In memory or on its way there, and published: clients that wait for ranges may have it. */
  arriving: [model: string]
  evicted: [tier: LocalTier, model: string, reason: string]
  fetched: [outcome: FetchOutcome]
}>

export const isRunnable = (manifest: Pick<Manifest, 'files' | 'annotations'>) => runnableFileOf(manifest) !== null

export interface CacheNeeds extends Pick<Names, 'origin' | 'isGuarded'> {
  readonly runtime: Runtime
  readonly table: ModelTable
  readonly derivedForms: DerivedForms
  readonly policies: Readonly<Record<LocalTier, EvictionPolicy>>
  readonly profile: LoadProfile
  readonly pinned: PinChecks
  readonly events: ModelEvents
  /** A local blob, from which a chunk was to be copied, has other bytes than it should. */
  readonly onDamaged: () => void
}

export function createCache(
  { options, state, clock, log }: Base,
  { core, driver, bulk }: Cluster,
  { store, leases }: OpenStore,
  { origin, isGuarded, runtime, table, derivedForms, policies, profile, pinned, events, onDamaged }: CacheNeeds,
): ModelCache {
  const fetcher = new BlobFetcher({
    store,
    driver,
    bulk,
    bulkAddressOf: (node) => core.bulkAddressOf(node),
    origin,
    findLocalChunk: (chunk) => table.findLocalChunk(chunk),
    onDamaged,
    clock,
    log,
  })
  const nodeFacts = {
    times: profile,
    diskBytesPerS,
    hasOrigin: origin !== null,
    soonRatePerS: (model: string) => policies.memory.expectedRatePerS?.(model, clock.nowMs()) ?? null,
  }
  const value = { core, table, node: nodeFacts, isRunnable, clock }
  const tracker = new LeaseTracker(store, clock)
  const ownBytes = new OwnBytes({ table, origin, state })
  const cache = new ModelCache({
    store,
    table,
    fetcher,
    derivedForms,
    leases: tracker,
    runtime,
    memoryPolicy: policies.memory,
    diskPolicy: policies.disk,
    worth: (model, tier) => copyWorth(value, model, tier),
    ownBytes: () => (isGuarded() ? ownBytes : null),
    verifiesReads: options['disk.verifyReads'],
    isPinned: (model, tier) => pinned.isPinned(model, tier),
    sessionLimits: { sessionsMax: options['runtime.sessionsMax'], privateBytesMax: options['runtime.sessionBytesMax'] },
    clock,
    log,
    onResidency: (models) => driver.dispatch({ kind: 'local-residency', models }),
    onEvicted: (tier, model, reason) => events.emit('evicted', tier, model, reason),
    onArriving: (model) => events.emit('arriving', model),
    onFetched: (outcome) => events.emit('fetched', outcome),
  })
  leases.on('closed', () => {
    tracker.onLeaseClosed()
    cache.noteLeaseClosed()
  })
  return cache
}
