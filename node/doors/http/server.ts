/**
 * The node's HTTP interface: Open Inference Protocol V2 below /v2, our own views below /v1, Prometheus metrics at /metrics.
 * On loopback, requests of web pages from elsewhere are refused by their Host and Origin headers.
 */
import { randomUUID } from 'node:crypto'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { HoldfastError } from '../../../common/index.ts'
import { registerClusterRoutes } from '../admin/routes-cluster.ts'
import { registerInferenceRoutes } from '../open-inference/routes-inference.ts'
import { errorReply } from './errors.ts'
import { isForeignPage } from './foreign-page.ts'
import type { HttpPorts } from './ports.ts'
import { boundRequests } from './request-bound.ts'
import { registerHealthRoutes } from './routes-health.ts'

export interface HttpServerOptions {
  readonly host: string
  readonly port: number
  readonly bodyLimitBytes: number
  /** http.requestsMax; without it there is no bound. */
  readonly requestsMax?: number
  /** Connections that are still busy this long after close() began are cut off. */
  readonly closeMs?: number
}

const defaultCloseMs = 2_000

export interface HttpServer {
  readonly url: string
  /** For tests: a request without a socket. */
  readonly app: FastifyInstance
  close(): Promise<void>
}

/** `addRoutes` registers what is not part of the ports: the admin interface. */
export function createHttpApp(
  ports: HttpPorts,
  options: HttpServerOptions,
  addRoutes: (app: FastifyInstance) => void = () => undefined,
): FastifyInstance {
  const app = fastify({
    bodyLimit: options.bodyLimitBytes,
    routerOptions: { maxParamLength: 1024 },
    genReqId: ({ headers }) => requestIdOf(headers['holdfast-request-id']),
    forceCloseConnections: 'idle',
    // What the framework refuses before any route is found: a path that is not percent-encoded right, say.
    frameworkErrors: (error, request, reply) => void sendError(ports, error, request, reply),
  })
  app.addHook('onRequest', async (request) => {
    if (isForeignPage(request.headers, options.host)) {
      throw new HoldfastError('BAD_REQUEST', 'requests of other web sites are refused on a loopback interface.')
    }
  })
  if (options.requestsMax !== undefined) boundRequests(app, options.requestsMax)
  app.addHook('onSend', async (request, reply) => {
    reply.header('holdfast-request-id', request.id)
  })
  app.setErrorHandler((error, request, reply) => sendError(ports, error, request, reply))
  app.setNotFoundHandler((request, reply) => {
    const error = new HoldfastError('UNKNOWN_ROUTE', `there is no ${request.method} ${request.url.split('?')[0]}.`)
    return sendError(ports, error, request, reply)
  })
  app.addHook('onResponse', async (request, reply) => {
    const { id: requestId, method, url } = request
    const elapsedMs = Math.round(reply.elapsedTime)
    ports.log.debug({ requestId, method, url, status: reply.statusCode, elapsedMs }, 'request answered')
  })
  registerHealthRoutes(app, ports)
  registerInferenceRoutes(app, ports)
  registerClusterRoutes(app, ports)
  addRoutes(app)
  return app
}

export async function startHttpServer(
  ports: HttpPorts,
  options: HttpServerOptions,
  addRoutes?: (app: FastifyInstance) => void,
): Promise<HttpServer> {
  const app = createHttpApp(ports, options, addRoutes)
  const url = await listen(app, options)
  return { url, app, close: () => closeWithin(app, options.closeMs ?? defaultCloseMs) }
}

async function listen(app: FastifyInstance, { host, port }: HttpServerOptions): Promise<string> {
  try {
    return await app.listen({ host, port })
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const why = code === 'EADDRINUSE' ? 'it is taken' : (code ?? (cause as Error).message)
    throw new HoldfastError(
      'BAD_CONFIG',
      `cannot listen on ${host} port ${port}: ${why}. Set http.host or http.port (--http-port).`,
      {
        details: { host, port },
        cause,
      },
    )
  }
}

async function closeWithin(app: FastifyInstance, closeMs: number): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), closeMs)
  try {
    await app.close()
  } finally {
    clearTimeout(timer)
  }
}

/** The caller's, so that its logs and ours speak of the same request; one that could not stand in a log line is replaced. */
function requestIdOf(header: string | string[] | undefined): string {
  return typeof header === 'string' && /^[\w.:-]{1,128}$/.test(header) ? header : randomUUID()
}

function sendError(ports: HttpPorts, error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { status, headers, body } = errorReply(error, { isProtocolRoute: request.url.startsWith('/v2') })
  const log = { requestId: request.id, url: request.url, status, error: messageOf(error) }
  if (status === 500) ports.log.error({ ...log, stack: error instanceof Error ? error.stack : null }, 'request failed')
  else ports.log.debug(log, 'request refused')
  // Here too: what the framework refuses by itself passes no hook.
  return reply.code(status).headers(headers).header('holdfast-request-id', request.id).send(body)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
