/**
 * Reads manifests of others without holding up who is served meanwhile: a large one is checked on a thread of its own, one at a time, and
 * only what has passed becomes values here.
 */
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { type ErrorCode, HoldfastError, type ModelId } from '../../common/index.ts'
import type { Manifest } from '../types.ts'
import { parseManifestOf } from './manifest.ts'
import type { ManifestLimits } from './manifest-limits.ts'

export interface ManifestTask {
  readonly digest: ModelId
  readonly bytes: Uint8Array
  readonly limits: ManifestLimits
}

export type ManifestVerdict =
  | { readonly isGood: true }
  | { readonly isGood: false; readonly code: ErrorCode; readonly message: string }

/** Manifests up to this size are read on this thread, in some milliseconds. */
const readHereBytesMax = 256 * 1024
/** Values of the largest manifest that may be read, and the text beside them. */
const threadHeapMb = 1_024

let last: Promise<unknown> = Promise.resolve()

/** As parseManifestOf: DIGEST_MISMATCH, BAD_MANIFEST. */
export async function readManifest(task: ManifestTask): Promise<Manifest> {
  const { digest, bytes, limits } = task
  if (bytes.length <= readHereBytesMax || bytes.length > limits.manifestBytesMax)
    return parseManifestOf(digest, bytes, limits)
  const verdict = last.then(() => checkApart(task))
  last = verdict.catch(() => {})
  const checked = await verdict
  if (!checked.isGood) throw new HoldfastError(checked.code, checked.message)
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')) as Manifest
}

async function checkApart(task: ManifestTask): Promise<ManifestVerdict> {
  const { promise, resolve, reject } = Promise.withResolvers<ManifestVerdict>()
  const thread = new Worker(new URL(`./manifest-thread${extname(import.meta.url)}`, import.meta.url), {
    workerData: task,
    resourceLimits: { maxOldGenerationSizeMb: threadHeapMb },
  })
  thread.once('message', resolve)
  thread.once('error', (error: Error & { code?: string }) => {
    if (error.code !== 'ERR_WORKER_OUT_OF_MEMORY') return reject(error)
    const message = `The manifest sha256:${task.digest} takes more than ${threadHeapMb} MiB to read.`
    resolve({ isGood: false, code: 'BAD_MANIFEST', message })
  })
  thread.once('exit', () => reject(new Error('the thread that reads manifests ended without a word')))
  try {
    return await promise
  } finally {
    await thread.terminate()
  }
}
