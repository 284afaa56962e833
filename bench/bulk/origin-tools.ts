/** What one would move a model with, from and to a folder or a bucket, and the sha256 of what came. */
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { parseS3Url } from '../../origin/index.ts'

const run = promisify(execFile)

export async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  await work()
  return (performance.now() - startedMs) / 1000
}

export async function hashFile(path: string): Promise<void> {
  await run('openssl', ['dgst', '-sha256', path])
}

/** The copy is on the disk and hashed: at the same time, as far as the machine can. */
export async function copyAndHash(path: string, copy: string): Promise<void> {
  await run('cp', [path, copy])
  await Promise.all([run('sync', [copy]), hashFile(copy)])
}

export interface BucketTool {
  upload(path: string): Promise<unknown>
  /** To the disk. */
  download(path: string): Promise<void>
  end(): Promise<void>
}

/** One object, by one request each way: what aws-sdk does when nobody tells it more. */
export async function openBucketTool(originUrl: string): Promise<BucketTool> {
  const { S3Client, PutObjectCommand, GetObjectCommand, DeleteObjectCommand } = await import('@aws-sdk/client-s3')
  const { bucket, prefix, endpoint, region } = parseS3Url(originUrl)
  const client = new S3Client({
    region,
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    ...(endpoint === null ? {} : { endpoint }),
  })
  const object = { Bucket: bucket, Key: `${prefix}tool/${randomUUID()}` }
  return {
    upload: async (path) => {
      const { size } = await stat(path)
      return client.send(new PutObjectCommand({ ...object, Body: createReadStream(path), ContentLength: size }))
    },
    download: async (path) => {
      const { Body } = await client.send(new GetObjectCommand(object))
      await pipeline(Body as Readable, createWriteStream(path, { flush: true }))
    },
    end: async () => {
      await client.send(new DeleteObjectCommand(object))
      client.destroy()
    },
  }
}
