/** Strangers: they reach the ports and have nothing. */
import { connect, type Socket } from 'node:net'
import type { AttackFacts, HostileCase } from '../types.ts'

interface Endpoint {
  readonly host: string
  readonly port: number
}

/** Honest users come from another one, as on a network. */
const strangersAddress = '127.0.0.2'

const strangers = { who: 'stranger', origin: 'folder', rssBudgetMb: 64 } as const

export const strangerCases: readonly HostileCase[] = [
  {
    ...strangers,
    name: 'silent-bulk',
    does: 'holds 520 TCP connections to the bulk port and says nothing; one that is closed is opened again',
    attack: (facts) => hold(520, endpointOf(facts.bulkAddress)),
  },
  {
    ...strangers,
    name: 'silent-cluster',
    does: 'holds 260 TCP connections to the cluster port and says nothing; one that is closed is opened again',
    attack: (facts) => hold(260, clusterEndpoint(facts)),
  },
  {
    ...strangers,
    name: 'garbage-cluster',
    does: 'opens connections to the cluster port one after the other and sends noise',
    attack: (facts) => hold(64, clusterEndpoint(facts), Buffer.alloc(4_096, 0xa5)),
  },
  {
    ...strangers,
    name: 'half-bodies',
    does: 'sends 1,100 requests whose bodies never come',
    attack: (facts) => hold(1_100, httpEndpoint(facts), halfRequest(facts, '{"inputs": [')),
  },
  {
    ...strangers,
    name: 'half-headers',
    does: 'sends 1,100 requests whose headers never end',
    attack: (facts) => hold(1_100, httpEndpoint(facts), 'GET /v2/health/ready HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: '),
  },
]

function halfRequest({ httpUrl, honest }: AttackFacts, part: string): string {
  const { host } = new URL(httpUrl)
  const path = `/v2/models/${encodeURIComponent(honest.name)}/infer`
  const head = `POST ${path} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\ncontent-length: 10000\r\n\r\n`
  return head + part
}

/** Keeps so many connections, a hundred new ones at a time at most, each of which begins with `first`. */
async function hold(count: number, endpoint: Endpoint, first: string | Buffer = ''): Promise<void> {
  const reopenMs = 50
  const openOne = (): Socket => {
    const socket = connect({ ...endpoint, localAddress: strangersAddress })
    socket.on('connect', () => {
      if (first.length > 0) socket.write(first)
    })
    socket.on('error', () => {})
    socket.on('data', () => {})
    socket.on('close', () => setTimeout(openOne, reopenMs))
    return socket
  }
  const sockets = Array.from({ length: count }, openOne)
  await Promise.all(
    sockets.map((socket) => new Promise((resolve) => socket.once('connect', resolve).once('close', resolve))),
  )
}

function endpointOf(address: string): Endpoint {
  const colon = address.lastIndexOf(':')
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) }
}

function httpEndpoint({ httpUrl }: AttackFacts): Endpoint {
  return endpointOf(new URL(httpUrl).host)
}

/** Of /ip4/HOST/tcp/PORT/p2p/ID. */
function clusterEndpoint({ clusterAddress }: AttackFacts): Endpoint {
  const [, , host, , port] = clusterAddress.split('/')
  return { host: host!, port: Number(port) }
}
