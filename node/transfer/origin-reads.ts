/**
 * Chunks of one fetch from the origin. Those that are asked for in one turn and lie side by side are read in one go: from a folder of this
 * machine straight to their places, by the threads of the store; from a bucket into memory that is used again.
 */
import { HoldfastError, isHoldfastError, type ModelId, type Sha256 } from '../../common/index.ts'
import type { FetchChunk } from '../../core/index.ts'
import { type Extent, type OpenRange, planRuns, type Run, runBytes, SpareBuffers } from '../../origin/index.ts'
import type { AbortOptions } from '../ports/index.ts'

export interface OriginPlace {
  readonly model: ModelId
  readonly file: Sha256
  readonly offsetBytes: number
  readonly sizeBytes: number
}

export interface ChunkOrigin {
  /** Bytes of a file by manifest and place; bounds its own waits. ORIGIN_NOT_FOUND, ORIGIN_UNAVAILABLE, ... */
  readRange(place: OriginPlace, options?: AbortOptions): Promise<Uint8Array>
  /** Without it, each chunk is a readRange. */
  readonly bulk?: BulkOrigin
}

/** Fails as readRange does. */
export interface BulkOrigin {
  /** Where the bytes of a file lie. */
  extentsOf(file: Pick<OriginPlace, 'model' | 'file'>, options?: AbortOptions): Promise<readonly Extent[]>
  /** Null where the origin is no folder of this machine. The caller closes the file. */
  openRange(place: OriginPlace, options?: AbortOptions): Promise<OpenRange | null>
  /** All of `target`, from `offsetBytes` of the file. */
  readInto(place: Omit<OriginPlace, 'sizeBytes'>, target: Uint8Array, options?: AbortOptions): Promise<void>
}

/** Where a chunk belongs. DIGEST_MISMATCH, and nothing is stored. */
export interface ChunkPlaces {
  /** `bytes` are the caller's again when it settles. */
  take(bytes: Uint8Array): Promise<void>
  takeFile(fd: number, offsetBytes: number): Promise<'copied' | 'short'>
}

export interface OriginReadsOptions {
  readonly model: ModelId
  readonly origin: ChunkOrigin
  /** Bytes of neighbouring chunks read in one go. Memory for a read is kept: as many times this as reads run at one time. */
  readonly readBytesMax: number
  readonly signal: AbortSignal
}

interface Asked extends FetchChunk {
  readonly into: ChunkPlaces
  readonly signal: AbortSignal
  readonly ended: PromiseWithResolvers<void>
}

export class OriginReads {
  private readonly options: OriginReadsOptions
  private readonly buffers: SpareBuffers
  private asked: Asked[] = []

  constructor(options: OriginReadsOptions) {
    this.options = options
    this.buffers = new SpareBuffers(options.readBytesMax)
  }

  /** What `signal` ends before it is read is not placed. A read ends when none of its chunks is wanted any more. */
  async bring(chunk: FetchChunk, into: ChunkPlaces, signal: AbortSignal): Promise<void> {
    const { origin, model } = this.options
    const { bulk } = origin
    if (bulk === undefined) {
      const { file, offsetBytes, sizeBytes } = chunk
      return into.take(await origin.readRange({ model, file, offsetBytes, sizeBytes }, { signal }))
    }
    const ended = Promise.withResolvers<void>()
    // All that one step of the core asks for is asked before this runs.
    if (this.asked.push({ ...chunk, into, signal, ended }) === 1) queueMicrotask(() => this.readAsked(bulk))
    return ended.promise
  }

  private readAsked(bulk: BulkOrigin): void {
    const files = Map.groupBy(this.asked, ({ file }) => file)
    this.asked = []
    for (const [file, chunks] of files) void this.readFile(bulk, file, chunks)
  }

  private async readFile(bulk: BulkOrigin, file: Sha256, chunks: readonly Asked[]): Promise<void> {
    const { model, readBytesMax, signal } = this.options
    try {
      const extents = await bulk.extentsOf({ model, file }, { signal })
      const sorted = chunks.toSorted((a, b) => a.offsetBytes - b.offsetBytes)
      await Promise.all(planRuns(sorted, extents, readBytesMax).map((run) => this.readRun(bulk, run)))
    } catch (error) {
      for (const { ended } of chunks) ended.reject(error)
    }
  }

  /** Settles every chunk of the run; never rejects. */
  private async readRun(bulk: BulkOrigin, run: Run<Asked>): Promise<void> {
    const { model } = this.options
    const [{ file, offsetBytes }] = run
    const place = { model, file, offsetBytes, sizeBytes: runBytes(run) }
    const unwanted = whenAllAbort(run.map(({ signal }) => signal))
    try {
      const signal = AbortSignal.any([this.options.signal, unwanted.signal])
      const opened = await bulk.openRange(place, { signal })
      if (opened === null) await this.readBytes(bulk, run, place, signal)
      else await readFileOf(opened, run)
    } catch (error) {
      for (const { ended } of run) ended.reject(error)
    } finally {
      unwanted.forget()
    }
  }

  private async readBytes(bulk: BulkOrigin, run: Run<Asked>, place: OriginPlace, signal: AbortSignal): Promise<void> {
    const bytes = this.buffers.take(place.sizeBytes)
    // After a failure something may still write to it: it is let go.
    await bulk.readInto(place, bytes, { signal })
    await settleAll(run, async ({ into, signal, offsetBytes, sizeBytes }) => {
      signal.throwIfAborted()
      const at = offsetBytes - place.offsetBytes
      await into.take(bytes.subarray(at, at + sizeBytes))
    })
    this.buffers.giveBack(bytes)
  }
}

async function readFileOf({ handle, offsetBytes: startBytes, truncated }: OpenRange, run: Run<Asked>): Promise<void> {
  const [first] = run
  try {
    await settleAll(run, async ({ into, signal, offsetBytes }) => {
      signal.throwIfAborted()
      const at = startBytes + offsetBytes - first.offsetBytes
      if ((await into.takeFile(handle.fd, at).catch(asOfOrigin)) === 'short') throw truncated()
    })
  } finally {
    await handle.close()
  }
}

/** A signal that ends with the last of others. */
function whenAllAbort(signals: readonly AbortSignal[]): { readonly signal: AbortSignal; readonly forget: () => void } {
  const all = new AbortController()
  const forgotten = new AbortController()
  const look = () => {
    if (signals.every(({ aborted }) => aborted)) all.abort(signals[0]?.reason)
  }
  for (const signal of signals) signal.addEventListener('abort', look, { signal: forgotten.signal })
  look()
  return { signal: all.signal, forget: () => forgotten.abort() }
}

/** Each chunk fails by itself. */
async function settleAll(run: Run<Asked>, bring: (chunk: Asked) => Promise<void>): Promise<void> {
  await Promise.all(run.map((chunk) => bring(chunk).then(chunk.ended.resolve, chunk.ended.reject)))
}

/** An error of the system is about the file of the origin: those of the store have codes. */
function asOfOrigin(error: unknown): never {
  if (isHoldfastError(error)) throw error
  const text = `An object of the origin cannot be read: ${(error as Error).message}. Check the disk or the mount of the origin.`
  throw new HoldfastError('ORIGIN_UNAVAILABLE', text, { cause: error })
}
