/**
 * gc: deletes what no ref reaches, and rewrites packs that are mostly dead. Safe beside pushes, pulls and its own death:
 *
 *   1  mark                 refs, and the latest of their histories -> locations -> the bytes in use
 *   2  compact              live bytes of mostly dead packs go to new packs, locations follow
 *   3  hide                 dead packs leave the index and the records of dead pushes: a push that begins now cannot find them
 *   4  who may know them    pushes alive after step 3 may have found them before; each dead pack waits for these
 *   5  mark again           whatever a push has made reachable since step 1 is let off
 *   6  delete               dead packs that wait for nobody; records of models only while no push is alive
 *
 * A pack's name is never used twice, so one that is deleted does not come back. Objects younger than the grace period are
 * left alone, so that an interrupted push can go on; packs of a live push always are.
 */
import { mapLimited } from '../concurrency.ts'
import { defaultManifestLimits } from '../manifest/manifest-limits.ts'
import type { Origin } from '../origin.ts'
import { defaultHeartbeatOptions, type HeartbeatOptions } from '../push/heartbeat.ts'
import { defaultPackOptions } from '../push/pack-writer.ts'
import { isMarkerKey, listPushObjects, newPushId, packOfRecord, pushIdOf } from '../push/push-marker.ts'
import { isSha256 } from '../refs/model-name.ts'
import { packFolder } from '../stores/object-key.ts'
import type { ListedObject, ObjectStore, StoreAbortOptions } from '../stores/object-store.ts'
import { usedBytes } from './byte-ranges.ts'
import { Compaction, type SparsePack } from './compact.ts'
import { type Condemned, readCondemned, writeCondemned } from './condemned.ts'
import { GcLock } from './gc-lock.ts'
import { scrubIndex } from './index-scrub.ts'
import { type Marked, mark } from './mark.ts'

export interface GcOptions {
  readonly origin: Origin
  /** Only tells what it would do. */
  readonly dryRun?: boolean
  /** Objects younger than this stay: so long an interrupted push can go on where it was. */
  readonly graceMs?: number
  /** A write that has not ended after so long never will: unlike objects, unfinished ones do not tell whose they are. */
  readonly unfinishedMs?: number
  /** A pack of which less than this part is in use is rewritten. */
  readonly rewriteBelow?: number
  /** Larger packs are not rewritten: their live bytes are held in memory. */
  readonly rewriteBytesMax?: number
  /** Earlier revisions of each tag that stay whole, so that the tag can be rolled back to them. */
  readonly keepRevisions?: number
  readonly heartbeat?: HeartbeatOptions
  /** Requests at one time. */
  readonly concurrent?: number
  readonly onProgress?: (step: GcStep) => void
  readonly signal?: AbortSignal
}

export const defaultGraceMs = 24 * 3600 * 1000
export const defaultUnfinishedMs = 6 * 3600 * 1000
export const defaultRewriteBelow = 0.5
export const defaultKeepRevisions = 1
const defaultRewriteBytesMax = 256 * 1024 * 1024
const defaultConcurrent = 8
const swapAttemptsMax = 100

export type GcStep = 'mark' | 'compact' | 'hide' | 'mark again' | 'delete'

export interface GcResult {
  readonly dryRun: boolean
  readonly models: number
  /** Models that stay only because a tag can be rolled back to them. */
  readonly earlierRevisions: number
  /** Bytes of the store that are free now (or would be), less what was copied. */
  readonly freedBytes: number
  readonly packsDeleted: number
  readonly packsRewritten: number
  readonly copiedBytes: number
  readonly manifestsDeleted: number
  readonly indexEntriesRemoved: number
  /** Unfinished writes and records of dead pushes. */
  readonly leftoversDeleted: number
  /** Dead packs that running pushes may know, and what they hold; a later gc deletes them. */
  readonly packsWaiting: number
  readonly waitingBytes: number
  readonly pushesRunning: number
  /** Names whose records are missing: push them again. */
  readonly incomplete: readonly string[]
}

/** GC_RUNNING; BAD_REF, and nothing is deleted, when a ref or record cannot be read; what the origin's store throws. */
export async function gc(options: GcOptions): Promise<GcResult> {
  const { store } = options.origin
  const abort = options.signal ? { signal: options.signal } : {}
  const lock = await GcLock.take(store, options.heartbeat ?? defaultHeartbeatOptions, abort)
  try {
    return await new Gc(options, lock, abort).run()
  } finally {
    await lock.release()
  }
}

interface Pushes {
  readonly live: ReadonlySet<string>
  /** Of dead ones: records of packs, which serve the next push. */
  readonly records: readonly ListedObject[]
  /** Keys of what dead ones have left that serves nobody; deleting a marker shuts its push out. */
  readonly leftovers: readonly string[]
}

