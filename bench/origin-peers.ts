/** What moves the same file without us: aws-sdk's own upload and download where the origin is in S3, a copy where it is a folder. */
import { randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { parseS3Url } from '../origin/index.ts'
import { copyMbps } from './limits.ts'

export interface PeerFigures {
  readonly tool: string
  readonly pushMbps: number
  readonly pullMbps: number
}

export async function measurePeer(originUrl: string, path: string): Promise<PeerFigures> {
  if (originUrl.startsWith('s3:')) return measureAwsSdk(originUrl, path)
  return { tool: 'cp', pushMbps: await copyMbps(path), pullMbps: await copyMbps(path) }
}

/** One PutObject of a stream, one GetObject to a file: what the SDK does when nobody tells it more. */
async function measureAwsSdk(originUrl: string, path: string): Promise<PeerFigures> {
  const { S3Client, PutObjectCommand, GetObjectCommand, DeleteObjectCommand } = await import('@aws-sdk/client-s3')
  const { bucket, prefix, endpoint, region } = parseS3Url(originUrl)
  const client = new S3Client({
    region,
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    ...(endpoint === null ? {} : { endpoint }),
  })
  const object = { Bucket: bucket, Key: `${prefix}peer/${randomUUID()}` }
  const { size } = await stat(path)
  const copyPath = `${path}.download`
  try {
    const pushMbps = await mbps(size, () =>
      client.send(new PutObjectCommand({ ...object, Body: createReadStream(path), ContentLength: size })),
    )
    const pullMbps = await mbps(size, async () => {
      const { Body } = await client.send(new GetObjectCommand(object))
      await pipeline(Body as Readable, createWriteStream(copyPath, { flush: true }))
    })
    return { tool: 'aws-sdk', pushMbps, pullMbps }
  } finally {
    await client.send(new DeleteObjectCommand(object))
    client.destroy()
    await rm(copyPath, { force: true })
  }
}

async function mbps(sizeBytes: number, work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  await work()
  return sizeBytes / 1e3 / (performance.now() - startedMs)
}
