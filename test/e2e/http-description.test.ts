/** Every answer of a running node has the form that docs/reference/openapi.yaml says. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { InferBody } from '../../demo/ask.ts'
import type { SpawnedNode } from '../../demo/spawn-node.ts'
import { document, misfit, nameOf, schemaOf } from '../support/http-description.ts'
import { ClusterFixture } from './cluster-fixture.ts'

interface Call {
  readonly operation: string
  readonly url: string
  readonly body?: unknown
  readonly status: number
}

const model = 'acme/tiny:v1'
const stranger = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp'

let cluster: ClusterFixture
let node: SpawnedNode
let body: InferBody
beforeAll(async () => {
  cluster = await ClusterFixture.create()
  const folder = await cluster.generate('tiny')
  await cluster.push(folder, model)
  body = await cluster.body(join(folder, 'model.onnx'))
  node = await cluster.start('a')
})
afterAll(() => cluster.dispose())

/** In this order: a model comes, is pinned, and goes. */
const calls: readonly Call[] = [
  { operation: 'GET /v2', url: '/v2', status: 200 },
  { operation: 'GET /v2/health/live', url: '/v2/health/live', status: 200 },
  { operation: 'GET /v2/health/ready', url: '/v2/health/ready', status: 200 },
  { operation: 'GET /livez', url: '/livez', status: 200 },
  { operation: 'GET /readyz', url: '/readyz', status: 200 },
  { operation: 'GET /metrics', url: '/metrics', status: 200 },
  { operation: 'GET /v2/models/{name}/ready', url: `/v2/models/${model}/ready`, status: 503 },
  { operation: 'GET /v1/paths/{name}', url: `/v1/paths/${model}`, status: 404 },
  { operation: 'GET /v1/predict/{name}', url: `/v1/predict/${model}?batch=8`, status: 200 },
  { operation: 'GET /v1/prefetch', url: '/v1/prefetch', status: 200 },
  { operation: 'POST /v1/prefetch/{name}', url: `/v1/prefetch/${model}`, body: { tier: 'disk' }, status: 202 },
  { operation: 'GET /v2/models/{name}', url: `/v2/models/${model}`, status: 200 },
  { operation: 'POST /v2/models/{name}/infer', url: `/v2/models/${model}/infer`, body: () => body, status: 200 },
  { operation: 'POST /v2/models/{name}/infer', url: `/v2/models/${model}/infer`, body: {}, status: 400 },
  { operation: 'GET /v2/models/{name}', url: '/v2/models/acme/unknown', status: 404 },
  { operation: 'GET /v2/models/{name}/ready', url: `/v2/models/${model}/ready`, status: 200 },
  { operation: 'GET /v1/prefetch', url: '/v1/prefetch', status: 200 },
  { operation: 'GET /v1/status', url: '/v1/status', status: 200 },
  { operation: 'GET /v1/cluster', url: '/v1/cluster', status: 200 },
  { operation: 'GET /v1/models', url: '/v1/models', status: 200 },
  { operation: 'GET /v1/fetches', url: '/v1/fetches', status: 200 },
  { operation: 'GET /v1/fetches/{id}', url: '/v1/fetches/1', status: 200 },
  { operation: 'GET /v1/fetches/{id}', url: '/v1/fetches/999', status: 404 },
  { operation: 'GET /v1/route/{name}', url: `/v1/route/${model}`, status: 200 },
  { operation: 'GET /v1/route/{name}', url: '/v1/route/acme/unknown', status: 404 },
  { operation: 'GET /v1/predict/{name}', url: `/v1/predict/${model}`, status: 200 },
  { operation: 'GET /v1/predict/{name}', url: `/v1/predict/${model}?batch=0`, status: 400 },
  { operation: 'GET /v1/paths/{name}', url: `/v1/paths/${model}`, status: 200 },
  { operation: 'PUT /v1/pins/{name}', url: `/v1/pins/${model}`, body: { tier: 'memory' }, status: 200 },
  { operation: 'GET /v1/pins', url: '/v1/pins', status: 200 },
  { operation: 'GET /v1/plan', url: '/v1/plan', status: 200 },
  { operation: 'POST /v1/evict/{name}', url: `/v1/evict/${model}`, body: {}, status: 409 },
  { operation: 'PUT /v1/pins/{name}', url: `/v1/pins/${model}`, body: { replicas: 2 }, status: 200 },
  { operation: 'GET /v1/pins', url: '/v1/pins', status: 200 },
  { operation: 'DELETE /v1/pins/{name}', url: `/v1/pins/${model}`, status: 200 },
  { operation: 'POST /v1/invalidate/{name}', url: `/v1/invalidate/${model}`, body: {}, status: 200 },
  { operation: 'GET /v1/plan', url: '/v1/plan?tier=disk&bytes=1000', status: 200 },
  { operation: 'GET /v1/verify', url: '/v1/verify', status: 200 },
  { operation: 'POST /v1/verify', url: '/v1/verify', body: {}, status: 202 },
  { operation: 'GET /v1/verify', url: '/v1/verify', status: 200 },
  { operation: 'POST /v1/evict/{name}', url: `/v1/evict/${model}`, body: { disk: true }, status: 200 },
  { operation: 'PUT /v1/bans/{node}', url: `/v1/bans/${stranger}`, body: {}, status: 200 },
  { operation: 'GET /v1/bans', url: '/v1/bans', status: 200 },
  { operation: 'DELETE /v1/bans/{node}', url: `/v1/bans/${stranger}`, status: 200 },
  {
    operation: 'PUT /v1/tenants/{tenant}',
    url: '/v1/tenants/team-a',
    body: { namespaces: [{ name: 'a' }] },
    status: 200,
  },
  { operation: 'PUT /v1/tenants/{tenant}', url: '/v1/tenants/team-a', body: {}, status: 200 },
  { operation: 'PUT /v1/tenants/{tenant}', url: '/v1/tenants/Team', body: {}, status: 400 },
  { operation: 'GET /v1/tenants', url: '/v1/tenants', status: 200 },
  { operation: 'GET /v1/tenants/{tenant}', url: '/v1/tenants/team-a', status: 200 },
  { operation: 'GET /v1/tenants/{tenant}', url: '/v1/tenants/team-b', status: 404 },
  { operation: 'GET /v1/tenant', url: '/v1/tenant', status: 400 },
  { operation: 'POST /v1/tenants/{tenant}/tokens', url: '/v1/tenants/team-a/tokens', body: {}, status: 201 },
  { operation: 'DELETE /v1/tenants/{tenant}/tokens/{id}', url: '/v1/tenants/team-a/tokens/none', status: 200 },
  { operation: 'DELETE /v1/tenants/{tenant}', url: '/v1/tenants/team-a', status: 200 },
]

