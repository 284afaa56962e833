/**
 * What the origin needs of a store of objects.
 *
 * Keys are relative, '/'-separated and normalised (object-key.ts); any other is BAD_REQUEST, before anything is touched.
 * An object appears whole or not at all, and a reader sees the one or the other of two writes, never a mixture.
 * "Not there" is null. A store that does not answer is ORIGIN_UNAVAILABLE, one that refuses us is ORIGIN_DENIED.
 */

import type { FileHandle } from 'node:fs/promises'
import type { Clock } from '../../common/index.ts'

export interface StoreAbortOptions {
  readonly signal?: AbortSignal
}

export interface ByteRange {
  readonly offsetBytes: number
  readonly sizeBytes: number
}

/** Differs when the content differs; opaque (an ETag, a hash). */
export type ObjectVersion = string

export interface ObjectContent {
  readonly bytes: Uint8Array
  readonly version: ObjectVersion
}

export interface ObjectHead {
  readonly sizeBytes: number
  /** When it was last written, by the clock of the store. */
  readonly modifiedMs: number
}

export interface ListedObject extends ObjectHead {
  readonly key: string
}

export interface GetOptions extends StoreAbortOptions {
  /** REQUEST_TOO_LARGE when the object has more, before it is read. */
  readonly sizeBytesMax: number
}

export interface ListOptions extends StoreAbortOptions {
  /** Also objects whose keys no origin gives (those of other tools, markers of folders), for one that must miss nothing. */
  readonly foreign?: boolean
}

/** At most one of the two conditions. */
export interface PutOptions extends StoreAbortOptions {
  /** Only when there is no such object yet. */
  readonly ifNoneMatch?: '*'
  /** Only when the object still has this version. */
  readonly ifMatch?: ObjectVersion
}

export interface ObjectReader {
  /** As openOrigin takes it; for messages. */
  readonly url: string
  /** What exists of the range: fewer bytes, or none, when the object ends before it. */
  getRange(key: string, range: ByteRange, options?: StoreAbortOptions): Promise<Uint8Array | null>
  /** As getRange, into memory of the caller: how many bytes of the range exist. A store without it has getRange alone. */
  readInto?(key: string, offsetBytes: number, target: Uint8Array, options?: StoreAbortOptions): Promise<number | null>
  /** The object as a file, of a store on this machine. The caller closes it. */
  openObject?(key: string, options?: StoreAbortOptions): Promise<FileHandle | null>
  head(key: string, options?: StoreAbortOptions): Promise<ObjectHead | null>
  /** Objects whose key starts with the prefix, in no particular order. The prefix is '' or ends in '/'. */
  list(prefix: string, options?: ListOptions): AsyncIterable<ListedObject>
}

/** Suite: test/conformance/object-store.suite.ts */
export interface ObjectStore extends ObjectReader {
  /** All of the bucket that the origin is a prefix of, by the bucket's own keys; null where the origin is all there is. */
  readonly bucket: ObjectReader | null
  /** Times the waits of the store and of what works on it (heartbeats, gc). The store's own time is in ObjectHead. */
  readonly clock: Clock
  /** A whole small object, with the version that `ifMatch` takes. */
  get(key: string, options: GetOptions): Promise<ObjectContent | null>
  /** Writes the pieces one after another as one object. False, and nothing is written, when the condition does not hold. */
  put(key: string, pieces: readonly Uint8Array[], options?: PutOptions): Promise<boolean>
  /** Deleting what is not there is fine. */
  delete(key: string, options?: StoreAbortOptions): Promise<void>
  /** Removes what writes that died so long ago have left outside of all listings; tells how many. */
  sweep(olderThanMs: number, options?: StoreAbortOptions): Promise<number>
}
