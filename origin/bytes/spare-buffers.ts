/** Memory for what is read, used over and over: what a fast transfer would leave to the garbage collector is many times that. */
export class SpareBuffers {
  readonly bufferBytes: number
  private readonly spare: ArrayBuffer[] = []

  /** Buffers of this size are kept; larger ones are made for their one use, as are those of a 16th and less. */
  constructor(bufferBytes: number) {
    this.bufferBytes = bufferBytes
  }

  /** Not zeroed: what was in it before may still be there. */
  take(sizeBytes: number): Uint8Array {
    if (sizeBytes > this.bufferBytes || sizeBytes <= this.bufferBytes / 16) return Buffer.allocUnsafeSlow(sizeBytes)
    const memory = this.spare.pop() ?? Buffer.allocUnsafeSlow(this.bufferBytes).buffer
    return new Uint8Array(memory as ArrayBuffer, 0, sizeBytes)
  }

  /** Nobody uses it any more. */
  giveBack(bytes: Uint8Array): void {
    if (bytes.buffer.byteLength === this.bufferBytes) this.spare.push(bytes.buffer as ArrayBuffer)
  }
}
