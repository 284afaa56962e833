/** Reads an answer's body into memory of exactly the announced size, however the sender behaves. */
import { BrokenAnswer } from './s3-errors.ts'

interface Stream extends AsyncIterable<Uint8Array> {
  destroy(error?: Error): unknown
}

/** As readBodyInto, into memory of its own. */
export async function readBody(body: unknown, sizeBytes: number, signal: AbortSignal): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafeSlow(sizeBytes)
  await readBodyInto(body, bytes, signal)
  return bytes
}

/** BrokenAnswer when the body is shorter or longer, or when the signal ends it. `body` is what the SDK calls a payload stream. */
export async function readBodyInto(body: unknown, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  const sizeBytes = bytes.length
  const stream = streamOf(body)
  const stop = () => stream.destroy(new BrokenAnswer('the answer was given up'))
  signal.addEventListener('abort', stop, { once: true })
  try {
    signal.throwIfAborted()
    let doneBytes = 0
    for await (const piece of stream) {
      if (doneBytes + piece.length > sizeBytes) throw new BrokenAnswer(`the body has more than ${sizeBytes} bytes`)
      bytes.set(piece, doneBytes)
      doneBytes += piece.length
    }
    if (doneBytes === sizeBytes) return
    throw new BrokenAnswer(`the body ended after ${doneBytes} of ${sizeBytes} bytes`)
  } finally {
    signal.removeEventListener('abort', stop)
    stream.destroy()
  }
}

/** Lets a body go that nobody wants, with its connection. */
export function dropBody(body: unknown): void {
  streamOf(body).destroy()
}

function streamOf(body: unknown): Stream {
  if (typeof body === 'object' && body !== null && Symbol.asyncIterator in body && 'destroy' in body)
    return body as Stream
  throw new BrokenAnswer('the answer has no body')
}
