/**
 * Compressed bodies, both ways, for every door. A request is bounded by http.bodyLimitBytes as it is after decompression, so that a small
 * body cannot become a large one. Answers are compressed for clients that ask for it, by zlib's own threads.
 */
import { pipeline, Readable, Transform } from 'node:stream'
import { createBrotliDecompress, createDeflate, createGunzip, createGzip, createInflate } from 'node:zlib'
import type { FastifyInstance, FastifyReply, FastifyRequest, RequestPayload } from 'fastify'
import { HoldfastError } from '../../../common/index.ts'

const decoders: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
}

/** Tensors hardly become smaller at higher levels, which take many times longer. */
const level = 1
const encoders: Readonly<Record<string, () => Transform>> = {
  gzip: () => createGzip({ level }),
  deflate: () => createDeflate({ level }),
}

/** Shorter answers fit a packet as they are. */
const compressedBytesMin = 1400

export function codeContents(app: FastifyInstance, bodyLimitBytes: number): void {
  app.addHook('preParsing', async (request, _reply, payload) => decoded(request, payload, bodyLimitBytes))
  app.addHook('onSend', async (request, reply, payload) => encoded(request, reply, payload))
}

function decoded(request: FastifyRequest, payload: RequestPayload, limitBytes: number): RequestPayload {
  const coding = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity'
  if (coding === 'identity' || coding === '') return payload
  const decoder = Object.hasOwn(decoders, coding) ? decoders[coding]!() : null
  if (decoder === null) {
    throw new HoldfastError(
      'BAD_REQUEST',
      `The content encoding ${JSON.stringify(coding.slice(0, 40))} is not taken; send gzip, deflate, br or none.`,
    )
  }
  const bounded = new BoundedBody(limitBytes)
  payload.on('data', (piece: Buffer) => {
    bounded.receivedEncodedLength += piece.byteLength
  })
  pipeline(payload, decoder, bounded, () => {
    // A failure is an error of the stream that is returned, and the parser of the body reports it.
  })
  return bounded
}

/** Ends the decoder as well when there is too much: what nobody reads is not decompressed. */
class BoundedBody extends Transform {
  /** The framework compares it with Content-Length, which is of the compressed bytes. */
  receivedEncodedLength = 0
  private leftBytes: number

  constructor(limitBytes: number) {
    super()
    this.leftBytes = limitBytes
  }

  override _transform(piece: Buffer, _encoding: string, done: (error: Error | null, piece?: Buffer) => void): void {
    this.leftBytes -= piece.byteLength
    const message = 'The request body is larger than http.bodyLimitBytes after decompression.'
    if (this.leftBytes >= 0) done(null, piece)
    else done(new HoldfastError('REQUEST_TOO_LARGE', message))
  }
}

function encoded(request: FastifyRequest, reply: FastifyReply, payload: unknown): unknown {
  const isText = typeof payload === 'string' || Buffer.isBuffer(payload)
  const isStream = payload instanceof Readable
  if (!isText && !isStream) return payload
  reply.header('vary', 'accept-encoding')
  const sizeBytes = isText
    ? Buffer.byteLength(payload)
    : Number(reply.getHeader('content-length') ?? Number.POSITIVE_INFINITY)
  const coding = sizeBytes < compressedBytesMin ? null : acceptedCoding(request.headers['accept-encoding'])
  if (coding === null || reply.hasHeader('content-encoding')) return payload
  reply.header('content-encoding', coding)
  reply.removeHeader('content-length')
  const source = isText ? Readable.from([payload], { objectMode: false }) : payload
  return pipeline(source, encoders[coding]!(), () => {
    // A client that goes away ends the stream; nobody is left to be told.
  })
}

/** The first of ours that the client takes; null when it takes none, or did not say. */
export function acceptedCoding(header: string | string[] | undefined): string | null {
  if (header === undefined) return null
  const weights = new Map<string, number>()
  for (const part of String(header).toLowerCase().split(',')) {
    const [coding = '', ...parameters] = part.split(';').map((text) => text.trim())
    const weight = parameters.find((parameter) => parameter.startsWith('q='))
    weights.set(coding, weight === undefined ? 1 : Number(weight.slice(2)))
  }
  return Object.keys(encoders).find((coding) => (weights.get(coding) ?? weights.get('*') ?? 0) > 0) ?? null
}
