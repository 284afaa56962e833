import { describe, expect, it } from 'vitest'
import { HoldfastError } from '../../../common/errors.ts'
import { PolicyFeed } from '../../../node/models/policy-feed.ts'
import { TierAllocator, type TierAllocatorPorts } from '../../../node/models/tier-allocator.ts'
import { silentLog } from '../../../node/system/log.ts'
import { LruPolicy } from '../../../placement/eviction/lru.ts'
import { ManualClock } from '../../support/manual-clock.ts'

/** A tier of 100 bytes that holds models of the given sizes, oldest first. */
class Tier {
  readonly clock = new ManualClock()
  readonly policy = new LruPolicy()
  readonly items = new PolicyFeed(this.policy, this.clock)
  readonly sizes = new Map<string, number>()
  readonly busy = new Set<string>()
  readonly evicted: string[] = []
  usedBytes = 0
  maker: TierAllocator

  constructor(models: Record<string, number>, ports: Partial<TierAllocatorPorts> = {}) {
    for (const [model, sizeBytes] of Object.entries(models)) {
      this.clock.advance(1)
      this.items.note({ model, sizeBytes, missCostMs: 1 })
      this.sizes.set(model, sizeBytes)
      this.usedBytes += sizeBytes
    }
    this.maker = new TierAllocator({
      tier: 'memory',
      policy: this.policy,
      refreshCosts: () => undefined,
      freeBytes: () => 100 - this.usedBytes,
      limitBytes: () => 100,
      hasHiddenRoom: false,
      mayEvict: (model) => !this.busy.has(model),
      evict: async (model) => this.evict(model),
      onEvicted: (model) => this.evicted.push(model),
      clock: this.clock,
      log: silentLog,
      ...ports,
    })
  }

  take(sizeBytes: number): { sizeBytes: number } {
    if (this.usedBytes + sizeBytes > 100) throw new HoldfastError('MEMORY_FULL', 'the store has no room')
    this.usedBytes += sizeBytes
    return { sizeBytes }
  }

  private evict(model: string): boolean {
    this.usedBytes -= this.sizes.get(model)!
    this.items.remove(model, 'evicted')
    return true
  }
}

describe('TierAllocator', () => {
  it('lets the policy hear what copies are worth before each plan, and only then', async () => {
    let refreshes = 0
    const tier = new Tier({ old: 60, young: 40 }, { refreshCosts: () => (refreshes += 1) })
    await tier.maker.withRoom(60, () => tier.take(60))
    expect(refreshes).toBe(1)
    await tier.maker.withRoom(0, () => tier.take(0))
    expect(refreshes).toBe(1)
  })

  it('makes reservations one at a time, in the order of asking', async () => {
    const tier = new Tier({ old: 60, young: 40 })
    const taken = await Promise.allSettled(
      [30, 30, 30, 30].map((bytes) => tier.maker.withRoom(bytes, () => tier.take(bytes))),
    )
    expect(taken.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected'])
    expect(tier.evicted).toEqual(['old', 'young'])
    expect(tier.usedBytes).toBe(90)
  })

  it('evicts nothing when the plan is not enough', async () => {
    const tier = new Tier({ a: 30, b: 60 })
    tier.busy.add('b')
    const refused = { code: 'MEMORY_FULL', details: { tier: 'memory', neededBytes: 50, freeBytes: 10 } }
    await expect(tier.maker.withRoom(50, () => tier.take(50))).rejects.toMatchObject(refused)
    expect(tier.evicted).toEqual([])
  })

  it('says TOO_LARGE for what could never fit', async () => {
    const tier = new Tier({ a: 30 })
    await expect(tier.maker.withRoom(101, () => tier.take(101))).rejects.toMatchObject({ code: 'TOO_LARGE' })
    await tier.maker.withRoom(100, () => tier.take(100))
    expect(tier.evicted).toEqual(['a'])
  })

  it('asks again when victims freed less than they seemed to have', async () => {
    const tier = new Tier({ a: 40, b: 40 })
    tier.sizes.set('a', 10)
    await tier.maker.withRoom(60, () => tier.take(30))
    expect(tier.evicted).toEqual(['a', 'b'])
  })

  it('passes over a victim that came into use while another went, and one whose eviction fails', async () => {
    const tier = new Tier(
      { a: 20, b: 20, c: 20, d: 40 },
      {
        evict: async (model) => {
          if (model === 'a') tier.busy.add('b')
          if (model === 'c') throw new Error('the runtime is gone')
          tier.usedBytes -= tier.sizes.get(model)!
          tier.items.remove(model, 'evicted')
          return true
        },
      },
    )
    await tier.maker.withRoom(55, () => tier.take(55))
    expect(tier.evicted).toEqual(['a', 'd'])
  })

  it('goes on for the next in line after a failure', async () => {
    const tier = new Tier({})
    const broken = tier.maker.withRoom(10, () => {
      throw new Error('broken')
    })
    await expect(broken).rejects.toThrow('broken')
    expect(await tier.maker.withRoom(10, () => tier.take(10))).toEqual({ sizeBytes: 10 })
  })

  it('lets a store with hidden room try before anything is evicted, and then evicts for it', async () => {
    const tier = new Tier({ a: 50, b: 50 }, { hasHiddenRoom: true })
    expect(await tier.maker.withRoom(30, () => ({ from: 'a partial file' }))).toEqual({ from: 'a partial file' })
    expect(tier.evicted).toEqual([])
    await tier.maker.withRoom(30, () => tier.take(30))
    expect(tier.evicted).toEqual(['a'])
  })

  it('only tries, when asked so', async () => {
    const tier = new Tier({ a: 60, b: 40 })
    expect(await tier.maker.tryMakeRoom(50)).toBe(true)
    tier.busy.add('b')
    expect(await tier.maker.tryMakeRoom(90)).toBe(false)
    expect(await tier.maker.tryMakeRoom(101)).toBe(false)
    expect(tier.evicted).toEqual(['a'])
  })
})
