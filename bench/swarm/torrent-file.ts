/** A torrent of one file, and the tracker that tells its peers of each other, as BEP 3 and BEP 23 have them. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

const pieceBytes = 2 ** 20
const announceIntervalS = 5

/** @returns the bytes of the .torrent file. */
export async function makeTorrent(path: string, name: string, sizeBytes: number, announce: string): Promise<Buffer> {
  const digests: Buffer[] = []
  for await (const piece of createReadStream(path, { highWaterMark: pieceBytes })) {
    digests.push(createHash('sha1').update(piece).digest())
  }
  const pieces = Buffer.concat(digests)
  const info = Buffer.concat([
    Buffer.from(`d6:lengthi${sizeBytes}e4:name${text(name)}12:piece lengthi${pieceBytes}e6:pieces${pieces.length}:`),
    pieces,
    Buffer.from('e'),
  ])
  return Buffer.concat([Buffer.from(`d8:announce${text(announce)}4:info`), info, Buffer.from('e')])
}

export class Tracker {
  readonly url: string
  private readonly server: Server

  private constructor(server: Server, url: string) {
    this.server = server
    this.url = url
  }

  /** `onPeer` is called with the address of each peer that announces itself for the first time. */
  static async start(host: string, onPeer: (address: string) => void): Promise<Tracker> {
    const peers = new Map<string, Buffer>()
    const server = createServer((request, response) => {
      const port = Number(new URL(request.url ?? '/', 'http://tracker').searchParams.get('port'))
      const address = request.socket.remoteAddress!
      if (!peers.has(address)) onPeer(address)
      peers.set(address, Buffer.from([...address.split('.').map(Number), port >> 8, port & 255]))
      const compact = Buffer.concat([...peers.values()])
      const head = `d8:intervali${announceIntervalS}e12:min intervali1e5:peers${compact.length}:`
      response.end(Buffer.concat([Buffer.from(head), compact, Buffer.from('e')]))
    })
    await new Promise<void>((resolve) => server.listen(0, host, resolve))
    return new Tracker(server, `http://${host}:${(server.address() as AddressInfo).port}/announce`)
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections()
    await new Promise((resolve) => this.server.close(resolve))
  }
}

function text(value: string): string {
  return `${value.length}:${value}`
}
