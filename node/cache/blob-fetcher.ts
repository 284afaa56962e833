/**
 * Brings the missing blobs of one model to this node: opens a fill per blob, takes over what an interrupted fetch left, copies
 * chunks that other local blobs hold already, and asks the protocol core for the rest, which says chunk by chunk which peer or
 * origin to ask. Every chunk is hashed by the native store before it is kept.
 */

import type { Fill, Store } from '../../native/types.ts'
import type { Manifest, ManifestFile } from '../../origin/index.ts'
import { HoldfastError, isHoldfastError } from '../../placement/errors.ts'
import type { ModelId, NodeId, RequestContext, Sha256 } from '../../placement/types.ts'
import type { BytesBySource, CoreDriver } from '../cluster/core-driver.ts'
import type { ChunkFailure, ChunkSource, FetchChunk } from '../core/events.ts'
import type { Log } from '../log.ts'
import type { BulkTransport } from '../ports.ts'
import type { Clock } from '../system.ts'

export interface ChunkOrigin {
  /** Bytes of a file by manifest and place; bounds its own waits. ORIGIN_NOT_FOUND, ORIGIN_UNAVAILABLE, ... */
  readRange(place: { model: ModelId; blob: Sha256; offsetBytes: number; sizeBytes: number }): Promise<Uint8Array>
}

/** Where the node finds a chunk among the blobs it holds, or null. */
export type FindLocalChunk = (chunk: Sha256) => { blob: Sha256; offsetBytes: number } | null

export interface BlobFetcherPorts {
  readonly store: Store
  readonly driver: CoreDriver
  readonly bulk: BulkTransport
  readonly bulkAddressOf: (node: NodeId) => string | null
  readonly origin: ChunkOrigin | null
  readonly findLocalChunk: FindLocalChunk
  readonly clock: Clock
  readonly log: Log
}

export interface BlobFetcherOptions {
  /** A peer that does not deliver a chunk in this time is asked no more for it: 8 MiB in 30 s is 280 kB/s. */
  readonly chunkTimeoutMs: number
}

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

export interface FetchOutcome extends BytesBySource {
  /** Bytes that were here already: recovered from an interrupted fetch or shared with another blob. */
  readonly local: number
}

interface Place {
  readonly fill: Fill
  readonly index: number
}

interface Job {
  readonly request: FetchRequest
  readonly fills: Fill[]
  /** Every place of the model where a chunk belongs. */
  readonly places: Map<Sha256, Place[]>
  readonly chunks: Map<Sha256, FetchChunk>
  /** Chunks that are in place. */
  readonly done: Set<Sha256>
  /** Chunk operations that still touch the fills; they end before the fills do. */
  readonly running: Set<Promise<void>>
  readonly abort: AbortController
  totalBytes: number
  doneBytes: number
}

export class BlobFetcher {
  private readonly ports: BlobFetcherPorts
  private readonly options: BlobFetcherOptions

  constructor(ports: BlobFetcherPorts, options: BlobFetcherOptions) {
    this.ports = ports
    this.options = options
  }

  /** All files are in place, sealed and verified, or nothing is visible (a partial file on disk may stay for the next try). */
  async fetch(request: FetchRequest): Promise<FetchOutcome> {
    const job = this.openJob(request)
    try {
      await this.recover(job)
      await this.copyLocal(job)
      const local = job.doneBytes
      const missing = [...job.chunks.values()].filter((chunk) => !job.done.has(chunk.sha256))
      const bytes = missing.length === 0 ? { peer: 0, origin: 0 } : await this.fetchMissing(job, missing)
      await this.quiesce(job)
      for (const fill of job.fills) await fill.finish()
      return { ...bytes, local }
    } catch (error) {
      await this.quiesce(job)
      // A failed finish() has discarded its own fill; aborting it again is harmless.
      await Promise.all(
        job.fills.map((fill) => fill.abort({ keepPartial: !isHoldfastError(error, 'DIGEST_MISMATCH') })),
      )
      throw error
    }
  }

  private openJob(request: FetchRequest): Job {
    const job: Job = {
      request,
      fills: [],
      places: new Map(),
      chunks: new Map(),
      done: new Set(),
      running: new Set(),
      abort: new AbortController(),
      totalBytes: 0,
      doneBytes: 0,
    }
    const opened = new Set<Sha256>()
    try {
      for (const file of request.files) {
        if (opened.has(file.sha256)) continue
        opened.add(file.sha256)
        const fill = this.ports.store.beginFill(file, request.into)
        job.fills.push(fill)
        addChunks(job, file, fill)
      }
    } catch (error) {
      for (const fill of job.fills) void fill.abort({ keepPartial: true })
      throw error
    }
    return job
  }

  private async recover(job: Job): Promise<void> {
    for (const fill of job.fills) {
      const recovered = new Set(await fill.recover())
      for (const [sha256, places] of job.places) {
        const isWhole = places.every((place) => place.fill !== fill || recovered.has(place.index))
        const isHere = places.every((place) => place.fill === fill)
        if (isWhole && isHere) this.markDone(job, sha256)
      }
    }
  }

  private async copyLocal(job: Job): Promise<void> {
    for (const chunk of job.chunks.values()) {
      if (job.done.has(chunk.sha256)) continue
      const place = this.ports.findLocalChunk(chunk.sha256)
      if (place === null) continue
      const bytes = await this.ports.store.read(place.blob, place.offsetBytes, chunk.sizeBytes)
      if (bytes === null) continue
      try {
        await this.put(job, chunk.sha256, bytes)
      } catch (error) {
        if (!isHoldfastError(error, 'DIGEST_MISMATCH')) throw error
        this.ports.log.warn(
          { blob: place.blob, chunk: chunk.sha256 },
          'a local blob has a damaged chunk; it is fetched instead',
        )
      }
    }
  }

