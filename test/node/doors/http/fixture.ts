/** The HTTP interface over plain ports: what the node would answer is in the test's hands. */
import { Registry } from 'prom-client'
import { HoldfastError } from '../../../../common/errors.ts'
import type { HttpPorts } from '../../../../node/doors/http/ports.ts'
import { createHttpApp } from '../../../../node/doors/http/server.ts'
import type { InferenceRequest } from '../../../../node/requests/inference-service.ts'
import type { Log } from '../../../../node/system/log.ts'
import { formatModelName } from '../../../../origin/index.ts'
import type { RouteDecision } from '../../../../placement/index.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { bytesOf, modelOf } from '../../../support/models.ts'

export const model = modelOf({ 'model.onnx': bytesOf(100, 'm') })
const decision: RouteDecision = { kind: 'local', expectedMs: 1, reason: 'resident-here', alternatives: [] }

export class HttpFixture {
  readonly clock = new ManualClock()
  readonly requests: InferenceRequest[] = []
  readonly logged: { level: string; message: string; data: object }[] = []
  ready = true
  alive = true
  servable = true
  ports: HttpPorts
  readonly app: ReturnType<typeof createHttpApp>

  constructor(
    over: Partial<HttpPorts> = {},
    options: { host?: string; bodyLimitBytes?: number; requestsMax?: number } = {},
  ) {
    const log = Object.fromEntries(
      ['debug', 'info', 'warn', 'error'].map((level) => [
        level,
        (data: object, message: string) => this.logged.push({ level, message, data }),
      ]),
    ) as unknown as Log
    this.ports = {
      log,
      metrics: new Registry(),
      inference: {
        infer: async (request) => {
          this.requests.push(request)
          return { outputs: request.inputs, servedBy: 'node-b', servedFrom: 'forwarded', elapsedMs: 1.234, decision }
        },
      },
      pulse: async () => (this.alive ? { alive: true, reason: null } : { alive: false, reason: 'the store hangs' }),
      whyNotReady: () => (this.ready ? null : 'the node is draining'),
      resolve: async (name) => {
        if (formatModelName(name) !== 'acme/m:latest' && name.tag !== 'v3') {
          throw new HoldfastError('UNKNOWN_MODEL', `nobody knows ${formatModelName(name)}.`)
        }
        return { digest: model.id, manifest: model.manifest, ref: null, ageMs: 12.7 }
      },
      signature: async () => ({
        platform: 'onnx',
        inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
        outputs: [{ name: 'y', datatype: 'FP32', shape: [1] }],
      }),
      isServable: () => this.servable,
      route: () => decision,
      cluster: () => ({ self: 'node-a', version: '1.2.3', members: [] }),
      models: () => [],
      loading: () => ({ model: model.id, state: 'fetching', doneBytes: 1, totalBytes: 2, bytesPerS: null }),
      paths: ({ digest }) => ({ model: digest, tier: 'memory', folder: '/shm/m', files: [] }),
      resolveDigest: async (digest) => ({ digest, manifest: model.manifest }),
      clock: this.clock,
      ...over,
    }
    this.app = createHttpApp(this.ports, { host: '127.0.0.1', port: 0, bodyLimitBytes: 1_000, ...options })
  }

  get(url: string, headers: Record<string, string> = {}) {
    return this.app.inject({ method: 'GET', url, headers: { host: 'localhost:8080', ...headers } })
  }

  post(url: string, payload: string | object, headers: Record<string, string> = {}) {
    const content = { 'content-type': 'application/json', host: 'localhost:8080' }
    return this.app.inject({ method: 'POST', url, payload, headers: { ...content, ...headers } })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.app.close()
  }
}

export const body = { id: '7', inputs: [{ name: 'x', datatype: 'FP32', shape: [2], data: [1, 2] }] }
