/**
 * Brings the missing blobs of one model to this node: opens a fill per blob, takes over what an interrupted fetch left, copies
 * chunks that other local blobs hold already, and asks the protocol core for the rest, which says chunk by chunk which peer or
 * origin to ask. Every chunk is hashed by the native store before it is kept.
 */

import { type BlobId, HoldfastError, isHoldfastError, type NodeId, type Sha256, TimeLimit } from '../../common/index.ts'
import type { ChunkFailure, ChunkSource, FetchChunk } from '../../core/index.ts'
import type { Store } from '../../native/index.ts'
import { blobIdOf } from '../../origin/index.ts'
import type { BytesBySource, CoreDriver } from '../cluster/index.ts'
import type { BulkTransport, ChunkSink } from '../ports/index.ts'
import type { Clock, Log } from '../system/index.ts'
import { failureOf, isOfStore } from './chunk-failure.ts'
import { FetchJob, type FetchRequest, type JobSink } from './fetch-job.ts'
import { type ChunkOrigin, OriginReads } from './origin-reads.ts'

export type { FetchProgress, FetchRequest } from './fetch-job.ts'
export type { ChunkOrigin } from './origin-reads.ts'

/** Where the node finds a chunk among the blobs it holds, or null. */
export type FindLocalChunk = (chunk: Sha256) => { blob: BlobId; offsetBytes: number } | null

export interface BlobFetcherPorts {
  readonly store: Store
  readonly driver: CoreDriver
  readonly bulk: BulkTransport
  readonly bulkAddressOf: (node: NodeId) => string | null
  readonly origin: ChunkOrigin | null
  readonly findLocalChunk: FindLocalChunk
  /** A local blob has other bytes than it should. */
  readonly onDamaged?: (blob: Sha256) => void
  readonly clock: Clock
  readonly log: Log
}

export interface BlobFetcherOptions {
  /** A peer that does not deliver a chunk in this time is asked no more for it: 8 MiB in 30 s is 280 kB/s. */
  readonly chunkTimeoutMs: number
  /** Neighbouring chunks of up to so many bytes are read from the origin in one go. */
  readonly originReadBytesMax: number
}

export const defaultBlobFetcherOptions: BlobFetcherOptions = {
  chunkTimeoutMs: 30_000,
  originReadBytesMax: 8 * 1024 * 1024,
}

export interface FetchOutcome extends BytesBySource {
  /** Bytes that were here already: recovered from an interrupted fetch or shared with another blob. */
  readonly local: number
}

interface PeerCall {
  readonly job: FetchJob
  readonly chunk: FetchChunk
  readonly into: ChunkSink
  readonly signal: AbortSignal
}

export class BlobFetcher {
  private readonly ports: BlobFetcherPorts
  private readonly options: BlobFetcherOptions

  constructor(ports: BlobFetcherPorts, options: Partial<BlobFetcherOptions> = {}) {
    this.ports = ports
    this.options = { ...defaultBlobFetcherOptions, ...options }
  }

  /** Takes the room of all blobs at once, or none: MEMORY_FULL, DISK_FULL, TOO_LARGE. What is opened has to be run. */
  async open(request: FetchRequest): Promise<FetchJob> {
    const job = new FetchJob(request)
    const opened = new Set<BlobId>()
    try {
      for (const file of request.files) {
        const { sizeBytes, chunks } = file
        const id = blobIdOf(file)
        if (opened.has(id)) continue
        opened.add(id)
        job.add(file, this.ports.store.beginFill({ id, sizeBytes, chunks }, request.into))
      }
      return job
    } catch (error) {
      await job.abortFills({ keepPartial: true, reason: reasonOf(error) })
      throw error
    }
  }

  /** All files are in place, sealed and verified, or an error; then partial files on disk may stay for the next try. */
  async run(job: FetchJob): Promise<FetchOutcome> {
    job.tellProgress()
    try {
      await job.recover()
      await this.copyLocal(job)
      const local = job.bytesDone
      const missing = job.missing()
      const bytes = missing.length === 0 ? { peer: 0, origin: 0 } : await this.fetchMissing(job, missing)
      await job.quiesce(fetchEnded())
      for (const fill of job.fills) await fill.finish()
      return { ...bytes, local }
    } catch (error) {
      await job.quiesce(fetchEnded())
      // A fill that was finished has ended; aborting it again is harmless. The others hold verified chunks only.
      await job.abortFills({ keepPartial: true, reason: reasonOf(error) })
      throw error
    }
  }

  private async copyLocal(job: FetchJob): Promise<void> {
    for (const { sha256, sizeBytes } of job.missing()) {
      const place = this.ports.findLocalChunk(sha256)
      if (place === null) continue
      const bytes = await this.readLocal(place, sizeBytes)
      if (bytes === null) continue
      try {
        await job.put(sha256, bytes)
      } catch (error) {
        if (!isHoldfastError(error, 'DIGEST_MISMATCH')) throw error
        const { blob } = place
        this.ports.onDamaged?.(blob)
        this.ports.log.warn({ blob, chunk: sha256 }, 'a local blob has a damaged chunk; it is fetched instead')
      }
    }
  }

  /** Null when the blob cannot be read: the chunk then comes from elsewhere. */
  private async readLocal(place: { blob: BlobId; offsetBytes: number }, sizeBytes: number): Promise<Uint8Array | null> {
    try {
      return await this.ports.store.read(place.blob, place.offsetBytes, sizeBytes)
    } catch (error) {
      if (!isHoldfastError(error)) throw error
      this.ports.log.warn({ blob: place.blob, error: error.message }, 'a local blob cannot be read')
      return null
    }
  }