async function send({ operation, url, body: given }: Call): Promise<Response> {
  const sent = typeof given === 'function' ? given() : given
  return fetch(`${node.httpUrl}${url}`, {
    method: operation.slice(0, operation.indexOf(' ')),
    ...(sent === undefined ? {} : { body: JSON.stringify(sent), headers: { 'content-type': 'application/json' } }),
  })
}

describe('a running node', () => {
  it('is asked for every operation of the description', () => {
    expect([...new Set(calls.map(({ operation }) => operation))].sort()).toEqual(document.operations.map(nameOf).sort())
  })

  it.each(calls)('answers $operation with $status, as described: $url', async (call) => {
    const operation = document.operations.find((one) => nameOf(one) === call.operation)!
    const response = await send(call)
    const text = await response.text()
    expect([response.status, text]).toEqual([call.status, expect.any(String)])
    const schema = schemaOf(operation, response.status)
    if (schema === null) return
    const value = JSON.parse(text)
    expect([misfit(schema, value), value]).toEqual([null, value])
    expect(response.headers.get('holdfast-error') === null).toBe(response.ok || 'ready' in value)
  })

  it('answers in the form of a failure where the path leads nowhere', async () => {
    const [error] = document.operations.filter(({ path }) => path === '/v1/status')
    const response = await fetch(`${node.httpUrl}/v1/nothing`)
    expect(misfit(schemaOf(error!, 404)!, await response.json())).toBeNull()
  })
})
