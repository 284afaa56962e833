/**
 * Reads one file of a push once, chunk by chunk, and notices when somebody writes to it meanwhile (FILE_CHANGED).
 * The next chunk is read while the caller works on the current one.
 */
import { constants, type FileHandle, open, stat } from 'node:fs/promises'
import { HoldfastError } from '../../common/index.ts'
import { fileFailure, onFile } from '../files/file-failure.ts'
import type { SourceFile } from '../files/source-walk.ts'
import { errnoOf } from '../stores/file/errno.ts'

interface FileState {
  readonly size: bigint
  readonly mtimeNs: bigint
  readonly ino: bigint
}

export class OpenSourceFile {
  private readonly source: SourceFile
  private readonly handle: FileHandle
  private readonly before: FileState

  private constructor(source: SourceFile, handle: FileHandle, before: FileState) {
    this.source = source
    this.handle = handle
    this.before = before
  }

  static async open(source: SourceFile): Promise<OpenSourceFile> {
    // The path has no links: what is one now, or a pipe that nobody writes to, was put there since.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
    const handle = await open(source.absolutePath, flags).catch((cause: unknown) => {
      const isGone = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'].includes(errnoOf(cause) ?? '')
      throw isGone ? changedFile(source, cause) : fileFailure(cause, source.userPath, 'read')
    })
    try {
      const entry = await onFile(source.userPath, 'read', () => handle.stat({ bigint: true }))
      if (entry.isFile() && entry.size === BigInt(source.sizeBytes)) return new OpenSourceFile(source, handle, entry)
      throw changedFile(source)
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /** Exactly that many bytes. */
  readonly readAt = (offsetBytes: number, sizeBytes: number): Promise<Uint8Array> =>
    this.readInto(Buffer.allocUnsafeSlow(sizeBytes), offsetBytes)

  private async readInto(bytes: Uint8Array, offsetBytes: number): Promise<Uint8Array> {
    const sizeBytes = bytes.length
    await onFile(this.source.userPath, 'read', async () => {
      for (let doneBytes = 0; doneBytes < sizeBytes; ) {
        const { bytesRead } = await this.handle.read(bytes, doneBytes, sizeBytes - doneBytes, offsetBytes + doneBytes)
        if (bytesRead === 0) throw changedFile(this.source)
        doneBytes += bytesRead
      }
    })
    return bytes
  }

  /** Each is the caller's until it asks for the next: two buffers are used in turn. */
  async *chunks(sizes: readonly number[]): AsyncGenerator<Uint8Array> {
    const sizeBytesMax = sizes.reduce((max, size) => Math.max(max, size), 0)
    const buffers = [Buffer.allocUnsafeSlow(sizeBytesMax), Buffer.allocUnsafeSlow(sizes.length > 1 ? sizeBytesMax : 0)]
    let offsetBytes = 0
    const start = (index: number): Promise<Uint8Array> => {
      const reading = this.readInto(buffers[index % 2]!.subarray(0, sizes[index]!), offsetBytes)
      reading.catch(() => {}) // Reported when it is awaited, one turn later.
      offsetBytes += sizes[index]!
      return reading
    }
    let next: Promise<Uint8Array> | null = null
    try {
      for (let i = 0; i < sizes.length; i++) {
        const bytes: Uint8Array = await (next ?? start(i))
        next = i + 1 < sizes.length ? start(i + 1) : null
        yield bytes
      }
    } finally {
      await next?.catch(() => {}) // The caller stopped early: the handle must not close under a running read.
    }
  }

  /** Throws FILE_CHANGED unless the file is as it was when it was opened, under its name too. */
  async checkUnchanged(): Promise<void> {
    let now: FileState
    try {
      now = await stat(this.source.absolutePath, { bigint: true })
    } catch (cause) {
      throw changedFile(this.source, cause)
    }
    const { size, mtimeNs, ino } = this.before
    if (now.size !== size || now.mtimeNs !== mtimeNs || now.ino !== ino) throw changedFile(this.source)
  }

  /** checkUnchanged() may still be called afterwards. */
  async close(): Promise<void> {
    await this.handle.close()
  }
}

function changedFile({ path, userPath }: SourceFile, cause?: unknown): HoldfastError {
  return new HoldfastError(
    'FILE_CHANGED',
    `${userPath} changed while it was pushed. Push again when nothing writes to it.`,
    { details: { path }, cause },
  )
}
