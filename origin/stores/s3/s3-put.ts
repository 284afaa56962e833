/**
 * Writes one object: small ones by a single request, which may carry a condition, large ones in parts. An upload in parts
 * that fails is aborted, so that no bytes lie there that no listing shows; what a killed process leaves, gc removes.
 */
import { isHoldfastError } from '../../../common/index.ts'
import { mapLimited } from '../../concurrency.ts'
import { isMissing, isMissingUpload, isPreconditionFailure, isRefusal } from './s3-errors.ts'
import { payloadOf, signPayload } from './s3-payload.ts'
import type { S3Session } from './s3-session.ts'

/** S3's own bound. */
const partsMax = 10_000
/** Uploads begun for one object. Each waits as long as a read for its parts to be joined. */
const completionsMax = 3

export interface S3Condition {
  readonly IfMatch?: string
  readonly IfNoneMatch?: '*'
  /** Tells this write from any other of the same bytes, should its answer be lost. */
  readonly Metadata?: Readonly<Record<string, string>>
}

/** 'unclear': refused, but an earlier try of the same write whose answer was lost may be what stands in the way. */
export type PutOutcome = 'done' | 'refused' | 'unclear'

/** One PutObject. Failures other than a refused condition come as the SDK threw them. */
export async function putWhole(
  session: S3Session,
  key: string,
  pieces: readonly Uint8Array[],
  condition: S3Condition,
  signal?: AbortSignal,
): Promise<PutOutcome> {
  const payload = await payloadOf(pieces, session)
  let mayBeDone = false
  return session.run(
    async ({ client, sdk, bucket, abortSignal }) => {
      const object = { Bucket: bucket, Key: key, Body: payload.body(), ContentLength: payload.sizeBytes }
      try {
        const Metadata = { ...condition.Metadata }
        const command = new sdk.PutObjectCommand({ ...object, ...condition, Metadata })
        signPayload(command, payload)
        await client.send(command, { abortSignal })
        return 'done'
      } catch (error) {
        // 404: AWS says so of If-Match on what is not there.
        const isRefused = isPreconditionFailure(error) || (condition.IfMatch !== undefined && isMissing(error))
        if (isRefused) return mayBeDone ? 'unclear' : 'refused'
        mayBeDone ||= !isRefusal(error)
        throw error
      }
    },
    { signal, sizeBytes: payload.sizeBytes, isWrite: true },
  )
}

export async function putInParts(
  session: S3Session,
  key: string,
  pieces: readonly Uint8Array[],
  signal?: AbortSignal,
): Promise<void> {
  const sizeBytes = pieces.reduce((sum, piece) => sum + piece.length, 0)
  const partBytes = Math.max(session.options.partBytes, Math.ceil(sizeBytes / partsMax))
  for (let attempt = 1; ; attempt++) {
    const uploadId = await begin(session, key, signal)
    let isSent = false
    try {
      const etags: string[] = []
      await mapLimited(partsOf(pieces, partBytes), session.options.partsConcurrent, async ({ index, part }) => {
        etags[index] = await uploadPart(session, { key, uploadId, index, part }, signal)
      })
      isSent = true
      await complete(session, { key, uploadId, etags, sizeBytes }, signal)
      return
    } catch (error) {
      await abort(session, key, uploadId)
      // A store that died while it joined the parts may hold the upload locked for minutes; a new one it takes.
      if (!isSent || attempt === completionsMax || signal?.aborted || !isHoldfastError(error, 'ORIGIN_UNAVAILABLE')) {
        throw error
      }
    }
  }
}

async function begin(session: S3Session, key: string, signal?: AbortSignal): Promise<string> {
  return session.call(
    async ({ client, sdk, bucket, abortSignal }) => {
      const command = new sdk.CreateMultipartUploadCommand({ Bucket: bucket, Key: key })
      const { UploadId } = await client.send(command, { abortSignal })
      if (!UploadId) throw new Error('CreateMultipartUpload answers without an upload id')
      return UploadId
    },
    { signal, isWrite: true },
  )
}

async function uploadPart(
  session: S3Session,
  { key, uploadId, index, part }: { key: string; uploadId: string; index: number; part: readonly Uint8Array[] },
  signal?: AbortSignal,
): Promise<string> {
  const payload = await payloadOf(part, session)
  return session.call(
    async ({ client, sdk, bucket, abortSignal }) => {
      const command = new sdk.UploadPartCommand({
        Bucket: bucket,
        Key: key,
        UploadId: uploadId,
        PartNumber: index + 1,
        Body: payload.body(),
        ContentLength: payload.sizeBytes,
      })
      signPayload(command, payload)
      const { ETag } = await client.send(command, { abortSignal })
      if (!ETag) throw new Error('UploadPart answers without an ETag')
      return ETag
    },
    { signal, sizeBytes: payload.sizeBytes, isWrite: true },
  )
}

async function complete(
  session: S3Session,
  { key, uploadId, etags, sizeBytes }: { key: string; uploadId: string; etags: readonly string[]; sizeBytes: number },
  signal?: AbortSignal,
): Promise<void> {
  const Parts = etags.map((ETag, index) => ({ ETag, PartNumber: index + 1 }))
  await session.call(
    async ({ client, sdk, bucket, abortSignal, failuresBefore }) => {
      try {
        const command = new sdk.CompleteMultipartUploadCommand({
          Bucket: bucket,
          Key: key,
          UploadId: uploadId,
          MultipartUpload: { Parts },
        })
        await client.send(command, { abortSignal })
      } catch (error) {
        // The answer to an earlier try may have been lost after the store had done it.
        if (failuresBefore === 0 || !isMissingUpload(error)) throw error
        const head = await client.send(new sdk.HeadObjectCommand({ Bucket: bucket, Key: key }), { abortSignal })
        if (head.ContentLength !== sizeBytes) throw error
      }
    },
    { signal },
  )
}

/** Not under the caller's signal, which may be why we are here. gc removes what even this cannot. */
async function abort(session: S3Session, key: string, uploadId: string): Promise<void> {
  try {
    await session.run(({ client, sdk, bucket, abortSignal }) =>
      client.send(new sdk.AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId: uploadId }), {
        abortSignal,
      }),
    )
  } catch {
    // The first failure is the one to tell; this one leaves parts that gc finds by their age.
  }
}

interface Part {
  readonly index: number
  readonly part: readonly Uint8Array[]
}

/** Views of the pieces, cut every `partBytes`. */
function* partsOf(pieces: readonly Uint8Array[], partBytes: number): Generator<Part> {
  let part: Uint8Array[] = []
  let roomBytes = partBytes
  let index = 0
  for (let piece of pieces) {
    while (piece.length > 0) {
      const view = piece.subarray(0, roomBytes)
      part.push(view)
      roomBytes -= view.length
      piece = piece.subarray(view.length)
      if (roomBytes > 0) continue
      yield { index: index++, part }
      part = []
      roomBytes = partBytes
    }
  }
  if (part.length > 0) yield { index, part }
}
