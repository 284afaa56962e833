/** Ports: free, or taken by this very node. */
import { createServer } from 'node:net'
import {
  bulkHostOf,
  hostOfMultiaddr,
  listenAddressesOf,
  type NodeOptions,
  portOfMultiaddr,
} from '../../node/config/index.ts'
import { nodePaths } from '../../node/system/index.ts'
import { type BoxPatient, fail, ok, type Verdict } from './types.ts'

interface Wanted {
  readonly option: string
  readonly host: string
  readonly port: number
}

/** A node that does not answer by then is none. */
const askTimeoutMs = 2_000

export async function checkPorts({ options, isRunning }: BoxPatient): Promise<Verdict | Verdict[]> {
  if (isRunning) return ok('the node runs already, and has its ports')
  const verdicts: Verdict[] = []
  for (const wanted of wantedPorts(options)) {
    const code = await tryToListen(wanted)
    if (code !== null) verdicts.push(judgeTaken(wanted, code))
  }
  return verdicts.length > 0 ? verdicts : ok('all ports are free')
}

export function wantedPorts(options: NodeOptions): Wanted[] {
  const cluster = listenAddressesOf(options).flatMap((address): Wanted[] => {
    const host = hostOfMultiaddr(address)
    const port = portOfMultiaddr(address)
    return host === null || port === null ? [] : [{ option: 'cluster.listen', host, port }]
  })
  return [
    { option: 'http.port', host: options['http.host'], port: options['http.port'] },
    ...cluster,
    { option: 'cluster.bulkPort', host: bulkHostOf(options), port: options['cluster.bulkPort'] },
  ]
}

export function judgeTaken({ option, host, port }: Wanted, code: string): Verdict {
  const where = `${option}: ${host}:${port}`
  switch (code) {
    case 'EADDRINUSE':
      return fail(
        `${where} is taken by another program`,
        `Find it with \`ss -ltnp sport = :${port}\`, or choose another port.`,
      )
    case 'EACCES':
      return fail(`${where} is not for this user`, 'Choose a port above 1023.')
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return fail(`${where} is no address of this machine`, 'Use one that `ip address` shows, or 0.0.0.0.')
    default:
      return fail(`${where} cannot be listened on: ${code}`, 'See the error of the operating system.')
  }
}

interface RunningNode {
  readonly socketPath: string
  readonly identityClaims?: { readonly count: number } | null
}

/** What the node with the socket of this configuration says at the HTTP port; null when none does. */
export async function runningNode(options: NodeOptions): Promise<RunningNode | null> {
  const { 'http.host': host, 'http.port': port } = options
  if (port === 0) return null
  try {
    const authority = host.includes(':') ? `[${host}]` : host
    const response = await fetch(`http://${authority}:${port}/v1/status`, { signal: AbortSignal.timeout(askTimeoutMs) })
    const status = (await response.json()) as RunningNode
    return status.socketPath === nodePaths(options).socketPath ? status : null
  } catch {
    // Nobody there, or no node: then listening tells the rest.
    return null
  }
}

/** Null when it worked; else the code of the error. */
function tryToListen({ host, port }: Wanted): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>()
  const server = createServer()
  server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
  server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)))
  return promise
}
