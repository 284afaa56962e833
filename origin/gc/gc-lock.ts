/** One gc at a time. A gc that died leaves its lock; it is passed over when its heartbeat has been silent long enough. */
import { HoldfastError } from '../../common/index.ts'
import { Heartbeat, type HeartbeatOptions } from '../push/heartbeat.ts'
import type { ObjectStore, ObjectVersion, StoreAbortOptions } from '../stores/object-store.ts'

export const gcLockKey = 'gc/lock.json'
const clockKey = 'gc/clock.json'
const lockBytesMax = 4096

export class GcLock {
  private readonly store: ObjectStore
  private readonly heartbeat: Heartbeat
  /** What the store's clock said when the lock was taken: ages of objects are told by it. */
  readonly storeNowMs: number

  private constructor(store: ObjectStore, heartbeat: Heartbeat, storeNowMs: number) {
    this.store = store
    this.heartbeat = heartbeat
    this.storeNowMs = storeNowMs
  }

  /** GC_RUNNING when another holds it. */
  static async take(store: ObjectStore, timing: HeartbeatOptions, options: StoreAbortOptions): Promise<GcLock> {
    const start = (condition: { ifNoneMatch: '*' } | { ifMatch: ObjectVersion }) =>
      Heartbeat.start(store, gcLockKey, { ...options, ...condition, periodMs: timing.periodMs, lostError: lost })
    let heartbeat = await start({ ifNoneMatch: '*' })
    if (!heartbeat) {
      const silent = await silentVersion(store, timing.silentMs, options)
      if (silent !== null) heartbeat = await start({ ifMatch: silent })
    }
    const head = heartbeat && (await store.head(gcLockKey, options))
    if (heartbeat && head) return new GcLock(store, heartbeat, head.modifiedMs)
    await heartbeat?.stop()
    throw new HoldfastError(
      'GC_RUNNING',
      `Another gc works on ${store.url}. If it has died, its lock ends after ${Math.round(timing.silentMs / 60_000)} min.`,
    )
  }

  async check(options: StoreAbortOptions): Promise<void> {
    await this.heartbeat.check(options)
  }

  async release(): Promise<void> {
    await this.heartbeat.stop()
    await this.store.delete(gcLockKey)
  }
}

/**
 * What to swap away, when the holder has been silent too long: by two looks at the store's clock, the lock's own time and
 * that of an object written now.
 */
async function silentVersion(
  store: ObjectStore,
  silentMs: number,
  options: StoreAbortOptions,
): Promise<ObjectVersion | null> {
  const current = await store.get(gcLockKey, { ...options, sizeBytesMax: lockBytesMax })
  const held = await store.head(gcLockKey, options)
  await store.put(clockKey, [Buffer.from('{}')], options)
  const now = await store.head(clockKey, options)
  await store.delete(clockKey, options)
  if (!current || !held || !now) return null
  return now.modifiedMs - held.modifiedMs > silentMs ? current.version : null
}

function lost(): HoldfastError {
  return new HoldfastError(
    'GC_RUNNING',
    'This gc was silent for so long that another has taken its place. Run it again.',
  )
}
