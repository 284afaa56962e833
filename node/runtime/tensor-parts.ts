/**
 * Tensors between the pool and its worker processes. A large one goes ahead of its message in parts, because a message of many megabytes is
 * written, joined and copied in one go at either end, and the daemon's event loop would do nothing else meanwhile.
 */
import type { TensorValue } from '../ports/index.ts'

/** About a millisecond of copying. */
const partBytesMax = 512 * 1024

/** In a message: `data` is the number of bytes where they have gone ahead. */
export type SentTensor = Omit<TensorValue, 'data'> & { readonly data: Uint8Array | number }

export interface TensorPart {
  readonly kind: 'part'
  /** Of the message that follows. */
  readonly id: number
  /** Of all tensors of the message together, one behind the other. */
  readonly totalBytes: number
  readonly at: number
  readonly bytes: Uint8Array
}

/** Sends what has to go ahead, a part at a time, and returns what the message has to say. `send` resolves when it is written. */
export async function sendAhead(
  id: number,
  tensors: readonly TensorValue[],
  send: (part: TensorPart) => Promise<void>,
): Promise<readonly SentTensor[]> {
  const totalBytes = tensors.reduce((sum, { data }) => sum + data.byteLength, 0)
  if (totalBytes <= partBytesMax) return tensors
  let at = 0
  for (const { data } of tensors) {
    for (let from = 0; from < data.byteLength; from += partBytesMax) {
      const bytes = data.subarray(from, from + partBytesMax)
      await send({ kind: 'part', id, totalBytes, at, bytes })
      at += bytes.byteLength
    }
  }
  return tensors.map((tensor) => ({ ...tensor, data: tensor.data.byteLength }))
}

/** Parts that have come, until their message does. */
export class TensorParts {
  readonly #buffers = new Map<number, Uint8Array>()

  take({ id, totalBytes, at, bytes }: TensorPart): void {
    let buffer = this.#buffers.get(id)
    if (buffer === undefined) {
      buffer = new Uint8Array(totalBytes)
      this.#buffers.set(id, buffer)
    }
    buffer.set(bytes, at)
  }

  /** The tensors of the message, whole. */
  join(id: number, tensors: readonly SentTensor[]): TensorValue[] {
    const buffer = this.#buffers.get(id)
    this.#buffers.delete(id)
    let at = 0
    return tensors.map((tensor) => {
      const { data } = tensor
      if (typeof data !== 'number') return { ...tensor, data }
      at += data
      return { ...tensor, data: buffer!.subarray(at - data, at) }
    })
  }
}
