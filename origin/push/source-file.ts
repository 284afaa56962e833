/** Reads one file of a push, and notices when somebody writes to it meanwhile (FILE_CHANGED). */
import { constants, type FileHandle, open, stat } from 'node:fs/promises'
import { HoldfastError, type Sha256 } from '../../common/index.ts'
import type { FileWork } from '../../native/index.ts'
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
  readonly readAt = async (offsetBytes: number, sizeBytes: number): Promise<Uint8Array> => {
    const bytes = Buffer.allocUnsafeSlow(sizeBytes)
    await onFile(this.source.userPath, 'read', async () => {
      for (let doneBytes = 0; doneBytes < sizeBytes; ) {
        const { bytesRead } = await this.handle.read(bytes, doneBytes, sizeBytes - doneBytes, offsetBytes + doneBytes)
        if (bytesRead === 0) throw changedFile(this.source)
        doneBytes += bytesRead
      }
    })
    return bytes
  }

  /** Fills `target` from the file as `work` hashes it. */
  async readHashed(work: FileWork, offsetBytes: number, target: Uint8Array): Promise<Sha256> {
    const { userPath } = this.source
    const sha256 = await onFile(userPath, 'read', () => work.readHashed(this.handle.fd, offsetBytes, target))
    if (sha256 === null) throw changedFile(this.source)
    return sha256
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
