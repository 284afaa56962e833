/** TCP connections of a stranger that says nothing, or only the beginning of something. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export class SilentSockets {
  private readonly sockets: Socket[] = []

  /** Opens so many, one after the other, and says `text` on each. */
  async open(
    count: number,
    target: { readonly host: string; readonly port: number; readonly localAddress?: string },
    text = '',
  ): Promise<void> {
    for (let at = 0; at < count; at += 1) {
      const socket = connect(target)
      // It may be thrown out at any moment.
      socket.on('error', () => {})
      socket.resume()
      this.sockets.push(socket)
      await Promise.race([once(socket, 'connect'), once(socket, 'close')])
      if (text !== '' && socket.writable) socket.write(text)
    }
  }

  get openCount(): number {
    return this.sockets.filter((socket) => !socket.destroyed).length
  }

  [Symbol.dispose](): void {
    this.close()
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy()
  }
}
