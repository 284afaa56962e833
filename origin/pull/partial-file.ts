/**
 * A file on its way in: verified chunks are written to a hidden file, several at a time, which moves to its place when all of them lie
 * there. What an interrupted pull has left is hashed again and kept as far as it is right.
 *
 * Each byte is hashed once: the chunks are those of the manifest, in its order, so together they are the file.
 */
import { createHash } from 'node:crypto'
import { constants, type FileHandle, open, rename, unlink } from 'node:fs/promises'
import { HoldfastError, type Sha256 } from '../../common/index.ts'
import type { FileWork } from '../../native/index.ts'
import { mapLimited } from '../concurrency.ts'
import { errnoOf } from '../stores/file/errno.ts'
import type { Extent, ManifestFile } from '../types.ts'
import { hasContentOf } from './file-content.ts'
import { type PlacedChunk, placedChunks, planRuns, type Run } from './read-plan.ts'
import type { WriteRun } from './run-source.ts'

export interface PartialFileOptions {
  readonly work: FileWork
  /** Reads of one file under way at one time. */
  readonly readsConcurrent: number
  /** Bytes of neighbouring chunks that are read in one go; a chunk has up to 8 MiB. */
  readonly readBytesMax: number
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
  source: { readonly extents: readonly Extent[]; readonly write: WriteRun },
  options: PartialFileOptions,
): Promise<void> {
  checkName(file)
  const handle = await openPartial(path, options.makeFolder)
  try {
    const { size: heldBytes } = await handle.stat()
    // Only what is surely garbage goes: another pull may be writing the same verified bytes to the same file.
    if (heldBytes > file.sizeBytes) await handle.truncate(file.sizeBytes)
    await new Filling(handle, heldBytes, file, source, options).run()
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
export async function placePartialFile(
  path: string,
  target: string,
  file: ManifestFile,
  work: FileWork,
): Promise<void> {
  try {
    await rename(path, target)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' || !(await hasContentOf(target, file, work))) throw error
  }
}

/** The digest of a file of one chunk, or of none, is known without hashing it. */
function checkName(file: ManifestFile): void {
  const [first, second] = file.chunks
  if (second !== undefined || file.sha256 === (first?.sha256 ?? createHash('sha256').digest('hex'))) return
  throw mismatch(file, 'The chunk is that of the manifest, but it is not the file. Push the model again.')
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

class Filling {
  private readonly fd: number
  private readonly heldBytes: number
  private readonly file: ManifestFile
  private readonly source: { readonly extents: readonly Extent[]; readonly write: WriteRun }
  private readonly options: PartialFileOptions
  /** First places of contents that occur more than once: they are fetched once. */
  private readonly firstPlaces = new Map<Sha256, number>()
  private readonly again: PlacedChunk[] = []

  constructor(
    handle: FileHandle,
    heldBytes: number,
    file: ManifestFile,
    source: { readonly extents: readonly Extent[]; readonly write: WriteRun },
    options: PartialFileOptions,
  ) {
    this.fd = handle.fd
    this.heldBytes = heldBytes
    this.file = file
    this.source = source
    this.options = options
  }

  async run(): Promise<void> {
    const { readBytesMax, readsConcurrent } = this.options
    const firsts = placedChunks(this.file.chunks).filter((chunk) => this.isFirst(chunk))
    const runs = planRuns(firsts, this.source.extents, readBytesMax)
    await mapLimited(runs, readsConcurrent, (run) => this.bringRun(run))
    await mapLimited(this.again, readsConcurrent, (chunk) => this.bringAgain(chunk))
    this.options.signal?.throwIfAborted()
  }

  private isFirst(chunk: PlacedChunk): boolean {
    if (!this.firstPlaces.has(chunk.sha256)) {
      this.firstPlaces.set(chunk.sha256, chunk.offsetBytes)
      return true
    }
    this.again.push(chunk)
    return false
  }

  private async bringRun(run: Run): Promise<void> {
    this.options.signal?.throwIfAborted()
    const missing: PlacedChunk[] = []
    for (const chunk of run) {
      if (await this.isHeld(chunk)) this.options.onChunk(chunk.sizeBytes, true)
      else missing.push(chunk)
    }
    if (missing.length === run.length) return this.write(run)
    for (const chunk of missing) await this.write([chunk])
  }

  private async bringAgain(chunk: PlacedChunk): Promise<void> {
    this.options.signal?.throwIfAborted()
    const { work, onChunk } = this.options
    if (await this.isHeld(chunk)) return onChunk(chunk.sizeBytes, true)
    const { sha256, sizeBytes } = chunk
    const from = { fd: this.fd, offsetBytes: this.firstPlaces.get(sha256)!, sizeBytes }
    if ((await work.copyVerified(from, sha256, this.placeOf(chunk))) === 'copied') return onChunk(sizeBytes, true)
    await this.write([chunk])
  }

  private async write(run: Run): Promise<void> {
    const { work, onChunk, signal } = this.options
    const wrong = await this.source.write(run, { work, placeOf: (chunk) => this.placeOf(chunk), onChunk, signal })
    if (wrong === null) return
    throw mismatch(
      this.file,
      `The ${wrong.sizeBytes} bytes from ${wrong.offsetBytes} do not have the sha256 ${wrong.sha256}. Push the model again.`,
    )
  }

  private async isHeld({ offsetBytes, sizeBytes, sha256 }: PlacedChunk): Promise<boolean> {
    if (offsetBytes + sizeBytes > this.heldBytes) return false
    return (await this.options.work.hashRange({ fd: this.fd, offsetBytes, sizeBytes })) === sha256
  }

  /** Beyond `heldBytes` the file has only what this pull has written, and zeros. */
  private placeOf({ offsetBytes }: PlacedChunk) {
    return { fd: this.fd, offsetBytes, zerosFromBytes: this.heldBytes }
  }
}

function mismatch(file: ManifestFile, why: string): HoldfastError {
  return new HoldfastError('DIGEST_MISMATCH', `${file.path}: ${why}`, {
    details: { path: file.path, sha256: file.sha256 },
  })
}
