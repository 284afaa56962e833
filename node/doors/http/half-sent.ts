/**
 * Connections on which no whole request has arrived: new ones, those in the middle of one, idle ones. They cost descriptors, and the
 * middle of a request costs memory, so that somebody who never ends one must not take the place of those who do.
 */
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { FairConnections } from '../../shares/index.ts'

export function boundHalfSent(app: FastifyInstance, connectionsMax: number): void {
  const waiting = new FairConnections<Socket>({ connectionsMax, perOwnerMax: connectionsMax }, (socket) =>
    socket.destroy(),
  )
  const open = new WeakSet<Socket>()
  const wait = (socket: Socket) => waiting.enter(socket, socket.remoteAddress ?? '')
  app.server.on('connection', (socket: Socket) => {
    open.add(socket)
    wait(socket)
    socket.once('close', () => {
      open.delete(socket)
      waiting.leave(socket)
    })
  })
  // After the body was parsed.
  app.addHook('preValidation', async ({ raw }) => waiting.leave(raw.socket))
  app.addHook('onResponse', async ({ raw: { socket } }) => {
    if (!open.has(socket)) return
    wait(socket)
    // One that has been answered is worth more than one that has never asked.
    waiting.spoke(socket)
  })
}
