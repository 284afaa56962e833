/**
 * A file on its way in: verified chunks are written in order to a hidden file, which moves to its place when it is whole and
 * its own sha256 is right. What an interrupted pull has left is hashed again and kept as far as it is right.
 */
import { createHash, webcrypto } from 'node:crypto'
import { constants, type FileHandle, mkdir, open, rename, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { HoldfastError } from '../../common/index.ts'
import { hashFile } from '../push/file-hash.ts'
import { errnoOf } from '../stores/file/errno.ts'
import type { Chunk, ManifestFile } from '../types.ts'

/** Reads one chunk from wherever; what it returns is not trusted. */
export type ReadChunk = (offsetBytes: number, sizeBytes: number) => Promise<Uint8Array>

export interface PartialFileOptions {
  /** Chunks of one file that are read at one time; each is up to 8 MiB of memory. */
  readonly chunksConcurrent: number
  readonly signal?: AbortSignal
  /** Called for every chunk that lies in the file; `kept` when an earlier pull had written it. */
  readonly onChunk: (sizeBytes: number, kept: boolean) => void
}

/** Fills `path` with the file's bytes. DIGEST_MISMATCH leaves no wrong byte behind. */
export async function fillPartialFile(
  path: string,
  file: ManifestFile,
  read: ReadChunk,
  options: PartialFileOptions,
): Promise<void> {
  const handle = await openPartial(path)
  try {
    const { size: heldBytes } = await handle.stat()
    // Only what is surely garbage goes: another pull may be writing the same verified bytes to the same file.
    if (heldBytes > file.sizeBytes) await handle.truncate(file.sizeBytes)
    const fileHash = createHash('sha256')
    for await (const { bytes, offsetBytes, kept } of verifiedChunks(handle, heldBytes, file, read, options)) {
      if (!kept) await writeFully(handle, bytes, offsetBytes)
      fileHash.update(bytes)
      options.onChunk(bytes.length, kept)
    }
    if (fileHash.digest('hex') !== file.sha256) {
      await unlink(path)
      throw mismatch(
        file,
        'The chunks are those of the manifest, but together they are not the file. Push the model again.',
      )
    }
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Name of the partial file of `file`: two paths with the same content are two files on their way. */
export function partialName(file: ManifestFile): string {
  return `${file.sha256}.${createHash('sha256').update(file.path).digest('hex').slice(0, 8)}`
}

/** Moves the whole file into place. Another pull of the same file may have done so already. */
export async function placePartialFile(path: string, target: string, file: ManifestFile): Promise<void> {
  try {
    await rename(path, target)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' || (await hashFile(target)) !== file.sha256) throw error
  }
}

async function openPartial(path: string): Promise<FileHandle> {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW
  for (;;) {
    try {
      return await open(path, flags, 0o644)
    } catch (error) {
      // The first file, or another pull has just finished and removed the empty folder.
      if (errnoOf(error) !== 'ENOENT') throw error
      await mkdir(dirname(path), { recursive: true })
    }
  }
}

interface VerifiedChunk {
  readonly bytes: Uint8Array
  readonly offsetBytes: number
  readonly kept: boolean
}

/** In file order, reading ahead. */
async function* verifiedChunks(
  handle: FileHandle,
  heldBytes: number,
  file: ManifestFile,
  read: ReadChunk,
  options: PartialFileOptions,
): AsyncGenerator<VerifiedChunk> {
  const running: Promise<VerifiedChunk>[] = []
  let nextIndex = 0
  let nextOffsetBytes = 0
  const startOne = () => {
    const chunk = file.chunks[nextIndex]!
    const offsetBytes = nextOffsetBytes
    const loading = loadChunk(handle, heldBytes, file, chunk, offsetBytes, read)
    loading.catch(() => {}) // Reported when its turn comes.
    running.push(loading)
    nextIndex++
    nextOffsetBytes += chunk.sizeBytes
  }
  try {
    for (;;) {
      options.signal?.throwIfAborted()
      while (running.length < options.chunksConcurrent && nextIndex < file.chunks.length) startOne()
      const first = running[0]
      if (!first) return
      yield await first
      running.shift()
    }
  } finally {
    await Promise.allSettled(running) // The handle must not close under a running read.
  }
}

async function loadChunk(
  handle: FileHandle,
  heldBytes: number,
  file: ManifestFile,
  chunk: Chunk,
  offsetBytes: number,
  read: ReadChunk,
): Promise<VerifiedChunk> {
  if (offsetBytes + chunk.sizeBytes <= heldBytes) {
    const held = Buffer.allocUnsafeSlow(chunk.sizeBytes)
    const { bytesRead } = await handle.read(held, 0, held.length, offsetBytes)
    if (bytesRead === held.length && (await isChunk(held, chunk))) return { bytes: held, offsetBytes, kept: true }
  }
  const bytes = await read(offsetBytes, chunk.sizeBytes)
  if (await isChunk(bytes, chunk)) return { bytes, offsetBytes, kept: false }
  throw mismatch(
    file,
    `The ${chunk.sizeBytes} bytes from ${offsetBytes} do not have the sha256 ${chunk.sha256}. Push the model again.`,
  )
}

/** On a thread of the pool, while this one hashes the file. */
async function isChunk(bytes: Uint8Array, chunk: Chunk): Promise<boolean> {
  if (bytes.length !== chunk.sizeBytes) return false
  const digest = await webcrypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)
  return Buffer.from(digest).toString('hex') === chunk.sha256
}

async function writeFully(handle: FileHandle, bytes: Uint8Array, offsetBytes: number): Promise<void> {
  for (let doneBytes = 0; doneBytes < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, doneBytes, bytes.length - doneBytes, offsetBytes + doneBytes)
    doneBytes += bytesWritten
  }
}

function mismatch(file: ManifestFile, why: string): HoldfastError {
  return new HoldfastError('DIGEST_MISMATCH', `${file.path}: ${why}`, {
    details: { path: file.path, sha256: file.sha256 },
  })
}
