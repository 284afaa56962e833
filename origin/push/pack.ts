/** Chunks that become one object: where their bytes are in memory, in the order of the object. */
import type { Sha256 } from '../../common/index.ts'
import type { SpareBuffers } from '../bytes/spare-buffers.ts'

interface Piece {
  readonly sha256: Sha256
  readonly sizeBytes: number
}

export class Pack {
  readonly pieces: Piece[] = []
  sizeBytes = 0
  private readonly parts: Uint8Array[] = []
  private readonly owned: Uint8Array[] = []
  /** Where small chunks are copied together: the last part, and how much of it is free. */
  private shared: Uint8Array | null = null
  private sharedBytes = 0

  /** Takes over `bytes`. */
  add(sha256: Sha256, bytes: Uint8Array, buffers: SpareBuffers): void {
    this.pieces.push({ sha256, sizeBytes: bytes.length })
    this.sizeBytes += bytes.length
    if (bytes.length >= buffers.bufferBytes / 2) {
      this.endShared()
      this.parts.push(bytes)
      this.owned.push(bytes)
      return
    }
    if (this.shared === null || this.sharedBytes + bytes.length > this.shared.length) {
      this.endShared()
      this.shared = buffers.take(buffers.bufferBytes)
      this.owned.push(this.shared)
    }
    this.shared.set(bytes, this.sharedBytes)
    this.sharedBytes += bytes.length
    buffers.giveBack(bytes)
  }

  /** After the last chunk. */
  bytes(): readonly Uint8Array[] {
    this.endShared()
    return this.parts
  }

  giveBack(buffers: SpareBuffers): void {
    for (const bytes of this.owned) buffers.giveBack(bytes)
  }

  private endShared(): void {
    if (this.shared !== null) this.parts.push(this.shared.subarray(0, this.sharedBytes))
    this.shared = null
    this.sharedBytes = 0
  }
}
