/**
 * Others learn nothing of a private namespace. Every route that takes or shows names is asked for a name that is there and for one that
 * is not. The answers are equal but for the name, and so is the work, which is counted and not timed.
 */
import { describe, expect, it } from 'vitest'
import { HoldfastError } from '../../../../common/errors.ts'
import { formatModelName } from '../../../../origin/index.ts'
import { callersWith, namesWith } from '../../../support/callers.ts'
import { body, type DoorPorts, HttpFixture, model } from './fixture.ts'

const [ofA, ofB] = [`hf_${'a'.repeat(34)}`, `hf_${'b'.repeat(34)}`]
const tenants = { 'team-a': { tokens: [ofA], namespaces: ['acme'] }, 'team-b': { tokens: [ofB] } }
const known = { 'acme/there:latest': model.id }

const view = { model: model.id, names: ['acme/there:latest'] }

/** A node that has acme/there and counts what it is asked. */
function spying() {
  const work: string[] = []
  const noting =
    <A extends unknown[], R>(what: string, call: (...args: A) => R) =>
    (...args: A): R => {
      work.push(what)
      return call(...args)
    }
  const { callers } = callersWith({ tenants })
  const over: Partial<DoorPorts> = {
    names: namesWith(tenants, known),
    resolve: noting('resolve', async (name) => {
      if (formatModelName(name) in known) return { digest: model.id, manifest: model.manifest, ref: null, ageMs: 1 }
      throw new HoldfastError('UNKNOWN_MODEL', 'nobody knows it')
    }),
    isKnown: noting('isKnown', (name) => formatModelName(name) in known),
    lookUpBehind: noting('lookUpBehind', () => {}),
    paths: noting('paths', async () => ({ model: model.id, tier: 'memory' as const, folder: '/shm/m', files: [] })),
    loading: noting('loading', () => null),
    models: () => [view] as never,
    cluster: () => ({
      self: 'node-a',
      version: '1.2.3',
      members: [{ node: 'node-a', models: [{ model: model.id, tier: 'memory', sizeBytes: 1 }] }] as never,
    }),
    fetches: { list: () => [view] as never, get: () => ({ fetch: view }) as never },
  }
  return { fixture: new HttpFixture(over, {}, { callers }), work }
}

const routes = [
  { method: 'GET', url: '/v2/models/acme%2FNAME' },
  { method: 'GET', url: '/v2/models/acme%2FNAME/ready' },
  { method: 'GET', url: '/v2/models/acme%2FNAME/versions/1' },
  { method: 'POST', url: '/v2/models/acme%2FNAME/infer' },
  { method: 'GET', url: '/v1/route/acme%2FNAME' },
  { method: 'GET', url: '/v1/predict/acme%2FNAME' },
  { method: 'GET', url: '/v1/paths/acme%2FNAME' },
] as const

async function answerOf({ method, url }: (typeof routes)[number], name: string, token: string | null) {
  const { fixture, work } = spying()
  await using _ = fixture
  const headers = token === null ? {} : { authorization: `Bearer ${token}` }
  const path = url.replace('NAME', name)
  const reply = method === 'POST' ? await fixture.post(path, body, headers) : await fixture.get(path, headers)
  const { 'holdfast-request-id': _id, date: _date, 'content-length': _length, ...rest } = reply.headers
  return { status: reply.statusCode, headers: rest, text: reply.body.replaceAll(name, 'NAME'), work }
}

describe('a name of a private namespace', () => {
  it.each(routes)('is unknown to others, there or not, at the same cost: $method $url', async (route) => {
    const there = await answerOf(route, 'there', null)
    const absent = await answerOf(route, 'absent', null)
    expect(there).toEqual(absent)
    expect([there.status, there.headers['holdfast-error']]).toEqual([404, 'UNKNOWN_MODEL'])
    expect(
      there.work.filter((call) => call !== 'loading'),
      'nothing is looked up',
    ).toEqual([])
    expect(await answerOf(route, 'there', ofB)).toEqual(there)
  })

  it.each(routes.filter(({ url }) => !url.includes('versions')))(
    'is known to its tenant: $method $url',
    async (route) => {
      expect(await answerOf(route, 'there', ofA)).toMatchObject({ status: 200 })
    },
  )

  it('does not show by its digest', async () => {
    const [there, absent] = [model.id, '9'.repeat(64)].map(async (digest) => {
      const { fixture } = spying()
      await using _ = fixture
      const { statusCode, body: text } = await fixture.get(`/v1/paths/sha256:${digest}`)
      return { statusCode, text: text.replaceAll(digest, 'DIGEST') }
    })
    expect(await there).toEqual(await absent)
    expect((await there!).statusCode).toBe(404)
  })
})

describe('views', () => {
  const shown = async (url: string, token: string | null) => {
    const { fixture } = spying()
    await using _ = fixture
    const reply = await fixture.get(url, token === null ? {} : { authorization: `Bearer ${token}` })
    return reply.body.includes(model.id) || reply.body.includes('acme')
  }

  it.each(['/v1/models', '/v1/cluster', '/v1/fetches', '/v1/fetches/1'])(
    'show it to its tenant alone: %s',
    async (url) => {
      expect([await shown(url, null), await shown(url, ofB), await shown(url, ofA)]).toEqual([false, false, true])
    },
  )
})
