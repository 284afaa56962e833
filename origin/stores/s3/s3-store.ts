/**
 * An origin in a bucket of any S3-compatible store, path style, with the SDK's ordinary credentials.
 *
 * Conditional writes go to the store where it honours them, which is found out by trying once per S3Store
 * (s3/s3-conditions.ts); elsewhere the writers of one key exclude each other by intents (s3/s3-intents.ts), so that
 * compare-and-swap holds either way among those who use Holdfast. Large objects are written in parts.
 */
import { randomUUID } from 'node:crypto'
import { type Clock, HoldfastError } from '../../../common/index.ts'
import { reservedFolder } from '../object-key.ts'
import type { ObjectReader, ObjectStore, PutOptions, StoreAbortOptions } from '../object-store.ts'
import { bare, type ConditionalWrites, probeConditionalWrites, quoted } from './s3-conditions.ts'
import { isMissing, translateS3Error } from './s3-errors.ts'
import { withIntent } from './s3-intents.ts'
import { defaultS3Options, type S3Options } from './s3-options.ts'
import { putInParts, putWhole, type S3Condition } from './s3-put.ts'
import { S3Reader } from './s3-reader.ts'
import { S3Session } from './s3-session.ts'
import type { S3Target } from './s3-url.ts'

/** Metadata of an object that was written under a condition. */
const writeIdName = 'holdfast-write'

interface UploadMarker {
  readonly KeyMarker?: string | undefined
  readonly UploadIdMarker?: string | undefined
}

export class S3Store extends S3Reader implements ObjectStore {
  readonly bucket: ObjectReader | null
  readonly clock: Clock
  private probing: Promise<ConditionalWrites> | null = null

  constructor(target: S3Target, options: Partial<S3Options> & Pick<S3Options, 'clock'>) {
    const session = new S3Session(target, { ...defaultS3Options, ...options })
    super(session, target.prefix)
    this.clock = options.clock
    this.bucket = target.prefix === '' ? null : new S3Reader(session, '')
  }

  async put(key: string, pieces: readonly Uint8Array[], options: PutOptions = {}): Promise<boolean> {
    const Key = this.keyOf(key)
    options.signal?.throwIfAborted()
    try {
      if (options.ifMatch !== undefined || options.ifNoneMatch !== undefined)
        return await this.swap(Key, pieces, options)
      const sizeBytes = pieces.reduce((sum, piece) => sum + piece.length, 0)
      if (sizeBytes > this.session.options.partBytes) await putInParts(this.session, Key, pieces, options.signal)
      else await putWhole(this.session, Key, pieces, {}, options.signal)
      return true
    } catch (error) {
      options.signal?.throwIfAborted()
      throw translateS3Error(error, this.session.target)
    }
  }

  async delete(key: string, options: StoreAbortOptions = {}): Promise<void> {
    const Key = this.keyOf(key)
    await this.session.call(
      ({ client, sdk, bucket, abortSignal }) =>
        client.send(new sdk.DeleteObjectCommand({ Bucket: bucket, Key }), { abortSignal }),
      { signal: options.signal, isWrite: true },
    )
  }

