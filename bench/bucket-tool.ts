/** The upload and the download of aws-sdk itself, to measure ours beside. */
import { randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { parseS3Url } from '../origin/index.ts'

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
