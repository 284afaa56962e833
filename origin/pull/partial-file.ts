/**
 * A file on its way in: verified chunks are written in order to a hidden file, which moves to its place when it is whole and
 * its own sha256 is right. What an interrupted pull has left is hashed again and kept as far as it is right.
 */
import { createHash, webcrypto } from 'node:crypto'
import { constants, type FileHandle, open, rename, unlink } from 'node:fs/promises'
import { HoldfastError, type Sha256 } from '../../common/index.ts'
import { hashFile } from '../files/file-hash.ts'
import { isZero } from '../files/zeros.ts'
import { errnoOf } from '../stores/file/errno.ts'
import type { Chunk, ManifestFile } from '../types.ts'

/** Reads one chunk from wherever; what it returns is not trusted. */
export type ReadChunk = (offsetBytes: number, sizeBytes: number) => Promise<Uint8Array>

export interface PartialFileOptions {
  /** Chunks of one file that are read at one time; each is up to 8 MiB of memory. */
  readonly chunksConcurrent: number
  readonly signal?: AbortSignal
  /** Makes the folder of the partial file. Another pull that has just finished may have removed it. */
  readonly makeFolder: () => Promise<void>
  /** Called for every chunk that lies in the file; `kept` when it was not read for this: an earlier pull, or this file, had it. */
  readonly onChunk: (sizeBytes: number, kept: boolean) => void
}

/** Fills `path` with the file's bytes. DIGEST_MISMATCH leaves no wrong byte behind. */
export async function fillPartialFile(
  path: string,
  file: ManifestFile,
  read: ReadChunk,
  options: PartialFileOptions,
): Promise<void> {
  const handle = await openPartial(path, options.makeFolder)
  try {
    const { size: heldBytes } = await handle.stat()
    // Only what is surely garbage goes: another pull may be writing the same verified bytes to the same file.
    if (heldBytes > file.sizeBytes) await handle.truncate(file.sizeBytes)
    const fileHash = createHash('sha256')
    for await (const { bytes, offsetBytes, kept, repeated } of verifiedChunks(handle, heldBytes, file, read, options)) {
      if (!kept) await writeSparse(handle, bytes, offsetBytes, heldBytes)
      fileHash.update(bytes)
      options.onChunk(bytes.length, kept || (repeated ?? false))
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

async function openPartial(path: string, makeFolder: () => Promise<void>): Promise<FileHandle> {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK
  for (;;) {
    let handle: FileHandle
    try {
      handle = await open(path, flags, 0o644)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') await makeFolder()
      else if (errnoOf(error) === 'ELOOP') await unlink(path)
      else throw error
      continue
    }
    const entry = await handle.stat()
    if (entry.isFile() && entry.nlink === 1) return handle
    // Somebody's own file under a second name, or none at all: it is not written to.
    await handle.close()
    if (entry.nlink > 0) await unlink(path)
  }
}

interface VerifiedChunk {
  readonly bytes: Uint8Array
  readonly offsetBytes: number
  readonly kept: boolean
  /** Fetched once already, for another place of this file. */
  readonly repeated?: boolean
}

/** Content that occurs more than once in a file is fetched once: it is on its way, or lies in the file already. */
class RepeatedChunks {
  private readonly handle: FileHandle
  private readonly repeated: ReadonlySet<Sha256>
  private readonly loading = new Map<Sha256, Promise<VerifiedChunk>>()
  private readonly written = new Map<Sha256, number>()

  constructor(handle: FileHandle, chunks: readonly Chunk[]) {
    this.handle = handle
    const seen = new Set<Sha256>()
    this.repeated = new Set(chunks.map(({ sha256 }) => sha256).filter((sha256) => seen.size === seen.add(sha256).size))
  }

  load(chunk: Chunk, offsetBytes: number, loadNew: () => Promise<VerifiedChunk>): Promise<VerifiedChunk> {
    if (!this.repeated.has(chunk.sha256)) return loadNew()
    const before = this.loading.get(chunk.sha256)
    const loading = before === undefined ? this.again(chunk, offsetBytes, loadNew) : after(before, offsetBytes)
    if (before === undefined) this.loading.set(chunk.sha256, loading)
    return loading
  }

  isWritten(chunk: Chunk, offsetBytes: number): void {
    if (!this.repeated.has(chunk.sha256)) return
    this.written.set(chunk.sha256, offsetBytes)
    // The bytes themselves are let go.
    this.loading.delete(chunk.sha256)
  }

  private async again(chunk: Chunk, offsetBytes: number, loadNew: () => Promise<VerifiedChunk>) {
    const from = this.written.get(chunk.sha256)
    if (from !== undefined) {
      const bytes = Buffer.allocUnsafeSlow(chunk.sizeBytes)
      const { bytesRead } = await this.handle.read(bytes, 0, bytes.length, from)
      if (bytesRead === bytes.length && (await isChunk(bytes, chunk)))
        return { bytes, offsetBytes, kept: false, repeated: true }
    }
    return loadNew()
  }
}

async function after(before: Promise<VerifiedChunk>, offsetBytes: number): Promise<VerifiedChunk> {
  const { bytes } = await before
  return { bytes, offsetBytes, kept: false, repeated: true }
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
  const repeats = new RepeatedChunks(handle, file.chunks)
  let nextIndex = 0
  let nextOffsetBytes = 0
  const startOne = () => {
    const chunk = file.chunks[nextIndex]!
    const offsetBytes = nextOffsetBytes
    const loading = repeats.load(chunk, offsetBytes, () => loadChunk(handle, heldBytes, file, chunk, offsetBytes, read))
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
      const done = await first
      yield done
      // Written now.
      repeats.isWritten(file.chunks[nextIndex - running.length]!, done.offsetBytes)
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

/** Runs of zeros of this length stay holes of the file: a multiple of what file systems allot. */
const holeBytes = 64 * 1024

/** Beyond `heldBytes` the file has only what this pull has written, and zeros. */
async function writeSparse(
  handle: FileHandle,
  bytes: Uint8Array,
  offsetBytes: number,
  heldBytes: number,
): Promise<void> {
  let start = 0
  for (let at = 0; at < bytes.length; at += holeBytes) {
    const endBytes = Math.min(at + holeBytes, bytes.length)
    if (offsetBytes + at < heldBytes || !isZero(bytes.subarray(at, endBytes))) continue
    await writeFully(handle, bytes.subarray(start, at), offsetBytes + start)
    // Its last byte is written, so that the file reaches as far; a truncate could cut off what another pull has written.
    start = endBytes === bytes.length ? endBytes - 1 : endBytes
  }
  await writeFully(handle, bytes.subarray(start), offsetBytes + start)
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
