import type { FastifyReply } from 'fastify'
import { HoldfastError } from '../../../common/index.ts'

/** Aborts when the client closes its connection before it was answered. */
export function clientGone(reply: FastifyReply): AbortSignal {
  const gone = new AbortController()
  // Of the reply: the request itself closes as soon as its body has been read.
  reply.raw.once('close', () => {
    if (!reply.raw.writableEnded)
      gone.abort(new HoldfastError('DEADLINE_EXCEEDED', 'The client closed the connection.'))
  })
  return gone.signal
}
