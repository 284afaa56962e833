import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ModelId } from '../../../../common/types.ts'
import { Handover, type HandoverPorts } from '../../../../node/life/handover.ts'
import { encodeCbor } from '../../../../node/net/cbor.ts'
import { silentLog } from '../../../../node/system/log.ts'
import { formatModelName } from '../../../../origin/index.ts'
import { bytesOf, modelOf, type TestModel } from '../../../support/models.ts'
import { CacheFixture } from '../models/fixture.ts'

const models = ['a', 'b', 'c'].map((name) => modelOf({ 'weights.bin': bytesOf(100_000, name) }))
/** An earlier version sends no refs. */
const digest = (model: TestModel, refs?: []) => encodeCbor({ version: 1, model: Buffer.from(model.id, 'hex'), refs })

let fixture: CacheFixture
let isDraining: boolean
let handler: (from: string, payload: Uint8Array) => Promise<Uint8Array>
let namesHandler: typeof handler
let heard: [from: string, name: string, ref: string][]

function handoverOf(over: Partial<HandoverPorts> = {}, takesMax = 2): Handover {
  const { core, driver, clock } = fixture.driving
  const handover = new Handover(
    {
      core,
      driver,
      network: {
        handle: (method, handle) => {
          const asked = (from: string, payload: Uint8Array) => handle(from, payload, {})
          if (method === 'take') handler = asked
          else namesHandler = asked
        },
      },
      cache: fixture.cache,
      directory: {
        resolveDigest: async (id: ModelId) => {
          const { manifest } = models.find((model) => model.id === id)!
          return { digest: id, manifest, ref: null, ageMs: 0 }
        },
        knownNames: () => [],
        knownRef: () => null,
        receiveRef: async (from, name, ref) => {
          heard.push([from, formatModelName(name), Buffer.from(ref).toString()])
        },
      },
      store: fixture.store,
      isPinned: () => false,
      isDraining: () => isDraining,
      zone: 'default',
      clock,
      log: silentLog,
      ...over,
    },
    { takesMax },
  )
  handover.serve()
  return handover
}

beforeEach(async () => {
  isDraining = false
  heard = []
  fixture = await new CacheFixture().prepare()
  fixture.origin.add(...models)
})
afterEach(() => fixture[Symbol.asyncDispose]())

describe('a node that is asked to take a model', () => {
  it('answers at once and fetches it to its disk', async () => {
    handoverOf()
    await handler('leaving', digest(models[0]!))
    await fixture.cache.settled()
    expect(fixture.onDisk(models[0]!)).toBe(true)
  })

  it('takes so many at one time, and the next when one has ended', async () => {
    const ends = models.map(() => Promise.withResolvers<'disk'>())
    let begun = 0
    const ensureHeld = () => ends[begun++]!.promise
    handoverOf(
      { cache: { ...fixture.cache, ensureHeld, residency: () => [], hold: (id) => fixture.cache.hold(id) } },
      2,
    )
    await handler('leaving', digest(models[0]!))
    await handler('leaving', digest(models[1]!))
    await expect(handler('leaving', digest(models[2]!))).rejects.toMatchObject({ code: 'OVERLOADED' })
    ends[0]!.resolve('disk')
    await new Promise((resolve) => setImmediate(resolve))
    await handler('leaving', digest(models[2]!))
    for (const { resolve } of ends) resolve('disk')
  })

  it('does not when it stops itself, or has no free room', async () => {
    isDraining = true
    handoverOf()
    await expect(handler('leaving', digest(models[0]!))).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
    isDraining = false
    const statsOf = (limitBytes: number) => () => {
      const { tiers, ...rest } = fixture.store.stats()
      return { ...rest, tiers: { ...tiers, disk: { usedBytes: 99_999, limitBytes } } }
    }
    handoverOf({ store: { stats: statsOf(199_998) } })
    await expect(handler('leaving', digest(models[0]!))).rejects.toMatchObject({
      code: 'DISK_FULL',
      details: { neededBytes: 100_000, freeBytes: 99_999 },
    })
    handoverOf({ store: { stats: statsOf(199_999) } })
    await handler('leaving', digest(models[0]!))
    await fixture.cache.settled()
  })

  it('hears what the names mean before it answers', async () => {
    handoverOf()
    const refs = [{ name: 'acme/a:v1', ref: Buffer.from('signed') }]
    await handler('leaving', encodeCbor({ version: 1, model: Buffer.from(models[0]!.id, 'hex'), refs }))
    expect(heard).toEqual([['leaving', 'acme/a:v1', 'signed']])
    await namesHandler('leaving', encodeCbor({ version: 1, refs }))
    expect(heard).toHaveLength(2)
    for (const bad of [undefined, 'x', [1], [{ name: 1, ref: Buffer.from('') }], [{ name: 'acme/a:v1' }]]) {
      await expect(namesHandler('leaving', encodeCbor({ version: 1, refs: bad }))).rejects.toMatchObject({
        code: 'PEER_PROTOCOL',
      })
    }
    await fixture.cache.settled()
  })

  it.each([
    new Uint8Array(),
    encodeCbor({ version: 1 }),
    encodeCbor({ version: 1, model: new Uint8Array(31) }),
    encodeCbor({ model: new Uint8Array(32) }),
  ])('refuses what names no model', async (payload) => {
    handoverOf()
    await expect(handler('leaving', payload)).rejects.toMatchObject({ code: 'PEER_PROTOCOL' })
  })
})

