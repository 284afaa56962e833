/**
 * Reads one file of a push once, chunk by chunk, and notices when somebody writes to it meanwhile (FILE_CHANGED).
 * The next chunk is read while the caller works on the current one.
 */
import { type FileHandle, open, stat } from 'node:fs/promises'
import { HoldfastError } from '../../common/index.ts'
import type { SourceFile } from './source-walk.ts'

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
    const handle = await open(source.absolutePath, 'r').catch((cause: Error) => {
      throw new HoldfastError('BAD_REQUEST', `${source.path} cannot be read: ${cause.message}.`, { cause })
    })
    const before = await handle.stat({ bigint: true })
    const file = new OpenSourceFile(source, handle, before)
    if (before.size !== BigInt(source.sizeBytes)) {
      await handle.close()
      throw file.changed()
    }
    return file
  }

  /** Exactly that many bytes. */
  readonly readAt = (offsetBytes: number, sizeBytes: number): Promise<Uint8Array> =>
    this.readInto(Buffer.allocUnsafeSlow(sizeBytes), offsetBytes)

  private async readInto(bytes: Uint8Array, offsetBytes: number): Promise<Uint8Array> {
    const sizeBytes = bytes.length
    for (let doneBytes = 0; doneBytes < sizeBytes; ) {
      const { bytesRead } = await this.handle.read(bytes, doneBytes, sizeBytes - doneBytes, offsetBytes + doneBytes)
      if (bytesRead === 0) throw this.changed()
      doneBytes += bytesRead
    }
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
      throw this.changed(cause)
    }
    const { size, mtimeNs, ino } = this.before
    if (now.size !== size || now.mtimeNs !== mtimeNs || now.ino !== ino) throw this.changed()
  }

  /** checkUnchanged() may still be called afterwards. */
  async close(): Promise<void> {
    await this.handle.close()
  }

  private changed(cause?: unknown): HoldfastError {
    return new HoldfastError(
      'FILE_CHANGED',
      `${this.source.path} changed while it was pushed. Push again when nothing writes to it.`,
      {
        details: { path: this.source.path },
        cause,
      },
    )
  }
}
