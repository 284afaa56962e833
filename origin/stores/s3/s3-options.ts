/** What an S3 origin may cost in memory and in waiting: each bound with its default and its reason. */

import type { Clock } from '../../../common/index.ts'
import type { FileWork } from '../../../native/index.ts'
import { nodeFileWork } from '../../bytes/node-file-work.ts'

const MiB = 1024 * 1024

export interface S3Options {
  /** Of all times but connectTimeoutMs, and of the silence between two pieces of a body, which the socket's own timer measures. */
  readonly clock: Clock
  /** Hashes what is written. */
  readonly work: FileWork
  /** Objects above this go up as a multipart upload of parts of this size. S3 takes no part below 5 MiB. */
  readonly partBytes: number
  /** Parts of one object in flight. */
  readonly partsConcurrent: number
  /** An endpoint that does not take a connection within this time is not there. */
  readonly connectTimeoutMs: number
  /** A connection on which nothing moves for so long is given up and the request made anew. */
  readonly idleTimeoutMs: number
  /** One request may take idleTimeoutMs plus its bytes at this rate: a trickle is as good as silence. */
  readonly minimumBytesPerS: number
  /** A read that keeps failing is told after this time: a reader can often turn to a peer. */
  readonly readGiveUpMs: number
  /** A write is more patient: behind it is a push of hours, and a store that restarts is back within a minute. */
  readonly writeGiveUpMs: number
  /** First pause between two tries; doubles with every failure, and a random part of it is waited (full jitter). */
  readonly retryBaseMs: number
  /** Longest pause, also when the store asks for more by Retry-After. */
  readonly retryPauseMsMax: number
  /** 'probe' finds out whether the store honours If-Match and If-None-Match; 'never' uses intents in any case. */
  readonly conditionalWrites: 'probe' | 'never'
  /** Without conditional writes: an intent of a writer that is silent for so long is passed over. */
  readonly intentLeaseMs: number
  /** Before each pause; for logs, metrics and tests. */
  readonly onRetry?: (retry: { readonly error: string; readonly pauseMs: number }) => void
}

export const defaultS3Options: Omit<S3Options, 'clock'> = {
  partBytes: 16 * MiB,
  work: nodeFileWork,
  partsConcurrent: 4,
  connectTimeoutMs: 5_000,
  idleTimeoutMs: 20_000,
  minimumBytesPerS: 64 * 1024,
  readGiveUpMs: 15_000,
  writeGiveUpMs: 120_000,
  retryBaseMs: 100,
  retryPauseMsMax: 5_000,
  conditionalWrites: 'probe',
  intentLeaseMs: 60_000,
}
