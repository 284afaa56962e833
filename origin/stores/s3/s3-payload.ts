/**
 * The body of a write: the pieces as they lie in memory, and the sha256 that its signature covers.
 *
 * Over TLS the payload is not signed, as the AWS command line does it: TLS protects it. Over plain HTTP it is, so that a store that gets
 * other bytes refuses them; the hash is computed by the threads of the work on files, before the request and not by the SDK in its midst.
 */
import { Readable } from 'node:stream'
import type { PutObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3'
import type { FileWork } from '../../../native/index.ts'

export interface Payload {
  readonly sizeBytes: number
  readonly sha256: string
  /** For one try: a stream is used up. */
  readonly body: () => Uint8Array | Readable
}

const unsigned = 'UNSIGNED-PAYLOAD'

export async function payloadOf(
  pieces: readonly Uint8Array[],
  { work, isTls }: { readonly work: FileWork; readonly isTls: boolean },
): Promise<Payload> {
  const [first = new Uint8Array(0), second] = pieces
  return {
    sizeBytes: pieces.reduce((sum, piece) => sum + piece.length, 0),
    sha256: isTls ? unsigned : await hashOf(pieces, work),
    body: () => (second === undefined ? first : Readable.from(pieces, { objectMode: false })),
  }
}

/** The SDK signs what the header says, and hashes nothing. */
export function signPayload(command: PutObjectCommand | UploadPartCommand, { sha256 }: Payload): void {
  // The two stacks differ in the types of what they carry, which this step does not touch.
  const { middlewareStack } = command as PutObjectCommand
  middlewareStack.add(
    (next) => (args) => {
      const { headers } = args.request as { headers: Record<string, string> }
      headers['x-amz-content-sha256'] = sha256
      return next(args)
    },
    { step: 'build', name: 'holdfastPayload' },
  )
}

async function hashOf(pieces: readonly Uint8Array[], work: FileWork): Promise<string> {
  const hash = work.newHash()
  for (const piece of pieces) await hash.update(piece)
  return hash.digest()
}
