/** The HTTP interface over plain ports: what the node would answer is in the test's hands. */
import { Registry } from 'prom-client'
import { HoldfastError } from '../../../../common/errors.ts'
import type { Admin } from '../../../../node/admin/index.ts'
import { adminDoor } from '../../../../node/doors/admin/index.ts'
import type { TenantCalls } from '../../../../node/doors/admin/routes-tenants.ts'
import type { ViewPorts } from '../../../../node/doors/admin/routes-views.ts'
import { healthDoor, type NodeHealth } from '../../../../node/doors/http/index.ts'
import { createHttpApp, type HttpServerOptions } from '../../../../node/doors/http/server.ts'
import { metricsDoor } from '../../../../node/doors/metrics/index.ts'
import { openInferenceDoor } from '../../../../node/doors/open-inference/index.ts'
import type { InferenceRequest } from '../../../../node/requests/inference-service.ts'
import { ModelCalls, type ModelCallsPorts } from '../../../../node/requests/model-calls.ts'
import type { Log } from '../../../../node/system/log.ts'
import type { PinQuota } from '../../../../node/tenants/index.ts'
import { formatModelName } from '../../../../origin/index.ts'
import type { RouteDecision } from '../../../../placement/index.ts'
import { callersWith, namesWith } from '../../../support/callers.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { bytesOf, modelOf } from '../../../support/models.ts'
import { quietTiming } from '../../../support/request-timing.ts'

export const model = modelOf({ 'model.onnx': bytesOf(100, 'm') })
const decision: RouteDecision = { kind: 'local', expectedMs: 1, reason: 'resident-here', alternatives: [] }

export type DoorPorts = ModelCallsPorts & NodeHealth & Omit<ViewPorts, 'calls'>

export class HttpFixture {
  readonly clock = new ManualClock()
  readonly requests: InferenceRequest[] = []
  readonly logged: { level: string; message: string; data: object }[] = []
  ready = true
  alive = true
  servable = true
  ports: DoorPorts
  readonly app: ReturnType<typeof createHttpApp>

  constructor(
    over: Partial<DoorPorts> = {},
    options: Partial<HttpServerOptions> = {},
    { callers }: Pick<ReturnType<typeof callersWith>, 'callers'> = callersWith(),
  ) {
    const log = Object.fromEntries(
      ['debug', 'info', 'warn', 'error'].map((level) => [
        level,
        (data: object, message: string) => this.logged.push({ level, message, data }),
      ]),
    ) as unknown as Log
    this.ports = {
      inference: {
        infer: async (request) => {
          this.requests.push(request)
          const outputs = { outputs: request.inputs, omittedOutputs: [] }
          return { ...outputs, servedBy: 'node-b', servedFrom: 'forwarded', elapsedMs: 1.234, decision }
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
      checkName: (tenant, name) => this.ports.names.check(tenant, { kind: 'name', name }),
      within: (_tenant, work) => work(),
      names: namesWith(),
      isKnown: () => true,
      lookUpBehind: () => {},
      signature: async () => ({
        platform: 'onnx',
        inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
        outputs: [{ name: 'y', datatype: 'FP32', shape: [1] }],
        omittedOutputs: [],
        weights: 'shared',
        privateBytes: 0,
      }),
      isServable: () => this.servable,
      route: () => decision,
      predict: (_resolved, _context, batch) => ({ batch, options: [] }),
      defaultNamespace: 'library',
      cluster: () => ({ self: 'node-a', version: '1.2.3', members: [] }),
      models: () => [],
      fetches: {
        list: () => [],
        get: () => {
          throw new HoldfastError('UNKNOWN_FETCH', 'There is none.')
        },
      },
      loading: () => ({ model: model.id, state: 'fetching', doneBytes: 1, totalBytes: 2, bytesPerS: null }),
      paths: async (reference) => {
        const digest =
          reference.kind === 'digest' ? reference.digest : (await this.ports.resolve(reference.name)).digest
        return { model: digest, tier: 'memory', folder: '/shm/m', files: [] }
      },
      timing: quietTiming(this.clock),
      clock: this.clock,
      ...over,
    }
    const calls = new ModelCalls(this.ports)
    this.app = createHttpApp({ callers, log }, { host: '127.0.0.1', port: 0, bodyLimitBytes: 1_000, ...options }, [
      healthDoor(this.ports),
      openInferenceDoor({ calls, health: this.ports, defaultNamespace: 'library', version: '1.2.3' }),
      adminDoor({ ...this.ports, calls, admin: {} as Admin, tenants: {} as TenantCalls, pinQuota: {} as PinQuota }),
      metricsDoor(new Registry()),
    ])
  }

  get(url: string, headers: Record<string, string> = {}) {
    return this.app.inject({ method: 'GET', url, headers: { host: 'localhost:8080', ...headers } })
  }

  post(url: string, payload: string | Buffer | object, headers: Record<string, string> = {}) {
    const content = { 'content-type': 'application/json', host: 'localhost:8080' }
    return this.app.inject({ method: 'POST', url, payload, headers: { ...content, ...headers } })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.app.close()
  }
}

export const body = { id: '7', inputs: [{ name: 'x', datatype: 'FP32', shape: [2], data: [1, 2] }] }
