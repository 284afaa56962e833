/** Elements of BYTES tensors: each is its length in four bytes, little-endian, and then so many bytes, as Triton and KServe send them. */

const lengthBytes = 4

export function encodeElements(elements: readonly (string | Uint8Array)[]): Uint8Array {
  const pieces = elements.flatMap((element) => {
    const bytes = typeof element === 'string' ? Buffer.from(element) : element
    const head = Buffer.alloc(lengthBytes)
    head.writeUInt32LE(bytes.byteLength)
    return [head, bytes]
  })
  return new Uint8Array(Buffer.concat(pieces))
}

/** The elements in order; null where the bytes end within one. */
export function* byteElements(data: Uint8Array): Generator<Uint8Array | null, void> {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  for (let at = 0; at < data.byteLength; ) {
    const end =
      at + lengthBytes <= data.byteLength ? at + lengthBytes + view.getUint32(at, true) : Number.POSITIVE_INFINITY
    if (end > data.byteLength) return yield null
    yield data.subarray(at + lengthBytes, end)
    at = end
  }
}

/** Grows as elements come; `bytes` is what there is so far. */
export class ElementsWriter {
  private buffer = Buffer.allocUnsafe(1024)
  private sizeBytes = 0

  add(text: string): void {
    const textBytes = Buffer.byteLength(text)
    const neededBytes = this.sizeBytes + lengthBytes + textBytes
    if (neededBytes > this.buffer.byteLength) {
      const larger = Buffer.allocUnsafe(Math.max(neededBytes, 2 * this.buffer.byteLength))
      this.buffer.copy(larger, 0, 0, this.sizeBytes)
      this.buffer = larger
    }
    this.buffer.writeUInt32LE(textBytes, this.sizeBytes)
    this.buffer.write(text, this.sizeBytes + lengthBytes)
    this.sizeBytes = neededBytes
  }

  get bytes(): Uint8Array {
    return new Uint8Array(this.buffer.buffer, this.buffer.byteOffset, this.sizeBytes)
  }
}
