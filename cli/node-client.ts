/** Talks to a running node over HTTP. Its errors arrive as what they were there: the same code, message and details. */
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { type ErrorDetails, HoldfastError, isErrorCode } from '../common/index.ts'

export interface NodeClientOptions {
  readonly url: string
  /** Admin token; null to ask without one. */
  readonly token: string | null
}

/** An invalidation waits for the slowest node that it reaches; nothing else takes long. */
const timeoutMs = 60_000

export class NodeClient {
  private readonly url: string
  private readonly token: string | null

  constructor({ url, token }: NodeClientOptions) {
    this.url = url.replace(/\/+$/, '')
    this.token = token
  }

  get<T>(path: string): Promise<T> {
    return this.request('GET', path)
  }

  put<T>(path: string, body: object = {}): Promise<T> {
    return this.request('PUT', path, body)
  }

  post<T>(path: string, body: object = {}): Promise<T> {
    return this.request('POST', path, body)
  }

  delete<T>(path: string): Promise<T> {
    return this.request('DELETE', path)
  }

  private async request<T>(method: string, path: string, body?: object): Promise<T> {
    const headers: Record<string, string> = {}
    if (body !== undefined) headers['content-type'] = 'application/json'
    if (this.token !== null) headers.authorization = `Bearer ${this.token}`
    let response: Response
    try {
      response = await fetch(this.url + path, {
        method,
        headers,
        signal: AbortSignal.timeout(timeoutMs),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
    } catch (cause) {
      throw new HoldfastError('NODE_UNREACHABLE', `No node answers at ${this.url}: ${reasonOf(cause)}.`, { cause })
    }
    const text = await response.text()
    if (response.ok) return parse(text) as T
    throw errorOf(response.status, parse(text), this.url)
  }

  /** `acme/x:v1` and `sha256:...` as one part of a path. */
  static pathOf(name: string): string {
    return encodeURIComponent(name)
  }
}

/** The first token of the file. */
export function readToken(path: string): string {
  try {
    const lines = readFileSync(path, 'utf8').split('\n')
    const token = lines.map((line) => line.trim()).find((line) => line !== '' && !line.startsWith('#'))
    if (token !== undefined) return token
  } catch (cause) {
    throw new HoldfastError('BAD_CONFIG', `The token file ${path} cannot be read: ${(cause as Error).message}`, {
      cause,
    })
  }
  throw new HoldfastError('BAD_CONFIG', `The token file ${path} holds no token.`)
}

/** Where `holdfast init` puts things unless told otherwise. */
export function defaultConfigPath(environment: NodeJS.ProcessEnv = process.env): string {
  return join(environment.XDG_CONFIG_HOME || join(homedir(), '.config'), 'holdfast')
}

/** A token goes to another machine only when somebody said so. */
export function isOwnMachine(url: string): boolean {
  return /^https?:\/\/(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?(\/|$)/.test(url)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function errorOf(status: number, body: unknown, url: string): HoldfastError {
  const error = (body as { error?: { code?: unknown; message?: unknown; details?: ErrorDetails } } | null)?.error
  if (typeof error?.code === 'string' && isErrorCode(error.code)) {
    return new HoldfastError(error.code, String(error.message), { details: error.details ?? {} })
  }
  return new HoldfastError('NODE_UNREACHABLE', `${url} answered ${status}, and not as a node does.`)
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as { message: string; cause?: { code?: string; message?: string } }
  return cause?.code ?? cause?.message ?? message
}
