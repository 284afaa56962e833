/** TLS as both sides of a bulk connection use it: 1.3 only, AES-GCM (the fastest here by far), no tickets, no resumption. */
import { constants } from 'node:crypto'
import type { CommonConnectionOptions, SecureContextOptions, TLSSocket } from 'node:tls'

export const bulkProtocol = 'holdfast-bulk/1'

export const tlsOptions: SecureContextOptions & CommonConnectionOptions = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  ciphers: 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384',
  secureOptions: constants.SSL_OP_NO_TICKET,
  ALPNProtocols: [bulkProtocol],
  // Nobody vouches for these certificates; the proofs inside the connection do (proof.ts), before any request is read.
  rejectUnauthorized: false,
}

/** Writes and waits until the socket takes more; rejects when it closes first. */
export async function writeDrained(socket: TLSSocket, bytes: Uint8Array): Promise<void> {
  if (socket.destroyed) throw new Error('the socket is closed')
  if (socket.write(bytes)) return
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onClose = () => reject(new Error('the socket closed'))
  socket.once('drain', resolve)
  socket.once('close', onClose)
  try {
    await promise
  } finally {
    socket.off('drain', resolve)
    socket.off('close', onClose)
  }
}
