/** Reads the fields of a protocol-buffers message where they lie: https://protobuf.dev/programming-guides/encoding/. Copies nothing. */

export interface WireField {
  readonly number: number
  /** From the tag to the end of the value: the field as it was written. */
  readonly bytes: Uint8Array
  /** Of a length-delimited field; else null. */
  readonly content: Uint8Array | null
  /** Of a varint field; else null. Beyond 2^53 it is not exact. */
  readonly integer: number | null
}

const wireType = { varint: 0, fixed64: 1, delimited: 2, fixed32: 5 } as const

/** RangeError when the bytes are no message. */
export function* fieldsOf(message: Uint8Array): Generator<WireField> {
  const reader = new Reader(message)
  while (reader.at < message.length) {
    const start = reader.at
    const tag = reader.varint()
    const number = Math.floor(tag / 8)
    switch (tag % 8) {
      case wireType.varint: {
        const integer = reader.varint()
        yield { number, bytes: message.subarray(start, reader.at), content: null, integer }
        break
      }
      case wireType.fixed64:
        reader.skip(8)
        yield { number, bytes: message.subarray(start, reader.at), content: null, integer: null }
        break
      case wireType.delimited: {
        const content = reader.skip(reader.varint())
        yield { number, bytes: message.subarray(start, reader.at), content, integer: null }
        break
      }
      case wireType.fixed32:
        reader.skip(4)
        yield { number, bytes: message.subarray(start, reader.at), content: null, integer: null }
        break
      default:
        throw new RangeError(`wire type ${tag % 8} at byte ${start}`)
    }
  }
}

/** Nested messages in the field of that number. */
export function* messagesIn(message: Uint8Array, number: number): Generator<Uint8Array> {
  for (const field of fieldsOf(message)) if (field.number === number && field.content !== null) yield field.content
}

/** The last text in the field of that number, as the format has it; null without one. */
export function textIn(message: Uint8Array, number: number): string | null {
  let text: string | null = null
  for (const content of messagesIn(message, number)) text = Buffer.from(content).toString('utf8')
  return text
}

export function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  while (rest >= 128) {
    bytes.push((rest % 128) + 128)
    rest = Math.floor(rest / 128)
  }
  return Uint8Array.from([...bytes, rest])
}

class Reader {
  at = 0
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  varint(): number {
    let value = 0
    for (let scale = 1, count = 0; count < 10; scale *= 128, count++) {
      const byte = this.#bytes[this.at++]
      if (byte === undefined) break
      value += (byte % 128) * scale
      if (byte < 128) return value
    }
    throw new RangeError(`a number at byte ${this.at} has no end`)
  }

  skip(sizeBytes: number): Uint8Array {
    const end = this.at + sizeBytes
    if (end > this.#bytes.length) throw new RangeError(`a field of ${sizeBytes} bytes reaches beyond the message`)
    const skipped = this.#bytes.subarray(this.at, end)
    this.at = end
    return skipped
  }
}
