/** The replication over real placement and a real core: what it brings and lets go, what it protects, and what survives a restart. */
import { beforeEach, describe, expect, it } from 'vitest'
import { HoldfastError } from '../../../common/errors.ts'
import { createPrng } from '../../../common/index.ts'
import {
  defaultReplicationRoundOptions,
  type LocalCopy,
  NodeCore,
  type ReplicationRoundOptions,
  type SignedEntry,
} from '../../../core/index.ts'
import type { ResolvedModel } from '../../../node/models/model-directory.ts'
import { ClusterPins } from '../../../node/replication/cluster-pins.ts'
import { ReplicationController } from '../../../node/replication/replication-controller.ts'
import { silentLog } from '../../../node/system/log.ts'
import { digest, entryOf, resident, sign, stateBody } from '../../core/fixture.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { MemoryState } from '../../support/memory-state.ts'

const MB = 1_000_000
const x = digest('x')
const y = digest('y')

class World {
  readonly clock = new ManualClock()
  readonly tags = new Map([['acme/x:v1', x]])
  readonly held = new Map<string, LocalCopy>()
  readonly brought: string[] = []
  /** What the next bring ends with. */
  gate: Promise<unknown> = Promise.resolve()
  isReady = true
  readonly core: NodeCore
  readonly board: ClusterPins
  readonly replication: ReplicationController

  readonly state: MemoryState

  constructor(state: MemoryState, options: Partial<ReplicationRoundOptions> = {}) {
    const { clock } = this
    this.state = state
    this.core = new NodeCore({ self: 'self', epoch: 1, sign, random: createPrng(1) })
    const driver = { dispatch: (event: object) => void this.core.step({ ...event, nowMs: clock.nowMs() } as never) }
    const directory = {
      resolve: async (name: string) => this.resolved(this.tags.get(name)),
      known: (name: string) => this.tags.get(name) ?? null,
    }
    this.board = new ClusterPins({ self: 'self', core: this.core, driver, directory, state, clock, log: silentLog })
    this.replication = new ReplicationController(
      {
        core: this.core,
        pins: this.board,
        local: () => this.local(),
        names: () => [...this.tags].map(([name, model]) => ({ name, model })),
        resolveDigest: async (model) => this.resolved(model),
        cache: {
          bring: async (resolved, tier) => {
            this.brought.push(`${resolved.digest === x ? 'x' : 'y'} ${tier}`)
            await this.gate
            this.hold(resolved.digest)
          },
          leave: async (model) => this.held.delete(model),
        },
        isReady: () => this.isReady,
        onActed: () => undefined,
        random: createPrng(2),
        clock,
        log: silentLog,
      },
      { ...defaultReplicationRoundOptions, intervalMs: 10_000, ...options },
    )
    this.core.step({ kind: 'local-state', body: stateBody(), nowMs: clock.nowMs() })
  }

  hold(model: string): void {
    const copy = { sizeBytes: MB, bytes: { memory: MB, disk: 2 * MB }, isInUse: false, isPinned: false }
    this.held.set(model, { model, ...copy })
  }

  receive(...entries: SignedEntry[]): void {
    this.core.step({ kind: 'entries', from: 'peer', entries, nowMs: this.clock.nowMs() })
  }

  private resolved(model: string | undefined): ResolvedModel {
    if (model === undefined) throw new HoldfastError('UNKNOWN_MODEL', 'nobody knows it.')
    return { digest: model, manifest: { files: [] } as unknown as ResolvedModel['manifest'], ref: null, ageMs: 0 }
  }