  private fetchMissing(job: FetchJob, chunks: readonly FetchChunk[]): Promise<BytesBySource> {
    const { model, context } = job.request
    return this.ports.driver.fetch(model, chunks, {
      context,
      originAllowed: this.ports.origin !== null,
      localBytes: job.bytesDone,
      getChunk: ({ chunk, source }) => {
        const work = this.getChunk(job, chunk, source).finally(() => job.running.delete(work))
        job.running.add(work)
      },
      dropChunk: ({ chunk, source }) => job.calls.get(callName(chunk, source))?.abort(notWanted()),
    })
  }

  /** Ends in exactly one event, chunk-done or chunk-failed, or with the whole fetch, or is broken off; never rejects. */
  private async getChunk(job: FetchJob, chunk: FetchChunk, source: ChunkSource): Promise<void> {
    const { driver, clock } = this.ports
    const { model } = job.request
    const { sha256, sizeBytes } = chunk
    const startedMs = clock.nowMs()
    const name = callName(chunk, source)
    const call = new AbortController()
    job.calls.set(name, call)
    const failure = await this.bringChunk(job, chunk, source, AbortSignal.any([job.abort.signal, call.signal]))
    if (job.calls.get(name) === call) job.calls.delete(name)
    // The same chunk may have been asked of the same source again meanwhile.
    if (failure !== null && call.signal.aborted) return
    if (failure instanceof HoldfastError) driver.cancelFetch(model, failure)
    else if (failure !== null) driver.dispatch({ kind: 'chunk-failed', model, chunk: sha256, source, failure })
    else {
      const elapsedMs = clock.nowMs() - startedMs
      driver.dispatch({ kind: 'chunk-done', model, chunk: sha256, source, sizeBytes, elapsedMs })
    }
  }

  /** Null when the chunk is in place; the failure of the source; or the error that ends the whole fetch. */
  private async bringChunk(
    job: FetchJob,
    chunk: FetchChunk,
    source: ChunkSource,
    signal: AbortSignal,
  ): Promise<ChunkFailure | HoldfastError | null> {
    const sink = job.sink(chunk.sha256)
    try {
      if (source.kind === 'origin') await this.fromOrigin(job, chunk, sink, signal)
      else await this.fromPeer(source.node, { job, chunk, into: sink, signal })
      return null
    } catch (error) {
      // No other source can help when the node itself cannot take the bytes.
      return sink.failure === error && isOfStore(error) ? error : this.failed(job, chunk, source, error, signal)
    }
  }

  private async fromOrigin(job: FetchJob, chunk: FetchChunk, into: JobSink, signal: AbortSignal): Promise<void> {
    const { origin } = this.ports
    if (origin === null) throw new HoldfastError('ORIGIN_UNAVAILABLE', 'This node has no origin.')
    job.originReads ??= new OriginReads({
      model: job.request.model,
      origin,
      readBytesMax: this.options.originReadBytesMax,
      signal: job.abort.signal,
    })
    await job.originReads.bring(chunk, into, signal)
  }

  /** A node whose bulk engine cannot be reached is told to the core as one that did not answer a call: routing avoids it too. */
  private async fromPeer(node: NodeId, { job, chunk, into, signal }: PeerCall): Promise<void> {
    const address = this.ports.bulkAddressOf(node)
    if (address === null) throw new HoldfastError('PEER_UNREACHABLE', `The address of ${node} is not known.`)
    const { blob, file, sha256, offsetBytes, sizeBytes } = chunk
    const request = { blob, file, chunk: sha256, offsetBytes, sizeBytes, context: job.request.context }
    using limit = new TimeLimit(this.ports.clock, this.options.chunkTimeoutMs, signal)
    try {
      const isThere = await this.ports.bulk.fetch({ node, address }, request, into, { signal: limit.signal })
      if (!isThere) throw new HoldfastError('ORIGIN_NOT_FOUND', `${node} does not hold the chunk.`)
      job.arrived(sha256)
    } catch (error) {
      if (isHoldfastError(error, 'PEER_UNREACHABLE') && !signal.aborted) {
        this.ports.driver.dispatch({ kind: 'call-failed', node })
      }
      throw error
    }
  }

  private failed(
    job: FetchJob,
    chunk: FetchChunk,
    source: ChunkSource,
    error: unknown,
    signal: AbortSignal,
  ): ChunkFailure {
    const failure = failureOf(error)
    const from = source.kind === 'peer' ? source.node : 'origin'
    const level = failure === 'mismatch' ? 'warn' : 'debug'
    if (!signal.aborted) {
      this.ports.log[level](
        { model: job.request.model, chunk: chunk.sha256, from, failure, error: (error as Error).message },
        'a chunk failed',
      )
    }
    return failure
  }
}

/** What a client hears that has the model open while it arrives. */
function reasonOf(error: unknown): { code: string; message: string } {
  if (isHoldfastError(error)) return { code: error.code, message: error.message }
  return { code: 'SYSTEM', message: 'the fetch failed; the log of the node says more.' }
}

function callName({ sha256 }: FetchChunk, source: ChunkSource): string {
  return source.kind === 'peer' ? `${sha256} ${source.node}` : sha256
}

function notWanted(): HoldfastError {
  return new HoldfastError('DEADLINE_EXCEEDED', 'The chunk is not wanted from this source any more.')
}

function fetchEnded(): HoldfastError {
  return new HoldfastError('SHUTTING_DOWN', 'The fetch has ended.')
}
