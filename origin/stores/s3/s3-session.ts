/**
 * Talks to one bucket: loads the SDK when it is first used, bounds every request in time, and tries again what may succeed,
 * with full jitter and within a bound. The SDK's own retries are off: they wait where no signal reaches them.
 */
import { randomInt } from 'node:crypto'
import type { S3Client } from '@aws-sdk/client-s3'
import { HoldfastError, pause, TimeLimit } from '../../../common/index.ts'
import type { FileWork } from '../../../native/index.ts'
import { BrokenAnswer, isTransient, retryAfterMs, translateS3Error } from './s3-errors.ts'
import type { S3Options } from './s3-options.ts'
import type { S3Target } from './s3-url.ts'

export type S3Sdk = typeof import('@aws-sdk/client-s3')

export interface S3Call {
  readonly client: S3Client
  readonly sdk: S3Sdk
  readonly bucket: string
  /** Ends with the caller's patience or the request's time; also while a body is read. */
  readonly abortSignal: AbortSignal
  /** 0 for the first try of this request. */
  readonly failuresBefore: number
}

export interface S3CallOptions {
  readonly signal?: AbortSignal | undefined
  /** Bytes that go over the wire, for the time that the request may take. */
  readonly sizeBytes?: number
  readonly isWrite?: boolean
}

/** Longer than any request that is worth waiting for; timers end at 2^31 ms. */
const requestMsMax = 3_600_000

interface Loaded {
  readonly client: S3Client
  readonly sdk: S3Sdk
}

export class S3Session {
  readonly target: S3Target
  readonly options: S3Options
  private loading: Promise<Loaded> | null = null

  constructor(target: S3Target, options: S3Options) {
    this.target = target
    this.options = options
  }

  get work(): FileWork {
    return this.options.work
  }

  /** AWS itself is reached over TLS. */
  get isTls(): boolean {
    return this.target.endpoint === null || URL.parse(this.target.endpoint)?.protocol === 'https:'
  }

  /** As run(), and what it throws is translated. */
  async call<T>(attempt: (call: S3Call) => Promise<T>, options: S3CallOptions = {}): Promise<T> {
    try {
      return await this.run(attempt, options)
    } catch (error) {
      options.signal?.throwIfAborted()
      throw translateS3Error(error, this.target)
    }
  }

  /** The answer, or the last failure as the SDK threw it: for callers to whom some failures are answers. */
  async run<T>(attempt: (call: S3Call) => Promise<T>, options: S3CallOptions = {}): Promise<T> {
    const loaded = await this.load()
    const { clock } = this.options
    const startedMs = clock.nowMs()
    const giveUpMs = options.isWrite ? this.options.writeGiveUpMs : this.options.readGiveUpMs
    for (let failures = 0; ; failures++) {
      options.signal?.throwIfAborted()
      try {
        return await this.once(loaded, attempt, failures, options)
      } catch (error) {
        options.signal?.throwIfAborted()
        if (!isTransient(error) && !isSkewAtFirst(error, failures)) throw error
        const pauseMs = this.pauseMs(failures, error)
        if (clock.nowMs() - startedMs + pauseMs > giveUpMs) throw error
        this.options.onRetry?.({ error: String(error), pauseMs })
        await pause(clock, pauseMs, options.signal)
      }
    }
  }

  private async once<T>(
    loaded: Loaded,
    attempt: (call: S3Call) => Promise<T>,
    failuresBefore: number,
    options: S3CallOptions,
  ): Promise<T> {
    const { clock, idleTimeoutMs, minimumBytesPerS } = this.options
    // What a caller would take at most may be any number: the bound of a bound.
    const timeoutMs = Math.min(requestMsMax, idleTimeoutMs + ((options.sizeBytes ?? 0) / minimumBytesPerS) * 1000)
    using limit = new TimeLimit(clock, timeoutMs, options.signal)
    try {
      return await attempt({ ...loaded, bucket: this.target.bucket, abortSignal: limit.signal, failuresBefore })
    } catch (error) {
      // The SDK throws an error of its own whatever ended the request; the caller's signal is told by run().
      if (!limit.signal.aborted) throw error
      throw new BrokenAnswer(`no complete answer within ${Math.round(timeoutMs / 1000)} s`)
    }
  }

  private pauseMs(failures: number, error: unknown): number {
    const { retryBaseMs, retryPauseMsMax } = this.options
    const boundMs = Math.min(retryPauseMsMax, retryBaseMs * 2 ** failures)
    // At least a tenth, or a store that asks for mercy gets two requests at once.
    const jitteredMs = boundMs / 10 + randomInt(Math.max(1, Math.ceil(boundMs * 0.9)))
    return Math.max(jitteredMs, Math.min(retryAfterMs(error, this.options.clock.wallMs()), retryPauseMsMax))
  }

  private load(): Promise<Loaded> {
    this.loading ??= loadClient(this.target, this.options)
    return this.loading
  }
}

async function loadClient(target: S3Target, options: S3Options): Promise<Loaded> {
  let sdk: S3Sdk
  try {
    sdk = await import('@aws-sdk/client-s3')
  } catch (cause) {
    throw new HoldfastError('SYSTEM', 'The package @aws-sdk/client-s3 is not installed. Run npm install.', { cause })
  }
  const client = new sdk.S3Client({
    region: target.region,
    forcePathStyle: true,
    followRegionRedirects: true,
    maxAttempts: 1,
    // Bodies are signed or run over TLS, and every chunk is verified by its sha256: further checksums are refused by some stores.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { connectionTimeout: options.connectTimeoutMs, socketTimeout: options.idleTimeoutMs },
    ...(target.endpoint === null ? {} : { endpoint: target.endpoint }),
  })
  return { client, sdk }
}

/** The SDK sets its clock by the refusal; the next signature is right, unless time is not what is wrong. */
function isSkewAtFirst(error: unknown, failures: number): boolean {
  return failures === 0 && error instanceof Error && error.name === 'RequestTimeTooSkewed'
}
