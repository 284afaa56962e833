/** Writes GGUF headers for tests, right ones and wrong ones. */
export class GgufBytes {
  private readonly parts: Buffer[] = []

  u32(value: number): this {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32LE(value)
    this.parts.push(bytes)
    return this
  }

  u64(value: bigint | number): this {
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64LE(BigInt(value))
    this.parts.push(bytes)
    return this
  }

  text(value: string): this {
    this.u64(Buffer.byteLength(value))
    this.parts.push(Buffer.from(value))
    return this
  }

  zeros(count: number): this {
    this.parts.push(Buffer.alloc(count))
    return this
  }

  start(options: { version?: number; tensors?: bigint | number; pairs?: bigint | number } = {}): this {
    this.parts.push(Buffer.from('GGUF'))
    return this.u32(options.version ?? 3)
      .u64(options.tensors ?? 0)
      .u64(options.pairs ?? 0)
  }

  /** `dimensions`: fastest first, as the format has them. */
  tensor(name: string, dimensions: readonly (bigint | number)[], type: number, offsetBytes: bigint | number): this {
    this.text(name).u32(dimensions.length)
    for (const dimension of dimensions) this.u64(dimension)
    return this.u32(type).u64(offsetBytes)
  }

  align(bytes: number): this {
    return this.zeros((bytes - (this.length % bytes)) % bytes)
  }

  get length(): number {
    return this.parts.reduce((sum, part) => sum + part.length, 0)
  }

  build(): Buffer {
    return Buffer.concat(this.parts)
  }
}