class Gc {
  private readonly options: GcOptions
  private readonly origin: Origin
  private readonly store: ObjectStore
  private readonly lock: GcLock
  private readonly abort: StoreAbortOptions
  private readonly concurrent: number
  private readonly startedMs: number

  constructor(options: GcOptions, lock: GcLock, abort: StoreAbortOptions) {
    this.options = options
    this.origin = options.origin
    this.store = options.origin.store
    this.startedMs = this.store.clock.nowMs()
    this.lock = lock
    this.abort = abort
    this.concurrent = options.concurrent ?? defaultConcurrent
  }

  async run(): Promise<GcResult> {
    const dryRun = this.options.dryRun ?? false
    const before = await this.pushes()
    const packs = await this.listOld(packFolder, before.live)
    const records = [...(await this.listOld('manifests/', null)), ...(await this.listOld('locations/', null))]
    const marked = await this.mark('mark')
    const sparse = this.sparsePacks(packs, marked)
    const dead = new Set(packs.filter(({ key }) => !marked.rangesByObject.has(key)).map(({ key }) => key))
    const compaction = await this.compact(dryRun ? [] : sparse)
    const doomed = new Set([...dead, ...sparse.map(({ key }) => key)])
    const condemned = await readCondemned(this.store, this.abort)
    if (dryRun) {
      const waitsFor = new Map([...dead].map((key) => [key, [...before.live]]))
      return this.result({
        packs,
        marked,
        records,
        waitsFor,
        live: before.live,
        sparse,
        compaction,
        entries: 0,
        swept: 0,
      })
    }
    this.options.onProgress?.('hide')
    const told = before.records.filter(({ key }) => doomed.has(packOfRecord(key) ?? '')).map(({ key }) => key)
    const swept = await this.deleteAll([...new Set([...before.leftovers, ...told])])
    const { seen, entries } = await scrubIndex(this.store, doomed, compaction.redirect, {
      ...this.abort,
      shardsConcurrent: this.concurrent,
      swapAttemptsMax,
    })
    for (const key of told) seen.add(packOfRecord(key)!)
    const { live } = await this.pushes()
    const waitsFor = waiting(doomed, condemned, seen, live)
    const again = await this.mark('mark again')
    for (const key of waitsFor.keys()) if (again.rangesByObject.has(key)) waitsFor.delete(key)
    await this.lock.check(this.abort)
    return this.sweep({ packs, marked: again, records, waitsFor, live, sparse, compaction, entries, swept })
  }

  private async sweep(found: Found): Promise<GcResult> {
    this.options.onProgress?.('delete')
    await writeCondemned(this.store, new Map([...found.waitsFor].filter(([, ids]) => ids.length > 0)), this.abort)
    await this.deleteAll(found.packs.map(({ key }) => key).filter((key) => found.waitsFor.get(key)?.length === 0))
    const records = await this.deleteRecords(deadRecords(found))
    const unfinished = await this.store.sweep(this.options.unfinishedMs ?? defaultUnfinishedMs, this.abort)
    return this.result({ ...found, records, swept: found.swept + unfinished })
  }

  private result(found: Found): GcResult {
    const { packs, marked, waitsFor, live, sparse, compaction, entries, swept } = found
    const dead = packs.filter(({ key }) => waitsFor.get(key)?.length === 0)
    const waits = packs.filter(({ key }) => (waitsFor.get(key)?.length ?? 0) > 0)
    const records = deadRecords(found)
    const dryRun = this.options.dryRun ?? false
    const sparseBytes = dryRun ? sumBytes(packs.filter(({ key }) => sparse.some((pack) => pack.key === key))) : 0
    const keptBytes = sparse.reduce((sum, { ranges }) => sum + usedBytes(ranges), 0)
    const named = [...marked.models.values()].filter((names) => names.length > 0).length
    const copiedBytes = dryRun ? keptBytes : compaction.copiedBytes
    return {
      dryRun,
      models: named,
      earlierRevisions: marked.models.size - named,
      freedBytes: sumBytes(dead) + sumBytes(records) + sparseBytes - copiedBytes,
      packsDeleted: dead.length,
      packsRewritten: sparse.length,
      copiedBytes,
      manifestsDeleted: records.filter(({ key }) => key.startsWith('manifests/')).length,
      indexEntriesRemoved: entries,
      leftoversDeleted: swept,
      packsWaiting: waits.length,
      waitingBytes: sumBytes(waits),
      pushesRunning: live.size,
      incomplete: marked.incomplete,
    }
  }

  private mark(step: GcStep): Promise<Marked> {
    this.options.onProgress?.(step)
    const keepRevisions = this.options.keepRevisions ?? defaultKeepRevisions
    return mark(this.origin, { ...this.abort, recordsConcurrent: this.concurrent, keepRevisions })
  }

