/** Bytes that are no HTTP request, of which no route and so no door is known: answered on the socket, with the error form of the node. */
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { HoldfastError } from '../../../common/index.ts'
import { errorReply, ownErrorForm } from './errors.ts'

export function refuseBrokenRequest(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const { status, headers, body } = errorReply(errorOf(error.code), ownErrorForm)
  const text = JSON.stringify(body)
  const lines = Object.entries({
    ...headers,
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${text}`)
}

function errorOf(code: string | undefined): HoldfastError {
  if (code === 'HPE_HEADER_OVERFLOW')
    return new HoldfastError(
      'REQUEST_TOO_LARGE',
      'The headers of the request are too large; send fewer or shorter ones.',
    )
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new HoldfastError('BAD_REQUEST', 'The request did not arrive whole in time; send it again.')
  return new HoldfastError('BAD_REQUEST', 'The bytes are no HTTP/1.1 request; check its lengths and its encoding.')
}