  /** Uploads in parts that were begun so long ago, and probes and intents of writers that died. */
  async sweep(olderThanMs: number, options: StoreAbortOptions = {}): Promise<number> {
    const { prefix } = this.session.target
    let swept = 0
    let marker: UploadMarker = {}
    for (;;) {
      const page = await this.uploads(marker, options)
      for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
        if (!Key?.startsWith(prefix) || !UploadId || this.ageMs(Initiated) < olderThanMs) continue
        await this.session.call(
          ({ client, sdk, bucket, abortSignal }) =>
            client.send(new sdk.AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId }), { abortSignal }),
          options,
        )
        swept++
      }
      const next: UploadMarker = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker }
      const isNew = next.KeyMarker !== marker.KeyMarker || next.UploadIdMarker !== marker.UploadIdMarker
      if (!page.IsTruncated || !isNew) break
      marker = next
    }
    return swept + (await this.sweepOwn(olderThanMs, options))
  }

  private async swap(Key: string, pieces: readonly Uint8Array[], options: PutOptions): Promise<boolean> {
    const conditional = await this.conditionalWrites(options.signal)
    if (!conditional) {
      return withIntent(
        this.session,
        Key,
        (signal) => this.checkAndPut(Key, pieces, { ...options, signal }),
        options.signal,
      )
    }
    const etag = conditional.ifMatch === 'bare' ? bare : quoted
    const condition: S3Condition =
      options.ifMatch === undefined ? { IfNoneMatch: '*' } : { IfMatch: etag(options.ifMatch) }
    return this.putIf(Key, pieces, condition, options.signal)
  }

  private async putIf(
    Key: string,
    pieces: readonly Uint8Array[],
    condition: S3Condition,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const write = randomUUID()
    const outcome = await putWhole(
      this.session,
      Key,
      pieces,
      { ...condition, Metadata: { [writeIdName]: write } },
      signal,
    )
    return outcome === 'done' || (outcome === 'unclear' && (await this.isOurs(Key, write, signal)))
  }

  /**
   * A try whose answer was lost may have written; then the refusal of the next one is about ourselves. Not told by the bytes,
   * which another may have written alike: Ceph answers most losers of a race by 500.
   */
  private async isOurs(Key: string, write: string, signal: AbortSignal | undefined): Promise<boolean> {
    try {
      const head = await this.session.run(
        ({ client, sdk, bucket, abortSignal }) =>
          client.send(new sdk.HeadObjectCommand({ Bucket: bucket, Key }), { abortSignal }),
        { signal },
      )
      return head.Metadata?.[writeIdName] === write
    } catch (error) {
      if (isMissing(error)) return false
      throw error
    }
  }

  private async checkAndPut(Key: string, pieces: readonly Uint8Array[], options: PutOptions): Promise<boolean> {
    const etag = await this.session
      .run(
        ({ client, sdk, bucket, abortSignal }) =>
          client.send(new sdk.HeadObjectCommand({ Bucket: bucket, Key }), { abortSignal }),
        { signal: options.signal },
      )
      .then(
        (head) => head.ETag ?? '',
        (error) => {
          if (isMissing(error)) return null
          throw error
        },
      )
    if (etag !== (options.ifMatch ?? null)) return false
    await putWhole(this.session, Key, pieces, {}, options.signal)
    return true
  }

  private async conditionalWrites(signal: AbortSignal | undefined): Promise<ConditionalWrites> {
    if (this.session.options.conditionalWrites === 'never') return null
    // Not under the caller's signal: others wait for the same answer. Each request of it is bounded in time.
    this.probing ??= probeConditionalWrites(this.session).catch((error) => {
      this.probing = null
      throw error
    })
    const found = await this.probing
    signal?.throwIfAborted()
    return found
  }

  /** 0 for what does not tell it. */
  private ageMs(date: Date | undefined): number {
    return date === undefined ? 0 : this.clock.wallMs() - date.getTime()
  }

  private uploads(marker: UploadMarker, options: StoreAbortOptions) {
    return this.session.call(
      ({ client, sdk, bucket, abortSignal }) =>
        client.send(
          new sdk.ListMultipartUploadsCommand({
            Bucket: bucket,
            Prefix: this.session.target.prefix,
            ...marker,
          }),
          { abortSignal },
        ),
      options,
    )
  }

  private async sweepOwn(olderThanMs: number, options: StoreAbortOptions): Promise<number> {
    const own = `${this.session.target.prefix}${reservedFolder}/`
    const { Contents = [] } = await this.session.call(
      ({ client, sdk, bucket, abortSignal }) =>
        client.send(new sdk.ListObjectsV2Command({ Bucket: bucket, Prefix: own }), { abortSignal }),
      options,
    )
    const stale = Contents.filter(({ LastModified }) => this.ageMs(LastModified) >= olderThanMs)
    for (const { Key } of stale) {
      if (!Key?.startsWith(own)) throw new HoldfastError('ORIGIN_UNAVAILABLE', `The listing of ${this.url} is not one.`)
      await this.session.call(
        ({ client, sdk, bucket, abortSignal }) =>
          client.send(new sdk.DeleteObjectCommand({ Bucket: bucket, Key }), { abortSignal }),
        options,
      )
    }
    return stale.length
  }
}
