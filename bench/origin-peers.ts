/** What moves the same file without us: aws-sdk's own upload and download where the origin is in S3, a copy where it is a folder. */
import { rm, stat } from 'node:fs/promises'
import { openBucketTool } from './bucket-tool.ts'
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

async function measureAwsSdk(originUrl: string, path: string): Promise<PeerFigures> {
  const { size } = await stat(path)
  const copyPath = `${path}.download`
  const bucket = await openBucketTool(originUrl)
  try {
    const pushMbps = await mbps(size, () => bucket.upload(path))
    const pullMbps = await mbps(size, () => bucket.download(copyPath))
    return { tool: 'aws-sdk', pushMbps, pullMbps }
  } finally {
    await bucket.end()
    await rm(copyPath, { force: true })
  }
}

async function mbps(sizeBytes: number, work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  await work()
  return sizeBytes / 1e3 / (performance.now() - startedMs)
}
