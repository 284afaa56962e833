/**
 * The node's HTTP interface: one server, and a door for each protocol on it. Requests of web pages from elsewhere are refused by their
 * Sec-Fetch-Site header, on loopback by Host and Origin too.
 */
import { randomUUID } from 'node:crypto'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { HoldfastError } from '../../../common/index.ts'
import type { Clock, Log } from '../../system/index.ts'
import type { Callers } from '../../tenants/index.ts'
import { admitCallers } from './admission.ts'
import { boundBodies } from './body-budget.ts'
import { refuseBrokenRequest } from './broken-request.ts'
import { codeContents } from './content-coding.ts'
import type { HttpDoor } from './door.ts'
import { type ErrorForm, errorReply, ownErrorForm } from './errors.ts'
import { isForeignPage } from './foreign-page.ts'
import { boundHalfSent } from './half-sent.ts'
import { boundRequests } from './request-bound.ts'
import { type HideFolders, hideFolders } from './without-folders.ts'

export interface HttpServerPorts {
  readonly callers: Pick<Callers, 'admit'>
  readonly clock: Clock
  readonly log: Log
}

export interface HttpServerOptions {
  readonly host: string
  readonly port: number
  readonly bodyLimitBytes: number
  /** Of this node: errors do not name what lies below them, but for its last name. */
  readonly folders?: readonly string[]
  /** http.requestsMax and so on; without one there is no bound. */
  readonly requestsMax?: number
  readonly halfSentMax?: number
  readonly bodiesLimitBytes?: number
  /** Largest body of the routes that parse it as JSON as a whole: values take many times the memory of their text. */
  readonly jsonLimitBytes?: number
  /** A request that takes longer to arrive is refused. */
  readonly requestTimeoutMs?: number
  /** Connections that are still busy this long after stop() began are cut off. */
  readonly closeMs?: number
}

const defaultCloseMs = 2_000
const defaultRequestTimeoutMs = 300_000
/** Headers fit a few packets. */
const headersTimeoutMs = 10_000
/** How often requests are looked for that take too long to arrive. */
const timeoutCheckMs = 2_000

/** What goes to the log, and what callers may read. */
interface ErrorAnswers {
  readonly log: Log
  readonly hide: HideFolders
}

export class HttpServer {
  private readonly ports: HttpServerPorts
  private readonly options: HttpServerOptions
  private readonly app: FastifyInstance
  private listeningAt = ''

  constructor(ports: HttpServerPorts, options: HttpServerOptions, doors: readonly HttpDoor[]) {
    this.ports = ports
    this.options = options
    this.app = createHttpApp(ports, options, doors)
  }

  /** Empty before it listens. */
  get url(): string {
    return this.listeningAt
  }

  async start(): Promise<void> {
    const { host, port } = this.options
    try {
      this.listeningAt = await this.app.listen({ host, port })
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException
      const why = code === 'EADDRINUSE' ? 'it is taken' : (code ?? (cause as Error).message)
      throw new HoldfastError(
        'BAD_CONFIG',
        `Cannot listen on ${host} port ${port}: ${why}. Set http.host or http.port (--http-port).`,
        { details: { host, port }, cause },
      )
    }
  }

  async stop(): Promise<void> {
    const { closeMs = defaultCloseMs } = this.options
    const forget = this.ports.clock.after(closeMs, () => this.app.server.closeAllConnections())
    try {
      await this.app.close()
    } finally {
      forget()
    }
  }
}

export function createHttpApp(
  { callers, log }: Pick<HttpServerPorts, 'callers' | 'log'>,
  options: HttpServerOptions,
  doors: readonly HttpDoor[],
): FastifyInstance {
  const { requestTimeoutMs = defaultRequestTimeoutMs, jsonLimitBytes = options.bodyLimitBytes } = options
  const answers = { log, hide: hideFolders(options.folders ?? []) }
  const formFor = (url: string) =>
    doors.find(({ prefix }) => prefix !== '' && url.startsWith(prefix))?.errorForm ?? ownErrorForm
  const app = fastify({
    bodyLimit: options.bodyLimitBytes,
    requestTimeout: requestTimeoutMs,
    http: {
      headersTimeout: Math.min(headersTimeoutMs, requestTimeoutMs),
      connectionsCheckingInterval: Math.min(timeoutCheckMs, requestTimeoutMs),
    },
    routerOptions: { maxParamLength: 1024 },
    genReqId: ({ headers }) => requestIdOf(headers['holdfast-request-id']),
    forceCloseConnections: 'idle',
    clientErrorHandler: refuseBrokenRequest,
    // What the framework refuses before any door is found: a path that is not percent-encoded right, say.
    frameworkErrors: (error, request, reply) => void sendError(answers, formFor(request.url), error, request, reply),
  })
  app.addHook('onRequest', async (request) => {
    if (isForeignPage(request.headers, options.host)) {
      throw new HoldfastError(
        'BAD_REQUEST',
        'Requests of pages of other web sites are refused; ask from a program, or from a page of this host.',
      )
    }
  })
  admitCallers(app, callers)
  if (options.halfSentMax !== undefined) boundHalfSent(app, options.halfSentMax)
  if (options.requestsMax !== undefined) boundRequests(app, options.requestsMax)
  codeContents(app, options.bodyLimitBytes)
  if (options.bodiesLimitBytes !== undefined) boundBodies(app, options.bodiesLimitBytes)
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'string', bodyLimit: Math.min(jsonLimitBytes, options.bodyLimitBytes) },
    app.getDefaultJsonParser('error', 'error'),
  )
  app.addHook('onSend', async (request, reply) => {
    reply.header('holdfast-request-id', request.id)
  })
  app.addHook('onResponse', async (request, reply) => {
    const { id: requestId, method, url } = request
    const elapsedMs = Math.round(reply.elapsedTime)
    log.debug({ requestId, method, url, status: reply.statusCode, elapsedMs }, 'request answered')
  })
  setErrorForm(app, answers, ownErrorForm, { answersUnknownPaths: true })
  for (const { prefix, errorForm, register } of doors) {
    app.register(
      async (scope) => {
        setErrorForm(scope, answers, errorForm, { answersUnknownPaths: prefix !== '' })
        register(scope, answers.hide)
      },
      { prefix },
    )
  }
  return app
}

function setErrorForm(
  scope: FastifyInstance,
  answers: ErrorAnswers,
  form: ErrorForm,
  { answersUnknownPaths }: { readonly answersUnknownPaths: boolean },
): void {
  scope.setErrorHandler((error, request, reply) => sendError(answers, form, error, request, reply))
  if (!answersUnknownPaths) return
  scope.setNotFoundHandler((request, reply) => {
    const error = new HoldfastError('UNKNOWN_ROUTE', `There is no ${request.method} ${request.url.split('?')[0]}.`)
    return sendError(answers, form, error, request, reply)
  })
}

/** The caller's, so that its logs and ours speak of the same request; one that could not stand in a log line is replaced. */
function requestIdOf(header: string | string[] | undefined): string {
  return typeof header === 'string' && /^[\w.:-]{1,128}$/.test(header) ? header : randomUUID()
}

function sendError(
  { log, hide }: ErrorAnswers,
  form: ErrorForm,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const { status, headers, body } = errorReply(error, form, hide)
  const facts = { requestId: request.id, url: request.url, status, error: messageOf(error) }
  if (status === 500) log.error({ ...facts, stack: error instanceof Error ? error.stack : null }, 'request failed')
  else log.debug(facts, 'request refused')
  // Here too: what the framework refuses by itself passes no hook.
  return reply.code(status).headers(headers).header('holdfast-request-id', request.id).send(body)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