describe('a node that leaves', () => {
  it('hands nothing on when it is alone, and says what it left', async () => {
    await fixture.cache.ensureHeld(models[0]!.id, models[0]!.manifest, { tenant: 't', deadlineMs: 1e6 })
    const handover = handoverOf({ isPinned: () => true })
    expect(await handover.handOn(new AbortController().signal)).toEqual({ handedOn: 0, left: 1 })
  })

  it('does not wait for a node that leaves too', async () => {
    await fixture.cache.ensureHeld(models[0]!.id, models[0]!.manifest, { tenant: 't', deadlineMs: 1e6 })
    fixture.driving.peer('near', [])
    const call = async () => {
      fixture.driving.driver.dispatch({ kind: 'peer-down', node: 'near' })
      return encodeCbor({ version: 1 })
    }
    const handover = handoverOf({ isPinned: () => true, driver: { call } })
    expect(await handover.handOn(new AbortController().signal)).toEqual({ handedOn: 0, left: 1 })
    expect(fixture.driving.clock.timerCount).toBe(0)
  })

  it('is done when the other says that it holds the model', async () => {
    await fixture.cache.ensureHeld(models[0]!.id, models[0]!.manifest, { tenant: 't', deadlineMs: 1e6 })
    fixture.driving.peer('near', [])
    const asked: unknown[] = []
    const call = async (node: string, method: string, payload: Uint8Array) => {
      asked.push([node, method, payload])
      fixture.driving.peer('near', [models[0]!.id])
      return encodeCbor({ version: 1 })
    }
    const handover = handoverOf({ isPinned: () => true, driver: { call } })
    expect(await handover.handOn(new AbortController().signal)).toEqual({ handedOn: 1, left: 0 })
    expect(asked).toEqual([['near', 'take', digest(models[0]!, [])]])
  })

  it('does not wait for a node that does not answer longer than it may', async () => {
    await fixture.cache.ensureHeld(models[0]!.id, models[0]!.manifest, { tenant: 't', deadlineMs: 1e6 })
    fixture.driving.peer('near', [])
    const abort = new AbortController()
    const call = (_node: string, _method: string, _payload: Uint8Array, options?: { signal?: AbortSignal }) =>
      new Promise<Uint8Array>((_resolve, reject) => {
        options!.signal!.addEventListener('abort', () => reject(options!.signal!.reason))
        abort.abort(new Error('no more time'))
      })
    const handover = handoverOf({ isPinned: () => true, driver: { call } })
    expect(await handover.handOn(abort.signal)).toEqual({ handedOn: 0, left: 1 })
    expect(fixture.cache.mayEvict(models[0]!.id, 'disk'), 'it is held no longer').toBe(true)
  })
})
