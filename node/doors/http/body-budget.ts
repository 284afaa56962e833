/**
 * Bytes of the bodies of all requests together, of those that arrive and of those that are being answered. Beyond it the oldest that has
 * not arrived whole gives way; where there is none, the request itself is refused.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { HoldfastError } from '../../../common/index.ts'

/** A body that says it is no larger is not watched: as many as there can be requests of these are little. */
const smallBytes = 64 * 1024

interface Body {
  sizeBytes: number
  isWhole: boolean
  readonly refuse: () => void
}

export class BodyBudget {
  private readonly limitBytes: number
  /** In the order in which they began. */
  private readonly bodies = new Map<object, Body>()
  private sumBytes = 0

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes
  }

  get usedBytes(): number {
    return this.sumBytes
  }

  begin(request: object, refuse: () => void): void {
    this.bodies.set(request, { sizeBytes: 0, isWhole: false, refuse })
  }

  add(request: object, sizeBytes: number): void {
    const body = this.bodies.get(request)
    if (body === undefined) return
    body.sizeBytes += sizeBytes
    this.sumBytes += sizeBytes
    for (const [other, { isWhole, refuse }] of this.bodies) {
      if (this.sumBytes <= this.limitBytes) break
      if (isWhole || other === request) continue
      this.end(other)
      refuse()
    }
    if (this.sumBytes <= this.limitBytes) return
    this.end(request)
    body.refuse()
  }

  whole(request: object): void {
    const body = this.bodies.get(request)
    if (body !== undefined) body.isWhole = true
  }

  /** Idempotent. */
  end(request: object): void {
    const body = this.bodies.get(request)
    if (body === undefined) return
    this.bodies.delete(request)
    this.sumBytes -= body.sizeBytes
  }
}

/** Of bodies as they are after decompression. */
export function boundBodies(app: FastifyInstance, limitBytes: number): void {
  const budget = new BodyBudget(limitBytes)
  const message = `The bodies of all requests have more than ${limitBytes} bytes, which is the most (http.bodiesLimitBytes).`
  app.addHook('preParsing', async (request, reply, payload) => {
    if (isSmall(request)) return payload
    budget.begin(request, () => {
      reply.header('connection', 'close')
      // Heard by the parser of the body, which gives up and answers.
      if (payload.listenerCount('error') > 0) payload.emit('error', new HoldfastError('OVERLOADED', message))
    })
    reply.raw.once('close', () => budget.end(request))
    payload.on('data', (piece: Buffer) => budget.add(request, piece.byteLength))
    // It flows when the parser is there.
    payload.pause()
    return payload
  })
  app.addHook('preValidation', async (request) => budget.whole(request))
}

function isSmall({ headers }: FastifyRequest): boolean {
  if (headers['content-encoding'] !== undefined || headers['transfer-encoding'] !== undefined) return false
  return Number(headers['content-length'] ?? 0) <= smallBytes
}
