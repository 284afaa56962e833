/**
 * What a push tells the others while it runs:
 *
 *   pushes/<id>/marker.json    its heartbeat; written before the push looks at anything, deleted when it is done
 *   pushes/<id>/<pack>.json    which chunks lie in a pack that is uploaded and not yet in the index
 *
 * So gc leaves alone what the push needs, and a push that follows a killed one goes on where that one was: at most the
 * packs that were on their way are sent again.
 */
import { randomUUID } from 'node:crypto'
import { HoldfastError, type Sha256 } from '../../common/index.ts'
import { mapLimited } from '../concurrency.ts'
import { packKey } from '../stores/object-key.ts'
import type { ListedObject, ObjectStore, StoreAbortOptions } from '../stores/object-store.ts'
import type { Extent } from '../types.ts'
import { encodeChunkShard, parseChunkShard } from './chunk-index-shard.ts'
import { defaultHeartbeatOptions, Heartbeat } from './heartbeat.ts'

const folder = 'pushes/'
const markerName = 'marker.json'
/** A record of a pack of the smallest chunks is some MB; killed pushes leave at most a checkpoint's worth of records each. */
const recordBytesMax = 16 * 1024 * 1024
const recordsReadMax = 10_000
const recordsConcurrent = 8

/** The id in the key of a pack or of a push's own objects; null when there is none. */
export function pushIdOf(key: string): string | null {
  return /^(?:objects\/packs|pushes)\/([0-9a-f]{32})[/-]/.exec(key)?.[1] ?? null
}

export const isMarkerKey = (key: string): boolean => key.startsWith(folder) && key.endsWith(`/${markerName}`)
/** The pack whose chunks a record of a push tells. */
export function packOfRecord(key: string): string | null {
  const match = /^pushes\/([0-9a-f]{32})\/([^/]+)\.json$/.exec(key)
  return match && !isMarkerKey(key) ? packKey(match[1]!, match[2]!) : null
}

export const newPushId = (): string => randomUUID().replaceAll('-', '')

export class PushMarker {
  readonly id: string
  private readonly store: ObjectStore
  private readonly heartbeat: Heartbeat
  private records: string[] = []

  private constructor(store: ObjectStore, id: string, heartbeat: Heartbeat) {
    this.store = store
    this.id = id
    this.heartbeat = heartbeat
  }

  static async begin(store: ObjectStore, options: StoreAbortOptions & { periodMs?: number } = {}): Promise<PushMarker> {
    const id = newPushId()
    const heartbeat = await Heartbeat.start(store, `${folder}${id}/${markerName}`, {
      ...options,
      periodMs: options.periodMs ?? defaultHeartbeatOptions.periodMs,
      lostError: expired,
    })
    return new PushMarker(store, id, heartbeat!)
  }

  /** PUSH_EXPIRED when gc took this push for dead: what it relied on may be gone. */
  async check(options: StoreAbortOptions): Promise<void> {
    await this.heartbeat.check(options)
  }

  /** Tells where the chunks of a pack lie that is in the store. */
  async record(pack: string, chunks: ReadonlyMap<Sha256, Extent>, options: StoreAbortOptions): Promise<void> {
    const key = `${folder}${this.id}/${pack}.json`
    await this.store.put(key, [encodeChunkShard(chunks)], options)
    this.records.push(key)
  }

  /** After the index has taken over what the records tell. */
  async forgetRecords(): Promise<void> {
    const keys = this.records
    this.records = []
    await mapLimited(keys, recordsConcurrent, (key) => this.store.delete(key))
  }

  /** The push is done, or has failed: then its records stay for the next one. */
  async end(): Promise<void> {
    await this.heartbeat.stop()
    await this.store.delete(`${folder}${this.id}/${markerName}`)
  }

  /** What killed and running pushes have uploaded that the index does not tell yet. */
  async othersChunks(options: StoreAbortOptions): Promise<Map<Sha256, Extent>> {
    const chunks = new Map<Sha256, Extent>()
    const keys = (await listPushObjects(this.store, options))
      .map(({ key }) => key)
      .filter((key) => !isMarkerKey(key) && pushIdOf(key) !== this.id)
    await mapLimited(keys.slice(0, recordsReadMax), recordsConcurrent, async (key) => {
      for (const [sha256, extent] of await readRecord(this.store, key, options)) chunks.set(sha256, extent)
    })
    return chunks
  }
}

export async function listPushObjects(store: ObjectStore, options: StoreAbortOptions): Promise<ListedObject[]> {
  const found: ListedObject[] = []
  for await (const object of store.list(folder, options)) if (pushIdOf(object.key)) found.push(object)
  return found
}

async function readRecord(store: ObjectStore, key: string, options: StoreAbortOptions): Promise<Map<Sha256, Extent>> {
  const found = await store.get(key, { ...options, sizeBytesMax: recordBytesMax }).catch((error) => {
    if (error instanceof HoldfastError && error.code === 'REQUEST_TOO_LARGE') return null
    throw error
  })
  if (!found) return new Map() // Its push is done meanwhile.
  try {
    return parseChunkShard(found.bytes)
  } catch (error) {
    // A hint like the index: unreadable, it tells nothing.
    if (error instanceof HoldfastError && error.code === 'BAD_MANIFEST') return new Map()
    throw error
  }
}

function expired(): HoldfastError {
  return new HoldfastError(
    'PUSH_EXPIRED',
    'The push was silent for so long that gc has taken it for dead. Push again: what still lies in the origin is not sent again.',
  )
}
