/**
 * Binary tensors of the protocol's extension: the JSON comes first, its length in a header, and the bytes of the tensors follow in the order
 * in which the JSON names them. The header's value 0 is Triton's raw request: the body is the data of the only input.
 */
import { HoldfastError } from '../../../common/index.ts'

export const jsonLengthHeader = 'inference-header-content-length'

export interface BodyParts {
  readonly json: Buffer
  readonly binary: Buffer
  /** The whole body is one tensor, and there is no JSON. */
  readonly isRaw: boolean
}

/** BAD_REQUEST for a length that is none, or longer than the body. */
export function splitBody(body: Buffer, header: string | string[] | undefined): BodyParts {
  if (header === undefined) return { json: body, binary: Buffer.alloc(0), isRaw: false }
  const length = typeof header === 'string' && /^\d{1,15}$/.test(header) ? Number(header) : Number.NaN
  if (!(length <= body.byteLength)) {
    throw new HoldfastError(
      'BAD_REQUEST',
      `Inference-Header-Content-Length has to be the length of the JSON, 0 to ${body.byteLength}, not ${JSON.stringify(header)}.`,
    )
  }
  return { json: body.subarray(0, length), binary: body.subarray(length), isRaw: length === 0 }
}

/** Gives out the binary part, piece by piece. */
export class BinaryReader {
  private readonly bytes: Buffer
  private at = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  get leftBytes(): number {
    return this.bytes.byteLength - this.at
  }

  /** Null when there are not so many left. */
  take(sizeBytes: number): Uint8Array | null {
    if (sizeBytes > this.leftBytes) return null
    this.at += sizeBytes
    return this.bytes.subarray(this.at - sizeBytes, this.at)
  }
}
