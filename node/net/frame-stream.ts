/**
 * Frames on a libp2p stream: a length as an unsigned LEB128 number of at most four bytes, then so many bytes. No more than one
 * frame of the allowed size is kept in memory, whatever a peer sends.
 */
import type { Stream } from '@libp2p/interface'
import type { HoldfastError } from '../../common/index.ts'

export interface FrameLimit {
  readonly frameBytesMax: number
  /** What to say of a frame that is longer. */
  readonly tooLarge: (sizeBytes: number) => HoldfastError
}

const lengthBytesMax = 4

export class FrameStream {
  readonly stream: Stream
  private readonly limit: FrameLimit
  private pieces: Uint8Array[] = []
  private bufferedBytes = 0
  /** Why nothing more will come. */
  private failure: Error | null = null
  private hasEnded = false
  /** What comes is thrown away: the stream ends soon. */
  private isOverfull = false
  private wake: (() => void) | null = null

  constructor(stream: Stream, limit: FrameLimit) {
    this.stream = stream
    this.limit = limit
    stream.addEventListener('message', ({ data }) => this.take(data.subarray()))
    stream.addEventListener('end', () => this.end(null))
    stream.addEventListener('close', ({ error }) => {
      if (error !== undefined || stream.readBufferLength === 0) this.end(error ?? null)
    })
  }

  /** Both ends can go on, all that was written has left, and nothing came that nobody asked for. */
  get isQuiet(): boolean {
    const { status, writeStatus, remoteWriteStatus, writeBufferLength } = this.stream
    const isOpen = status === 'open' && writeStatus === 'writable' && remoteWriteStatus === 'writable'
    return isOpen && writeBufferLength === 0 && this.bufferedBytes === 0 && this.failure === null
  }

  /** Waits for the first byte of the next frame. False when the other side has ended the stream instead. */
  async begins(signal?: AbortSignal): Promise<boolean> {
    while (this.bufferedBytes === 0) {
      if (this.failure !== null) throw this.failure
      if (this.hasEnded) return false
      await this.more(signal)
    }
    return true
  }

  /** What the limit says for a frame that is too large; the stream's own error when it ends before. */
  async read(signal: AbortSignal): Promise<Uint8Array> {
    const { sizeBytes, headBytes } = await this.head(signal)
    while (this.bufferedBytes < headBytes + sizeBytes) await this.mustCome(signal)
    const all = this.joined()
    const rest = all.subarray(headBytes + sizeBytes)
    this.pieces = rest.byteLength === 0 ? [] : [rest]
    this.bufferedBytes = rest.byteLength
    return all.subarray(headBytes, headBytes + sizeBytes)
  }

  /** Size of the next frame, as soon as it has said it. */
  async announced(signal: AbortSignal): Promise<number> {
    return (await this.head(signal)).sizeBytes
  }

  async write(frame: Uint8Array, signal: AbortSignal): Promise<void> {
    if (!this.stream.send(withLength(frame))) await this.stream.onDrain({ signal })
  }

  /** Ends our half; when even that fails the stream is reset, and nobody waits for either. */
  close(): void {
    this.stream.close().catch((error: Error) => this.stream.abort(error))
  }

  private async head(signal: AbortSignal): Promise<{ sizeBytes: number; headBytes: number }> {
    let length = this.length()
    for (; length === null; length = this.length()) await this.mustCome(signal)
    if (length.sizeBytes > this.limit.frameBytesMax) throw this.limit.tooLarge(length.sizeBytes)
    return length
  }

  private take(piece: Uint8Array): void {
    if (this.isOverfull) return
    this.pieces.push(piece)
    this.bufferedBytes += piece.byteLength
    if (this.bufferedBytes > lengthBytesMax + this.limit.frameBytesMax) {
      this.isOverfull = true
      // A frame that is too large is refused when it is read. What follows one that is not was not asked for.
      const sizeBytes = this.length()?.sizeBytes ?? 0
      if (sizeBytes <= this.limit.frameBytesMax) this.stream.abort(this.limit.tooLarge(this.bufferedBytes))
    }
    this.wake?.()
  }

  private end(failure: Error | null): void {
    this.hasEnded = true
    this.failure ??= failure
    this.wake?.()
  }

  private async mustCome(signal: AbortSignal): Promise<void> {
    if (this.failure !== null) throw this.failure
    if (this.hasEnded) throw new Error('the stream ended within a frame')
    await this.more(signal)
  }

  private async more(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const onAbort = () => reject(signal?.reason)
    this.wake = resolve
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      await promise
    } finally {
      this.wake = null
      signal?.removeEventListener('abort', onAbort)
    }
  }

  /** Of the frame at the front; null until it is there whole. One without an end is larger than any limit. */
  private length(): { sizeBytes: number; headBytes: number } | null {
    if (this.pieces.length > 1 && this.pieces[0]!.byteLength < lengthBytesMax) this.pieces = [this.joined()]
    const head = this.pieces[0]?.subarray(0, lengthBytesMax) ?? new Uint8Array()
    let sizeBytes = 0
    for (const [at, byte] of head.entries()) {
      sizeBytes |= (byte & 0x7f) << (7 * at)
      if (byte < 0x80) return { sizeBytes, headBytes: at + 1 }
    }
    if (head.byteLength < lengthBytesMax) return null
    return { sizeBytes: Number.POSITIVE_INFINITY, headBytes: lengthBytesMax }
  }

  private joined(): Uint8Array {
    return this.pieces.length === 1 ? this.pieces[0]! : Buffer.concat(this.pieces)
  }
}

/** One piece for both: two would be two messages on the wire. */
function withLength(frame: Uint8Array): Uint8Array {
  const head: number[] = []
  let rest = frame.byteLength
  for (; rest >= 0x80; rest >>>= 7) head.push((rest & 0x7f) | 0x80)
  head.push(rest)
  return Buffer.concat([Uint8Array.from(head), frame])
}
