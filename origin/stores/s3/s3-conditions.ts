/**
 * Finds out by trying whether a store honours conditional writes, since one that does not know a header ignores it, and
 * silence would cost a lost update:
 *
 *   PUT If-None-Match: *   on a new key       must be done
 *   PUT If-None-Match: *   once more          must be refused
 *   PUT If-Match: another  quoted and bare    must be refused
 *   PUT If-Match: its own  quoted, else bare  must be done, and tells how this store wants it
 *
 * Only a store that passes all of it is used so; any other gets intents (s3-intents.ts).
 */
import { randomUUID } from 'node:crypto'
import { reservedFolder } from '../object-key.ts'
import { isUnsupported } from './s3-errors.ts'
import { putWhole, type S3Condition } from './s3-put.ts'
import type { S3Session } from './s3-session.ts'

/** How the store takes an ETag in If-Match: RFC 9110 has quotes, Ceph compares without. null: it has no such writes. */
export type ConditionalWrites = { readonly ifMatch: 'quoted' | 'bare' } | null

const foreignEtag = '0123456789abcdef0123456789abcdef'

export async function probeConditionalWrites(session: S3Session, signal?: AbortSignal): Promise<ConditionalWrites> {
  const key = `${session.target.prefix}${reservedFolder}/probes/${randomUUID()}`
  const put = (condition: S3Condition) => tryPut(session, key, condition, signal)
  try {
    if (!(await put({ IfNoneMatch: '*' })) || (await put({ IfNoneMatch: '*' }))) return null
    if ((await put({ IfMatch: quoted(foreignEtag) })) || (await put({ IfMatch: foreignEtag }))) return null
    const etag = await etagOf(session, key, signal)
    if (await put({ IfMatch: quoted(etag) })) return { ifMatch: 'quoted' }
    return (await put({ IfMatch: bare(etag) })) ? { ifMatch: 'bare' } : null
  } finally {
    await session.call(
      ({ client, sdk, bucket, abortSignal }) =>
        client.send(new sdk.DeleteObjectCommand({ Bucket: bucket, Key: key }), { abortSignal }),
      { signal },
    )
  }
}

export const bare = (etag: string): string => etag.replace(/^"|"$/g, '')
export const quoted = (etag: string): string => `"${bare(etag)}"`

/** The same bytes each time, so that the ETag stays whatever the store makes it of. */
async function tryPut(session: S3Session, key: string, condition: S3Condition, signal?: AbortSignal): Promise<boolean> {
  try {
    return (await putWhole(session, key, [Buffer.from('holdfast')], condition, signal)) === 'done'
  } catch (error) {
    if (isUnsupported(error)) return false
    throw error
  }
}

async function etagOf(session: S3Session, key: string, signal?: AbortSignal): Promise<string> {
  const head = await session.call(
    ({ client, sdk, bucket, abortSignal }) =>
      client.send(new sdk.HeadObjectCommand({ Bucket: bucket, Key: key }), { abortSignal }),
    { signal },
  )
  return head.ETag ?? ''
}