  private async compact(packs: readonly SparsePack[]): Promise<Compaction> {
    const compaction = new Compaction(this.store, newPushId(), {
      ...this.abort,
      packBytesMax: defaultPackOptions.packBytesMax,
      recordBytesMax: defaultManifestLimits.manifestBytesMax,
    })
    if (packs.length > 0) this.options.onProgress?.('compact')
    await compaction.run(packs)
    return compaction
  }

  private sparsePacks(packs: readonly ListedObject[], marked: Marked): SparsePack[] {
    const rewriteBelow = this.options.rewriteBelow ?? defaultRewriteBelow
    return packs.flatMap(({ key, sizeBytes }) => {
      const ranges = marked.rangesByObject.get(key)
      if (!ranges || sizeBytes > (this.options.rewriteBytesMax ?? defaultRewriteBytesMax)) return []
      if (usedBytes(ranges) >= sizeBytes * rewriteBelow) return []
      return [{ key, ranges, models: marked.modelsByObject.get(key)! }]
    })
  }

  private async pushes(): Promise<Pushes> {
    const objects = await listPushObjects(this.store, this.abort)
    const { silentMs } = this.options.heartbeat ?? defaultHeartbeatOptions
    const markers = objects.filter(({ key }) => isMarkerKey(key))
    const live = new Set(
      markers.filter((marker) => this.ageMs(marker) <= silentMs).map(({ key }) => pushIdOf(key) ?? ''),
    )
    const silent = objects.filter(({ key }) => !live.has(pushIdOf(key) ?? ''))
    const records = silent.filter(({ key }) => !isMarkerKey(key))
    const leftovers = silent.filter((object) => isMarkerKey(object.key) || this.ageMs(object) >= this.graceMs)
    return { live, records, leftovers: leftovers.map(({ key }) => key) }
  }

  private async listOld(prefix: string, live: ReadonlySet<string> | null): Promise<ListedObject[]> {
    const old: ListedObject[] = []
    for await (const object of this.store.list(prefix, this.abort)) {
      const isOfLivePush = live?.has(pushIdOf(object.key) ?? '') ?? false
      if (this.ageMs(object) >= this.graceMs && !isOfLivePush) old.push(object)
    }
    return old
  }

  /**
   * Their names come back when the same model is pushed again, so this stops when a push begins. Between that look and the
   * deletion lies one request, and a push looks again for its records when it is done.
   */
  private async deleteRecords(records: readonly ListedObject[]): Promise<ListedObject[]> {
    const deleted: ListedObject[] = []
    for (const record of records) {
      const head = await this.store.head(record.key, this.abort)
      if (!head || this.ageMs(head) < this.graceMs) continue
      if ((await this.pushes()).live.size > 0) break
      await this.store.delete(record.key, this.abort)
      deleted.push(record)
    }
    return deleted
  }

  private async deleteAll(keys: readonly string[]): Promise<number> {
    await mapLimited(keys, this.concurrent, (key) => this.store.delete(key, this.abort))
    return keys.length
  }

  private ageMs({ modifiedMs }: { modifiedMs: number }): number {
    return this.lock.storeNowMs + (this.store.clock.nowMs() - this.startedMs) - modifiedMs
  }

  private get graceMs(): number {
    return this.options.graceMs ?? defaultGraceMs
  }
}

interface Found {
  readonly packs: readonly ListedObject[]
  readonly marked: Marked
  readonly records: readonly ListedObject[]
  /** Dead packs and the pushes they wait for. */
  readonly waitsFor: Map<string, readonly string[]>
  readonly live: ReadonlySet<string>
  readonly sparse: readonly SparsePack[]
  readonly compaction: Compaction
  readonly entries: number
  readonly swept: number
}

/** A pack that was hidden before waits for those that still run of the pushes of that time; one that was seen, for all. */
function waiting(
  doomed: ReadonlySet<string>,
  condemned: Condemned,
  seen: ReadonlySet<string>,
  live: ReadonlySet<string>,
): Map<string, readonly string[]> {
  return new Map(
    [...doomed].map((key) => {
      const before = seen.has(key) ? undefined : condemned.get(key)
      return [key, before ? before.filter((id) => live.has(id)) : [...live]] as const
    }),
  )
}

function deadRecords({ records, marked, live }: Found): ListedObject[] {
  if (live.size > 0) return []
  return records.filter(({ key }) => {
    const digest = /^(?:manifests|locations)\/([^/]+)\.json$/.exec(key)?.[1]
    return isSha256(digest) && !marked.models.has(digest)
  })
}

const sumBytes = (objects: readonly { readonly sizeBytes: number }[]): number =>
  objects.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