  private async fetchMissing(job: Job, chunks: readonly FetchChunk[]): Promise<BytesBySource> {
    const { model, context } = job.request
    return this.ports.driver.fetch(model, chunks, {
      context,
      originAllowed: this.ports.origin !== null,
      getChunk: ({ chunk, source }) => {
        const work = this.getChunk(job, chunk, source).finally(() => job.running.delete(work))
        job.running.add(work)
      },
    })
  }

  /** Ends in exactly one event, chunk-done or chunk-failed, or with the whole fetch; never rejects. */
  private async getChunk(job: Job, chunk: FetchChunk, source: ChunkSource): Promise<void> {
    const { model, context } = job.request
    const startedMs = this.ports.clock.nowMs()
    try {
      const bytes = await this.bytesFrom(source, model, chunk, context, job.abort.signal)
      if (!job.done.has(chunk.sha256)) await this.put(job, chunk.sha256, bytes)
      this.ports.driver.dispatch({
        kind: 'chunk-done',
        model,
        chunk: chunk.sha256,
        source,
        sizeBytes: chunk.sizeBytes,
        elapsedMs: this.ports.clock.nowMs() - startedMs,
      })
    } catch (error) {
      if (isHoldfastError(error) && isOfStore(error)) {
        // No other source can help: the node itself cannot take the bytes.
        this.ports.driver.cancelFetch(model, error)
        return
      }
      const failure = failureOf(error)
      if (!job.abort.signal.aborted) this.reportFailure(source, model, chunk, failure, error)
      this.ports.driver.dispatch({ kind: 'chunk-failed', model, chunk: chunk.sha256, source, failure })
    }
  }

  private async bytesFrom(
    source: ChunkSource,
    model: ModelId,
    chunk: FetchChunk,
    context: RequestContext,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const { blob, offsetBytes, sizeBytes } = chunk
    if (source.kind === 'origin') {
      if (this.ports.origin === null) throw new HoldfastError('ORIGIN_UNAVAILABLE', 'this node has no origin.')
      return this.ports.origin.readRange({ model, blob, offsetBytes, sizeBytes })
    }
    const address = this.ports.bulkAddressOf(source.node)
    if (address === null) throw new HoldfastError('PEER_UNREACHABLE', `the address of ${source.node} is not known.`)
    const bytes = await this.ports.bulk.get(
      source.node,
      address,
      { blob, chunk: chunk.sha256, offsetBytes, sizeBytes, context },
      { signal: AbortSignal.any([signal, AbortSignal.timeout(this.options.chunkTimeoutMs)]) },
    )
    if (bytes === null) throw new HoldfastError('ORIGIN_NOT_FOUND', `${source.node} does not hold the chunk.`)
    return bytes
  }

  /** Verifies and stores a chunk in all its places. */
  private async put(job: Job, chunk: Sha256, bytes: Uint8Array): Promise<void> {
    for (const place of job.places.get(chunk) ?? []) await place.fill.putChunk(place.index, bytes)
    this.markDone(job, chunk)
  }

  private markDone(job: Job, chunk: Sha256): void {
    if (job.done.has(chunk)) return
    job.done.add(chunk)
    job.doneBytes += job.chunks.get(chunk)!.sizeBytes
    job.request.onProgress({ doneBytes: job.doneBytes, totalBytes: job.totalBytes })
  }

  private async quiesce(job: Job): Promise<void> {
    job.abort.abort(new HoldfastError('SHUTTING_DOWN', 'the fetch has ended.'))
    await Promise.all(job.running)
  }

  private reportFailure(
    source: ChunkSource,
    model: ModelId,
    chunk: FetchChunk,
    failure: ChunkFailure,
    error: unknown,
  ): void {
    const from = source.kind === 'peer' ? source.node : 'origin'
    const level = failure === 'mismatch' ? 'warn' : 'debug'
    this.ports.log[level](
      { model, chunk: chunk.sha256, from, failure, error: (error as Error).message },
      'a chunk failed',
    )
  }
}

function addChunks(job: Job, file: ManifestFile, fill: Fill): void {
  let offsetBytes = 0
  for (const [index, { sha256, sizeBytes }] of file.chunks.entries()) {
    const places = job.places.get(sha256)
    if (places === undefined) {
      job.places.set(sha256, [{ fill, index }])
      job.totalBytes += sizeBytes
      job.chunks.set(sha256, { blob: file.sha256, index, sha256, offsetBytes, sizeBytes })
    } else places.push({ fill, index })
    offsetBytes += sizeBytes
  }
}

function isOfStore(error: HoldfastError): boolean {
  return (
    error.code === 'DISK_FULL' ||
    error.code === 'DISK_FAILED' ||
    error.code === 'MEMORY_FULL' ||
    error.code === 'SYSTEM'
  )
}

function failureOf(error: unknown): ChunkFailure {
  if (!isHoldfastError(error)) return error instanceof Error && error.name === 'TimeoutError' ? 'timeout' : 'closed'
  switch (error.code) {
    case 'DIGEST_MISMATCH':
      return 'mismatch'
    case 'ORIGIN_NOT_FOUND':
      return 'missing'
    case 'DEADLINE_EXCEEDED':
      return 'timeout'
    case 'OVERLOADED':
    case 'WRONG_CLUSTER_KEY':
      return 'refused'
    case 'ORIGIN_UNAVAILABLE':
    case 'ORIGIN_DENIED':
      return 'unavailable'
    default:
      return 'closed'
  }
}
