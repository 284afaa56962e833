/** Reads of one bucket below a prefix: what S3Store inherits, and all that is allowed outside of an origin's prefix. */
import { HoldfastError } from '../../../common/index.ts'
import { pathBytesMax, pathProblem } from '../../files/file-path.ts'
import { checkKey, reservedFolder } from '../object-key.ts'
import type {
  ByteRange,
  GetOptions,
  ListedObject,
  ListOptions,
  ObjectContent,
  ObjectHead,
  ObjectReader,
  StoreAbortOptions,
} from '../object-store.ts'
import { dropBody, readBody, readBodyInto } from './s3-body.ts'
import { BrokenAnswer, isMissing, isRangeFailure } from './s3-errors.ts'
import type { S3Session } from './s3-session.ts'

/** Nothing that S3 stores is longer; keeps the end of a range below 2^53. */
const offsetBytesMax = 2 ** 50

export class S3Reader implements ObjectReader {
  readonly url: string
  protected readonly session: S3Session
  protected readonly prefix: string
  private bucketSeen = false

  constructor(session: S3Session, prefix: string) {
    this.session = session
    this.prefix = prefix
    this.url = session.target.url
  }

  async get(key: string, options: GetOptions): Promise<ObjectContent | null> {
    const Key = this.keyOf(key)
    return this.orNull(() =>
      this.session.call(
        async ({ client, sdk, bucket, abortSignal }) => {
          const answer = await client.send(new sdk.GetObjectCommand({ Bucket: bucket, Key }), { abortSignal })
          const sizeBytes = sizeOf(answer.ContentLength)
          if (sizeBytes > options.sizeBytesMax) {
            dropBody(answer.Body)
            throw new HoldfastError(
              'REQUEST_TOO_LARGE',
              `${key} in ${this.url} has ${sizeBytes} bytes, at most ${options.sizeBytesMax} are read.`,
            )
          }
          return { bytes: await readBody(answer.Body, sizeBytes, abortSignal), version: answer.ETag ?? '' }
        },
        { signal: options.signal, sizeBytes: options.sizeBytesMax },
      ),
    )
  }

  async getRange(key: string, range: ByteRange, options: StoreAbortOptions = {}): Promise<Uint8Array | null> {
    return this.range(key, range, options, readBody)
  }

  async readInto(
    key: string,
    offsetBytes: number,
    target: Uint8Array,
    options: StoreAbortOptions = {},
  ): Promise<number | null> {
    const range = { offsetBytes, sizeBytes: target.length }
    const bytes = await this.range(key, range, options, async (body, sizeBytes, signal) => {
      const part = target.subarray(0, sizeBytes)
      await readBodyInto(body, part, signal)
      return part
    })
    return bytes?.length ?? null
  }

  /** Several of these at a time are what a store is fast by; the sockets are kept. */
  private async range(
    key: string,
    range: ByteRange,
    options: StoreAbortOptions,
    read: (body: unknown, sizeBytes: number, signal: AbortSignal) => Promise<Uint8Array>,
  ): Promise<Uint8Array | null> {
    const Key = this.keyOf(key)
    // HTTP has no empty range, and none that begins where S3 has no bytes.
    if (range.sizeBytes === 0 || range.offsetBytes >= offsetBytesMax) {
      return (await this.head(key, options)) && new Uint8Array(0)
    }
    const endBytes = Math.min(range.offsetBytes + range.sizeBytes, offsetBytesMax)
    const Range = `bytes=${range.offsetBytes}-${endBytes - 1}`
    return this.orNull(() =>
      this.session.call(
        async ({ client, sdk, bucket, abortSignal }) => {
          try {
            const answer = await client.send(new sdk.GetObjectCommand({ Bucket: bucket, Key, Range }), { abortSignal })
            const sizeBytes = sizeOf(answer.ContentLength)
            if (answer.$metadata.httpStatusCode === 206 && sizeBytes <= endBytes - range.offsetBytes) {
              return await read(answer.Body, sizeBytes, abortSignal)
            }
            dropBody(answer.Body)
            throw new BrokenAnswer('the store does not honour byte ranges')
          } catch (error) {
            if (isRangeFailure(error)) return new Uint8Array(0)
            throw error
          }
        },
        { signal: options.signal, sizeBytes: range.sizeBytes },
      ),
    )
  }

  async head(key: string, options: StoreAbortOptions = {}): Promise<ObjectHead | null> {
    const Key = this.keyOf(key)
    const answer = await this.orNull(() =>
      this.session.call(
        ({ client, sdk, bucket, abortSignal }) =>
          client.send(new sdk.HeadObjectCommand({ Bucket: bucket, Key }), { abortSignal }),
        options,
      ),
    )
    if (answer) return { sizeBytes: sizeOf(answer.ContentLength), modifiedMs: answer.LastModified?.getTime() ?? 0 }
    await this.checkBucket(options)
    return null
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ListedObject> {
    if (prefix !== '') checkKey(prefix.replace(/\/$/, ''))
    let token: string | undefined
    do {
      const page = await this.listPage(prefix, token, options)
      for (const { Key, Size, LastModified } of page.Contents ?? []) {
        const key = Key?.startsWith(this.prefix) ? Key.slice(this.prefix.length) : ''
        if (key === '') continue
        // Folder markers and what other tools name as we never would.
        if ((!options.foreign && pathProblem(key) !== null) || key.split('/')[0] === reservedFolder) continue
        yield { key, sizeBytes: Size ?? 0, modifiedMs: LastModified?.getTime() ?? 0 }
      }
      const next = page.IsTruncated ? page.NextContinuationToken : undefined
      if (next !== undefined && next === token) {
        throw new HoldfastError('ORIGIN_UNAVAILABLE', `The listing of ${this.url} does not come to an end.`)
      }
      token = next
    } while (token !== undefined)
  }

  /** The key in the bucket. BAD_REQUEST for any that is not of an origin. */
  protected keyOf(key: string): string {
    checkKey(key)
    const full = `${this.prefix}${key}`
    if (Buffer.byteLength(full) <= pathBytesMax) return full
    throw new HoldfastError(
      'BAD_REQUEST',
      `With the prefix ${this.prefix}, an object key has over ${pathBytesMax} bytes.`,
    )
  }

  private async orNull<T>(read: () => Promise<T>): Promise<T | null> {
    try {
      const answer = await read()
      this.bucketSeen = true
      return answer
    } catch (error) {
      if (error instanceof HoldfastError && isMissing(error.cause)) return null
      throw error
    }
  }

  /** The answer to HEAD has no body that tells a missing object from a missing bucket. */
  private async checkBucket(options: StoreAbortOptions): Promise<void> {
    if (this.bucketSeen) return
    await this.listPage('', undefined, options, 1)
    this.bucketSeen = true
  }

  private listPage(prefix: string, token: string | undefined, options: StoreAbortOptions, MaxKeys = 1000) {
    return this.session.call(
      ({ client, sdk, bucket, abortSignal }) =>
        client.send(
          new sdk.ListObjectsV2Command({
            Bucket: bucket,
            Prefix: `${this.prefix}${prefix}`,
            MaxKeys,
            ...(token === undefined ? {} : { ContinuationToken: token }),
          }),
          { abortSignal },
        ),
      options,
    )
  }
}

function sizeOf(contentLength: number | undefined): number {
  if (Number.isSafeInteger(contentLength) && contentLength! >= 0) return contentLength!
  throw new BrokenAnswer('the answer has no length')
}
