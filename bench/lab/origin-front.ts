/**
 * Serves an origin's folder over the network as an S3 store would, for reading only: `origin-front.ts FOLDER HOST PORT`.
 * GET and HEAD of /BUCKET/KEY with single ranges; any bucket and any credentials will do. /-/served tells what it has sent, /-/manner/M
 * changes how it answers. Prints "ready" and its port. For laboratories: there is no access control.
 */
import { createReadStream, type ReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, normalize, sep } from 'node:path'

export interface Served {
  /** Of models, as far as answers were sent; tags, manifests and records of where things lie do not count. */
  readonly bytes: number
  readonly requests: number
}

/** away: connections end without an answer; hanging: they stay, without one; slow: each answer takes 3 s longer. */
export type OriginManner = 'well' | 'away' | 'hanging' | 'slow'

const slowMs = 3_000
let manner: OriginManner = 'well'

const [folder, host, port] = process.argv.slice(2)
let bytes = 0
let requests = 0
const sending = new Set<ReadStream>()

/** As long as object stores do; Node's 5 s would have every load connect anew. */
const keepAliveTimeout = 20_000

const server = createServer({ keepAliveTimeout }, (request, response) => {
  answer(request, response).catch((error: Error) => response.destroy(error))
}).listen(Number(port), host, () => console.log(`ready ${(server.address() as AddressInfo).port}`))

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = decodeURIComponent(new URL(request.url ?? '/', 'http://origin').pathname)
  if (path === '/-/served') {
    const underWay = [...sending].reduce((sum, { bytesRead }) => sum + bytesRead, 0)
    response.end(JSON.stringify({ bytes: bytes + underWay, requests } satisfies Served))
    return
  }
  if (path.startsWith('/-/manner/')) {
    manner = path.slice('/-/manner/'.length) as OriginManner
    response.end()
    return
  }
  if (manner === 'away') {
    request.socket.destroy()
    return
  }
  if (manner === 'hanging') return
  if (manner === 'slow') await new Promise((resolve) => setTimeout(resolve, slowMs))
  requests += 1
  const [, , ...key] = path.split('/')
  const file = normalize(join(folder!, ...key))
  const found = file.startsWith(folder! + sep) ? await stat(file).catch(() => null) : null
  if (found === null || !found.isFile()) {
    const body = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>NoSuchKey</Code></Error>'
    response.writeHead(404, { 'content-type': 'application/xml', 'content-length': body.length }).end(body)
    return
  }
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')
  const first = range === null ? 0 : Number(range[1])
  const last = range === null ? found.size - 1 : Math.min(Number(range[2]), found.size - 1)
  response.writeHead(range === null ? 200 : 206, {
    'content-length': last - first + 1,
    etag: `"${found.mtimeMs.toString(36)}-${found.size}"`,
    ...(range === null ? {} : { 'content-range': `bytes ${first}-${last}/${found.size}` }),
  })
  if (request.method === 'HEAD' || last < first) {
    response.end()
    return
  }
  const content = createReadStream(file, { start: first, end: last })
  content.on('error', (error) => response.destroy(error))
  if (key[0] === 'objects') {
    sending.add(content)
    response.on('close', () => {
      if (sending.delete(content)) bytes += content.bytesRead
      content.destroy()
    })
  }
  content.pipe(response)
}
