/**
 * The chunks of one file of a push, in order, each with its sha256; besides, the sha256 of the file. Every byte is read once. Several
 * chunks are read and hashed at a time; the hash of the file follows them, beside those that come next.
 */
import type { Sha256 } from '../../common/index.ts'
import type { FileWork } from '../../native/index.ts'
import type { SpareBuffers } from '../bytes/spare-buffers.ts'
import { readAhead } from '../concurrency.ts'
import type { OpenSourceFile } from './source-file.ts'

export interface HashedChunk {
  readonly sha256: Sha256
  /** Of the buffers: the caller's, who gives them back. */
  readonly bytes: Uint8Array
}

export interface HashedChunksOptions {
  readonly work: FileWork
  readonly buffers: SpareBuffers
  /** Chunks read and hashed at one time; each is up to 8 MiB of memory. */
  readonly chunksConcurrent: number
  /** Before the chunk's turn comes. */
  readonly onHashed: (sha256: Sha256) => void
}

export class HashedChunks {
  private readonly file: OpenSourceFile
  private readonly sizes: readonly number[]
  private readonly options: HashedChunksOptions
  private only: Sha256 | null = null
  private digest: () => Sha256 = () => this.only!

  constructor(file: OpenSourceFile, sizes: readonly number[], options: HashedChunksOptions) {
    this.file = file
    this.sizes = sizes
    this.options = options
  }

  /** Once, to its end. */
  async *[Symbol.asyncIterator](): AsyncGenerator<HashedChunk> {
    const { chunksConcurrent } = this.options
    let before: Promise<unknown> = Promise.resolve()
    const isOne = this.sizes.length === 1
    const hash = isOne ? null : this.options.work.newHash()
    if (hash !== null) this.digest = () => hash.digest()
    let offsetBytes = 0
    const reads = this.sizes.map((sizeBytes) => {
      const at = offsetBytes
      offsetBytes += sizeBytes
      return () => {
        const reading = this.read(at, sizeBytes)
        const earlier = before
        const hashed = (async () => {
          const chunk = await reading
          await earlier
          await hash?.update(chunk.bytes)
          return chunk
        })()
        before = hashed
        return hashed
      }
    })
    for await (const chunk of readAhead(reads, chunksConcurrent)) {
      if (isOne) this.only = chunk.sha256
      yield chunk
    }
  }

  /** Of the file, after the last chunk. */
  fileSha256(): Sha256 {
    return this.digest()
  }

  private async read(offsetBytes: number, sizeBytes: number): Promise<HashedChunk> {
    const bytes = this.options.buffers.take(sizeBytes)
    const sha256 = await this.file.readHashed(this.options.work, offsetBytes, bytes)
    this.options.onHashed(sha256)
    return { sha256, bytes }
  }
}
