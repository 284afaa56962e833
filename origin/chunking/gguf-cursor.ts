/** Reads the little-endian primitives of GGUF from a prefix of a file, never beyond it. */
import { isUtf8 } from 'node:buffer'
import { badModelFile } from './tensor-table.ts'

/** The header goes on beyond the bytes at hand: parse again with at least `sizeBytes`. */
export class NeedMore extends Error {
  readonly sizeBytes: number

  constructor(sizeBytes: number) {
    super(`the header needs at least ${sizeBytes} bytes`)
    this.sizeBytes = sizeBytes
  }
}

export class GgufCursor {
  position = 0
  private readonly bytes: Buffer
  private readonly fileSizeBytes: number

  constructor(prefix: Uint8Array, fileSizeBytes: number) {
    this.bytes = Buffer.from(prefix.buffer, prefix.byteOffset, prefix.length)
    this.fileSizeBytes = fileSizeBytes
  }

  u32(): number {
    return this.bytes.readUInt32LE(this.take(4))
  }

  u64(what: string): number {
    const at = this.take(8)
    const value = this.bytes.readUInt32LE(at + 4) * 2 ** 32 + this.bytes.readUInt32LE(at)
    if (!Number.isSafeInteger(value)) throw badModelFile(`${what} is 2^53 or more`)
    return value
  }

  /** A number of things that follow, each of at least `itemBytesMin` bytes: more than the file could hold is a lie. */
  count(max: number, itemBytesMin: number, what: string): number {
    const value = this.u64(`the number of ${what}`)
    if (value > max || value * itemBytesMin > this.fileSizeBytes - this.position) {
      throw badModelFile(`it announces ${value} ${what}, more than fit`)
    }
    return value
  }

  /** A key or a name. */
  text(bytesMax: number): string {
    const sizeBytes = this.u64('the length of a string')
    if (sizeBytes > bytesMax) throw badModelFile(`a string of ${sizeBytes} bytes, at most ${bytesMax} are read`)
    const at = this.take(sizeBytes)
    const bytes = this.bytes.subarray(at, at + sizeBytes)
    if (!isUtf8(bytes)) throw badModelFile('a name is not UTF-8')
    return bytes.toString('utf8')
  }

  skipText(): void {
    this.take(this.u64('the length of a string'))
  }

  skip(sizeBytes: number): void {
    this.take(sizeBytes)
  }

  private take(sizeBytes: number): number {
    const at = this.position
    const endBytes = at + sizeBytes
    if (endBytes > this.fileSizeBytes) throw badModelFile('it goes on beyond the end of the file')
    if (endBytes > this.bytes.length) throw new NeedMore(endBytes)
    this.position = endBytes
    return at
  }
}