  private local() {
    const order = [...this.held.keys()].filter((model) => !this.board.isPinned(model, 'memory'))
    return {
      isDraining: false,
      originAllowed: true,
      rooms: [{ tier: 'memory' as const, limitBytes: 100 * MB, freeBytes: 100 * MB - this.held.size * MB, order }],
      held: [...this.held.values()],
      arriving: [],
      sizeOf: () => MB,
      needOf: () => ({ memory: MB, disk: 2 * MB }),
      initMs: () => 100,
      diskMs: () => 1,
      mayForward: () => true,
      soonRatePerS: () => null,
    }
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
}

let world: World
beforeEach(() => {
  world = new World(new MemoryState())
})

describe('a pin with replicas', () => {
  it('is brought by the node that is to keep it, protected, and let go when it is taken back', async () => {
    world.replication.start()
    await world.board.pin('acme/x:v1', 'memory', 1)
    world.clock.advance(1_000)
    await settle()
    expect(world.brought).toEqual(['x memory'])
    expect(world.board.isPinned(x, 'memory')).toBe(true)
    expect(world.board.list()).toMatchObject([{ name: 'acme/x:v1', state: 'held', keptCount: 1, places: ['self'] }])
    expect(await world.board.unpin('acme/x:v1')).toBe(true)
    expect(await world.board.unpin('acme/x:v1')).toBe(false)
    expect([world.board.isPinned(x, 'memory'), world.board.list()]).toEqual([false, []])
    world.replication.stop()
    expect(world.clock.timerCount).toBe(0)
  })

  it('that another node takes back protects nothing from the moment that it is heard, before the next round', async () => {
    const record = { name: 'acme/x:v1', replicaCount: 1, tier: 'memory' as const, changedMs: 5, by: 'peer' }
    world.receive(entryOf('state', 'peer', stateBody({ pins: [record] })))
    world.hold(x)
    world.tags.set('acme/x:v1', x)
    world.replication.start()
    const before = world.board.isPinned(x, 'memory')
    world.receive(
      entryOf('state', 'peer', stateBody({ pins: [{ ...record, replicaCount: 0, changedMs: 6 }] }), { sequence: 2 }),
    )
    expect([before, world.board.isPinned(x, 'memory'), world.board.list()]).toEqual([true, false, []])
  })

  it('that another node made is kept over a restart, and protected before anything is known of the others', async () => {
    const record = { name: 'acme/x:v1', replicaCount: 2, tier: 'memory' as const, changedMs: 5, by: 'peer' }
    world.receive(entryOf('state', 'peer', stateBody({ pins: [record] })))
    world.replication.round()
    await settle()
    const again = new World(world.state)
    again.hold(x)
    await again.board.load()
    again.isReady = false
    again.replication.start()
    expect(again.board.isPinned(x, 'memory')).toBe(true)
    expect(again.core.pinned.active()).toMatchObject([record])
  })

  it('is not brought while the node looks for its cluster: alone it would take every replica for its own', async () => {
    world.isReady = false
    world.replication.start()
    await world.board.pin('acme/x:v1', 'memory', 1)
    world.clock.advance(60_000)
    await settle()
    expect(world.brought).toEqual([])
  })

  it('follows its tag, and protects the old revision until the new one is here', async () => {
    await world.board.pin('acme/x:v1', 'memory', 1)
    world.replication.start()
    world.replication.round()
    await settle()
    world.tags.set('acme/x:v1', y)
    const gate = Promise.withResolvers<void>()
    world.gate = gate.promise
    world.clock.advance(20_000)
    await settle()
    expect(world.brought).toEqual(['x memory', 'y memory'])
    expect([world.board.isPinned(x, 'memory'), world.board.isPinned(y, 'memory')]).toEqual([true, true])
    gate.resolve()
    await settle()
    expect([world.board.isPinned(x, 'memory'), world.board.isPinned(y, 'memory')]).toEqual([false, true])
  })

  it('that cannot be brought says why, and is tried again', async () => {
    world.gate = Promise.reject(new Error('no room'))
    await world.board.pin('acme/x:v1', 'memory', 1)
    world.replication.round()
    await settle()
    expect(world.board.list()).toMatchObject([{ state: 'missing', error: 'no room' }])
    world.gate = Promise.resolve()
    world.replication.round()
    await settle()
    expect(world.board.list()).toMatchObject([{ state: 'held', error: null }])
  })

  it('of a name that nobody knows, or of no replica, is refused; one too many too', async () => {
    await expect(world.board.pin('acme/absent:v1', 'disk', 1)).rejects.toMatchObject({ code: 'UNKNOWN_MODEL' })
    await expect(world.board.pin('acme/x:v1', 'disk', 0)).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    const pins = Array.from({ length: 192 }, (_, at) => {
      return { name: `acme/m${1_000 + at}:v1`, replicaCount: 1, tier: 'disk' as const, changedMs: 1, by: 'peer' }
    })
    // One node is the first to tell of half of them at most.
    world.receive(entryOf('state', 'peer', stateBody({ pins: pins.slice(0, 128) })))
    world.receive(entryOf('state', 'other', stateBody({ pins: pins.slice(128) })))
    await expect(world.board.pin('acme/x:v1', 'disk', 1)).rejects.toMatchObject({ code: 'OVERLOADED' })
  })
})

describe('a model that is asked for here and held far away', () => {
  const far = () => {
    world.receive(
      entryOf('state', 'peer', stateBody({ zone: 'tokyo' })),
      entryOf('residency', 'peer', { models: [resident(x)] }),
    )
    for (let count = 0; count < 60; count += 1) {
      world.clock.advance(1_000)
      world.core.step({ kind: 'demand', model: x, nowMs: world.clock.nowMs() })
    }
  }

  it('is copied once, however often rounds come while it is on its way', async () => {
    const gate = Promise.withResolvers<void>()
    world.gate = gate.promise
    far()
    world.replication.round()
    world.replication.round()
    await settle()
    expect(world.brought).toEqual(['x memory'])
    gate.resolve()
    await world.replication.settled()
    world.replication.round()
    expect(world.brought).toEqual(['x memory'])
  })

  it('is left where it is when replication is off', () => {
    world = new World(new MemoryState(), { replication: false })
    far()
    world.replication.round()
    expect([world.brought, world.replication.plan()]).toEqual([[], []])
  })
})
