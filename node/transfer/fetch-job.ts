/** One model's blobs on their way in: an open fill per blob, where each chunk belongs, and which chunks are in place. */

import type { ModelId, RequestContext, Sha256 } from '../../common/index.ts'
import type { FetchChunk } from '../../core/index.ts'
import type { Fill, FillPlace } from '../../native/index.ts'
import { blobIdOf, type Manifest, type ManifestFile } from '../../origin/index.ts'
import type { ChunkSink } from '../ports/index.ts'
import type { ChunkPlaces, OriginReads } from './origin-reads.ts'

export interface FetchRequest {
  readonly model: ModelId
  readonly manifest: Manifest
  /** Files whose blobs are to be brought in; blobs the node holds in a wanted tier are left out by the caller. */
  readonly files: readonly ManifestFile[]
  readonly into: { readonly memory: boolean; readonly disk: boolean }
  readonly context: RequestContext
  readonly onProgress: (progress: FetchProgress) => void
}

export interface FetchProgress {
  readonly doneBytes: number
  readonly totalBytes: number
}

export class FetchJob {
  readonly request: FetchRequest
  readonly fills: Fill[] = []
  /** Ends waits for sources when the fetch ends. */
  readonly abort = new AbortController()
  /** By chunk and source: breaks off what is under way. */
  readonly calls = new Map<string, AbortController>()
  /** Chunk operations that still touch the fills; they end before the fills do. */
  readonly running = new Set<Promise<void>>()
  /** Since the first chunk that was asked of the origin. */
  originReads: OriginReads | null = null
  private readonly places = new Map<Sha256, FillPlace[]>()
  private readonly chunks = new Map<Sha256, FetchChunk>()
  private readonly done = new Set<Sha256>()
  private totalBytes = 0
  private doneBytes = 0

  constructor(request: FetchRequest) {
    this.request = request
  }

  /** Bytes in place; a chunk that occurs several times counts once. */
  get bytesDone(): number {
    return this.doneBytes
  }

  add(file: ManifestFile, fill: Fill): void {
    this.fills.push(fill)
    const blob = blobIdOf(file)
    let offsetBytes = 0
    for (const [index, { sha256, sizeBytes }] of file.chunks.entries()) {
      const places = this.places.get(sha256)
      if (places === undefined) {
        this.places.set(sha256, [{ fill, index, offsetBytes }])
        this.totalBytes += sizeBytes
        this.chunks.set(sha256, { blob, file: file.sha256, index, sha256, offsetBytes, sizeBytes })
      } else places.push({ fill, index, offsetBytes })
      offsetBytes += sizeBytes
    }
  }

  tellProgress(): void {
    this.request.onProgress({ doneBytes: this.doneBytes, totalBytes: this.totalBytes })
  }

  isDone(chunk: Sha256): boolean {
    return this.done.has(chunk)
  }

  missing(): FetchChunk[] {
    return [...this.chunks.values()].filter(({ sha256 }) => !this.done.has(sha256))
  }

  /** Takes over what interrupted fills left. A chunk with several places is in place when all of them are. */
  async recover(): Promise<void> {
    const recovered = new Map<Fill, ReadonlySet<number>>()
    for (const fill of this.fills) recovered.set(fill, new Set(await fill.recover()))
    for (const [chunk, places] of this.places) {
      if (places.every(({ fill, index }) => recovered.get(fill)?.has(index))) this.markDone(chunk)
    }
  }

  /** Verifies and stores a chunk in all its places. DIGEST_MISMATCH, and nothing is stored. */
  async put(chunk: Sha256, bytes: Uint8Array): Promise<void> {
    for (const { fill, index } of this.places.get(chunk) ?? []) await fill.putChunk(index, bytes)
    this.markDone(chunk)
  }

  /** The same for bytes that lie in an open file. */
  async putFile(chunk: Sha256, fd: number, offsetBytes: number): Promise<'copied' | 'short'> {
    for (const { fill, index } of this.places.get(chunk) ?? []) {
      if ((await fill.putFile(index, fd, offsetBytes)) === 'short') return 'short'
    }
    this.markDone(chunk)
    return 'copied'
  }

  /** Where the bytes of a chunk go. What another source has brought meanwhile is left as it is. */
  sink(chunk: Sha256): JobSink {
    return new JobSink(this.places.get(chunk) ?? [], {
      take: async (bytes) => {
        if (!this.isDone(chunk)) await this.put(chunk, bytes)
      },
      takeFile: async (fd, offsetBytes) => (this.isDone(chunk) ? 'copied' : this.putFile(chunk, fd, offsetBytes)),
    })
  }

  /** The chunk is verified and in all its places. */
  arrived(chunk: Sha256): void {
    this.markDone(chunk)
  }

  /** Waits until nothing touches the fills any more. */
  async quiesce(reason: Error): Promise<void> {
    this.abort.abort(reason)
    await Promise.all(this.running)
  }

  async abortFills(options: {
    readonly keepPartial: boolean
    readonly reason: { readonly code: string; readonly message: string }
  }): Promise<void> {
    await Promise.all(this.fills.map((fill) => fill.abort(options)))
  }

  private markDone(chunk: Sha256): void {
    if (this.done.has(chunk)) return
    this.done.add(chunk)
    this.doneBytes += this.chunks.get(chunk)!.sizeBytes
    this.tellProgress()
  }
}

/** The places of one chunk, for what fills them itself; and what takes bytes that come otherwise. It remembers why a chunk was not kept. */
export class JobSink implements ChunkSink, ChunkPlaces {
  readonly places: readonly FillPlace[]
  /** Why the chunk could not be kept, as opposed to why it did not come. */
  failure: unknown = null
  private readonly bytesTo: ChunkPlaces
  private bytes: Uint8Array = new Uint8Array(0)

  constructor(places: readonly FillPlace[], bytesTo: ChunkPlaces) {
    this.places = places
    this.bytesTo = bytesTo
  }

  begin(sizeBytes: number): Uint8Array {
    // Not from the shared pool, not zeroed: filled completely before anybody sees it.
    this.bytes = Buffer.allocUnsafeSlow(sizeBytes)
    return this.bytes
  }

  end(): Promise<void> {
    return this.take(this.bytes)
  }

  refused(error: Error): void {
    this.failure = error
  }

  take(bytes: Uint8Array): Promise<void> {
    return this.noting(this.bytesTo.take(bytes))
  }

  takeFile(fd: number, offsetBytes: number): Promise<'copied' | 'short'> {
    return this.noting(this.bytesTo.takeFile(fd, offsetBytes))
  }

  private async noting<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      this.failure = error
      throw error
    }
  }
}
