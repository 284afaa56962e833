import { createHash, generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { HoldfastError } from '../../../common/errors.ts'
import { ModelDirectory } from '../../../node/models/model-directory.ts'
import { silentLog } from '../../../node/system/log.ts'
import { encodeRef, type Ref, signRef } from '../../../origin/index.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { MemoryState } from '../../support/memory-state.ts'
import { bytesOf, modelOf, type TestModel } from '../../support/models.ts'

const name = { namespace: 'acme', name: 'm', tag: 'latest' }
const [one, two, forged] = ['one', 'two', 'forged'].map((text) => modelOf({ w: bytesOf(100, text) })) as [
  TestModel,
  TestModel,
  TestModel,
]
const key = generateKeyPairSync('ed25519').privateKey
const foreignKey = generateKeyPairSync('ed25519').privateKey
const refTo = (model: TestModel, sequence: number, privateKey = key): Ref =>
  signRef({ name, manifest: model.id, sequence }, privateKey)

const away = () => new HoldfastError('ORIGIN_UNAVAILABLE', 'the origin is away')

class World {
  readonly clock = new ManualClock()
  readonly state: MemoryState
  /** What the origin says of the tag: an error when it is away. */
  originRef: Ref | null | HoldfastError = null
  readonly manifests = new Map<string, Uint8Array>()
  peerRefs: Uint8Array[] = []
  peerManifests: Uint8Array[] = []
  /** Of peers that are not known to hold the model. */
  othersManifests: Uint8Array[] = []
  originAsked = 0
  isOriginHung = false
  /** Some namespace is private now. */
  guardsModels: boolean
  readonly directory: ModelDirectory

  constructor(options: { hasOrigin?: boolean; state?: MemoryState; guardsModels?: boolean } = {}) {
    this.state = options.state ?? new MemoryState()
    this.guardsModels = options.guardsModels ?? false
    for (const model of [one, two, forged]) this.manifests.set(model.id, model.manifestBytes)
    const world = this
    this.directory = new ModelDirectory(
      {
        origin:
          options.hasOrigin === false
            ? null
            : {
                async readRef() {
                  world.originAsked += 1
                  if (world.isOriginHung) await new Promise(() => {})
                  if (world.originRef instanceof HoldfastError) throw world.originRef
                  return world.originRef
                },
                async readManifestBytes(digest) {
                  if (world.originRef instanceof HoldfastError) throw world.originRef
                  return world.manifests.get(digest) ?? null
                },
              },
        peers: {
          refs: async () => world.peerRefs.map((bytes) => ({ node: 'peer', bytes })),
          async *manifests(_digest, of) {
            for (const bytes of of === 'holders' ? world.peerManifests : world.othersManifests)
              yield { node: 'peer', bytes }
          },
        },
        state: this.state,
        clock: this.clock,
        log: silentLog,
      },
      { freshMs: 1_000, manifestsMax: 2, guardsModels: () => this.guardsModels },
    )
  }

  async digest(): Promise<string> {
    return (await this.directory.resolve(name)).digest
  }
}

describe('a manifest', () => {
  it.each([{ hasOrigin: false }, { hasOrigin: true }])(
    'comes from a peer of which nobody heard yet that it holds the model, with an origin that is away: $hasOrigin',
    async ({ hasOrigin }) => {
      const world = new World({ hasOrigin })
      world.originRef = away()
      world.peerRefs = [encodeRef(refTo(one, 1))]
      await expect(world.digest()).rejects.toMatchObject({ code: hasOrigin ? away().code : 'UNKNOWN_MODEL' })
      world.othersManifests = [two.manifestBytes, one.manifestBytes]
      world.clock.advance(1_000)
      expect(await world.digest()).toBe(one.id)
    },
  )

  it('that cannot be used is read once', async () => {
    const world = new World()
    const bytes = Buffer.from('{}')
    const digest = createHash('sha256').update(bytes).digest('hex')
    let reads = 0
    const get = world.manifests.get.bind(world.manifests)
    world.manifests.get = (id) => {
      reads += 1
      return id === digest ? bytes : get(id)
    }
    world.originRef = signRef({ name, manifest: digest, sequence: 1 }, key)
    await expect(world.digest()).rejects.toMatchObject({ code: 'BAD_MANIFEST' })
    await expect(world.digest()).rejects.toMatchObject({ code: 'BAD_MANIFEST' })
    expect(reads).toBe(1)
  })

  it('that nobody has is said to be unknown, and that a node without an origin can only ask its peers', async () => {
    await expect(new World({ hasOrigin: false }).digest()).rejects.toMatchObject({
      code: 'UNKNOWN_MODEL',
      message: expect.stringContaining(
        'This node has no origin (origin.url), and no reachable peer knows acme/m:latest.',
      ),
    })
  })
})

describe('a name', () => {
  it('never means a manifest that takes its bytes from another model', async () => {
    const world = new World()
    const thief = modelOf({ w: bytesOf(100, 'one') }, { 'holdfast.base': one.id })
    world.manifests.set(thief.id, thief.manifestBytes)
    world.originRef = refTo(thief, 1)
    await expect(world.digest()).rejects.toMatchObject({ code: 'BAD_MANIFEST' })
  })

  it('is looked up at the origin, once for all who ask, and again when it is no longer fresh', async () => {
    const world = new World()
    world.originRef = refTo(one, 1)
    expect(await Promise.all([world.digest(), world.digest()])).toEqual([one.id, one.id])
    world.originRef = refTo(two, 2)
    world.clock.advance(1_000)
    expect(await world.digest()).toBe(one.id)
    expect((await world.directory.resolve(name)).ageMs).toBe(1_000)
    world.clock.advance(1)
    expect(await world.digest()).toBe(two.id)
    expect(world.originAsked).toBe(2)
  })

  it('never goes back to an older sequence, from any source', async () => {
    const world = new World()
    world.originRef = refTo(two, 2)
    await world.digest()
    for (const from of ['origin', 'peer']) {
      world.clock.advance(2_000)
      world.originRef = from === 'origin' ? refTo(one, 1) : null
      world.peerRefs = from === 'peer' ? [encodeRef(refTo(one, 1))] : []
      expect(await world.digest()).toBe(two.id)
    }
  })

  it('is taken from peers when the origin is away: the newest of them, and nothing with a bad signature', async () => {
    const world = new World()
    world.originRef = away()
    world.peerManifests = [two.manifestBytes, one.manifestBytes]
    const tampered = { ...refTo(forged, 9), sequence: 10 }
    const elsewhere = signRef({ name: { ...name, tag: 'v9' }, manifest: forged.id, sequence: 9 }, key)
    world.peerRefs = [
      encodeRef(refTo(one, 1)),
      encodeRef(refTo(two, 2)),
      encodeRef(tampered),
      encodeRef(elsewhere),
      Buffer.from('hello'),
    ]
    expect(await world.digest()).toBe(two.id)
  })

  it('does not change its publisher by the word of a peer, but by that of the origin', async () => {
    const world = new World()
    world.originRef = refTo(one, 1)
    await world.digest()
    world.clock.advance(2_000)
    world.originRef = null
    world.peerRefs = [encodeRef(refTo(forged, 99, foreignKey))]
    expect(await world.digest()).toBe(one.id)
    world.clock.advance(2_000)
    world.originRef = refTo(two, 2, foreignKey)
    expect(await world.digest()).toBe(two.id)
  })

  it('that a peer was first to tell gives way to the origin, however high its sequence', async () => {
    const world = new World()
    world.originRef = away()
    world.peerRefs = [encodeRef(refTo(forged, 2 ** 53 - 1, foreignKey))]
    world.peerManifests = [forged.manifestBytes]
    expect(await world.digest()).toBe(forged.id)
    world.originRef = refTo(one, 1)
    world.clock.advance(2_000)
    await world.digest() // Answered with what is known, while the origin is tried again.
    await new Promise((resolve) => setImmediate(resolve))
    expect(await world.digest()).toBe(one.id)
  })

  it('is answered from memory at once while the origin hangs', async () => {
    const world = new World()
    world.originRef = refTo(one, 1)
    await world.digest()
    world.clock.advance(2_000)
    world.originRef = away()
    await world.digest()
    world.clock.advance(2_000)
    const asked = world.originAsked
    const resolved = await world.directory.resolve(name)
    expect(resolved).toMatchObject({ digest: one.id, ageMs: 4_000 })
    await new Promise((resolve) => setImmediate(resolve))
    expect(world.originAsked).toBe(asked + 1)
  })

  it('is served at once when it is known, however long the origin takes, and by what peers know when it is not', async () => {
    const world = new World()
    world.originRef = refTo(one, 1)
    await world.digest()
    world.clock.advance(60_000)
    world.isOriginHung = true
    expect(await world.directory.resolveAtOnce(name)).toMatchObject({ digest: one.id, ageMs: 60_000 })
    const stranger = new World()
    stranger.isOriginHung = true
    stranger.peerRefs = [encodeRef(refTo(two, 2))]
    stranger.peerManifests = [two.manifestBytes]
    const resolved = stranger.directory.resolveAtOnce(name)
    stranger.clock.advance(1_000)
    expect(await resolved).toMatchObject({ digest: two.id, ageMs: 0 })
  })

  it.each([
    { id: 'nobody has it', origin: null, code: 'UNKNOWN_MODEL' },
    { id: 'only the origin could know', origin: away(), code: 'ORIGIN_UNAVAILABLE' },
  ])('is $code when $id', async ({ origin, code }) => {
    const world = new World()
    world.originRef = origin
    await expect(world.digest()).rejects.toMatchObject({ code })
  })

  it('is known after a restart, though the origin is away', async () => {
    const before = new World()
    before.originRef = refTo(one, 3)
    await before.digest()
    const after = new World({ state: before.state })
    after.originRef = away()
    await after.directory.start()
    expect(after.directory.knownNames()).toEqual([{ name: 'acme/m:latest', ref: refTo(one, 3) }])
    expect(await after.directory.resolve(name)).toMatchObject({ digest: one.id, ageMs: Number.POSITIVE_INFINITY })
  })

  it('whose record at the origin cannot be used says nothing of the origin', async () => {
    const world = new World()
    world.originRef = new HoldfastError('BAD_REF', 'The ref is not JSON.')
    await expect(world.digest()).rejects.toMatchObject({ code: 'BAD_REF' })
    expect(world.directory.originAwaySinceMs).toBe(null)
    world.originRef = away()
    world.clock.advance(1_000)
    await expect(world.digest()).rejects.toMatchObject({ code: 'ORIGIN_UNAVAILABLE' })
    expect(world.directory.originAwaySinceMs).not.toBe(null)
  })

  it('is left out when the state folder is damaged, and the rest is kept', async () => {
    const state = new MemoryState()
    state.records.set('ref/acme/m:latest', Buffer.from(encodeRef(refTo(one, 1))).toString())
    state.records.set('ref/acme/broken:latest', '{')
    state.records.set('ref/not a name', 7)
    const world = new World({ state })
    await world.directory.start()
    expect(world.directory.knownNames().map(({ name: text }) => text)).toEqual(['acme/m:latest'])
  })
})

describe('a manifest', () => {
  it('that a peer forged is passed over', async () => {
    const world = new World({ hasOrigin: false })
    world.peerManifests = [two.manifestBytes, Buffer.from('{}'), one.manifestBytes]
    expect((await world.directory.resolveDigest(one.id)).manifest).toEqual(one.manifest)
  })

  it('comes from the origin when no peer has it, and is UNKNOWN_MODEL when that has it not', async () => {
    const world = new World()
    expect((await world.directory.resolveDigest(one.id)).manifest).toEqual(one.manifest)
    await expect(world.directory.resolveDigest('0'.repeat(64))).rejects.toMatchObject({ code: 'UNKNOWN_MODEL' })
    world.originRef = away()
    await expect(world.directory.resolveDigest(two.id)).rejects.toMatchObject({ code: 'ORIGIN_UNAVAILABLE' })
  })

  it('is read again from the state store when too many are in memory, and fetched again when it is damaged there', async () => {
    const world = new World()
    for (const model of [one, two, forged]) await world.directory.resolveDigest(model.id)
    world.manifests.clear()
    expect((await world.directory.resolveDigest(one.id)).manifest).toEqual(one.manifest)
    world.state.records.set(`manifest/${two.id}`, '{"schema":"holdfast.manifest.v1"}')
    await world.directory.resolveDigest(forged.id)
    await expect(world.directory.resolveDigest(two.id)).rejects.toMatchObject({ code: 'UNKNOWN_MODEL' })
    world.peerManifests = [two.manifestBytes]
    world.clock.advance(1_000)
    expect((await world.directory.resolveDigest(two.id)).manifest).toEqual(two.manifest)
  })
})

describe('a model, where names are open to some and not to others,', () => {
  const stolen = { namespace: 'public', name: 'stolen', tag: 'latest' }
  const refOf = (named: typeof stolen, privateKey = key) =>
    signRef({ name: named, manifest: one.id, sequence: 1 }, privateKey)

  it('is not meant by a name of another publisher, also after a restart', async () => {
    const world = new World({ guardsModels: true })
    world.originRef = refTo(one, 1)
    expect(await world.digest()).toBe(one.id)
    world.originRef = refOf(stolen, foreignKey)
    await expect(world.directory.resolve(stolen)).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
    const after = new World({ state: world.state, guardsModels: true })
    await after.directory.start()
    after.originRef = away()
    await expect(after.directory.resolve(stolen)).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
    expect(await after.digest()).toBe(one.id)
  })

  it('is meant by whatever name its publisher gives it', async () => {
    const world = new World({ guardsModels: true })
    world.originRef = refTo(one, 1)
    await world.digest()
    world.originRef = refOf(stolen)
    expect((await world.directory.resolve(stolen)).digest).toBe(one.id)
  })

  it('is not meant by a name of another, nor listed under it, once a namespace becomes private', async () => {
    const world = new World()
    world.originRef = refTo(one, 1)
    await world.digest()
    world.originRef = refOf(stolen, foreignKey)
    await world.directory.resolve(stolen)
    expect(world.directory.knownNames()).toHaveLength(2)
    world.guardsModels = true
    await expect(world.directory.resolve(stolen)).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
    expect(world.directory.knownNames().map(({ ref }) => ref.model)).toEqual([refTo(one, 1).model])
  })

  it('is meant by any name where everybody may open everything', async () => {
    const world = new World()
    world.originRef = refTo(one, 1)
    await world.digest()
    world.originRef = refOf(stolen, foreignKey)
    expect((await world.directory.resolve(stolen)).digest).toBe(one.id)
  })
})
