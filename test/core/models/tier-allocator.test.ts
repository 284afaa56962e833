import { describe, expect, it } from 'vitest'
import { TierAllocator, type TierAllocatorPorts } from '../../../core/models/tier-allocator.ts'
import { LruPolicy } from '../../../placement/eviction/lru.ts'

/** A tier of 100 bytes that holds models of the given sizes, oldest first. What happens is written down in `told`. */
class Tier {
  readonly policy = new LruPolicy()
  readonly sizes: Map<string, number>
  readonly busy = new Set<string>()
  readonly told: string[] = []
  /** What an eviction frees, where it is not the size; null: it stays. */
  readonly frees = new Map<string, number | null>()
  onLeave: (model: string) => void = () => {}
  refreshes = 0
  usedBytes = 0
  private readonly allocator: TierAllocator

  constructor(models: Record<string, number>, ports: Partial<TierAllocatorPorts> = {}) {
    this.sizes = new Map(Object.entries(models))
    for (const [model, sizeBytes] of this.sizes) {
      this.policy.onRequest(model, 0)
      this.policy.onInsert({ model, sizeBytes, missCostMs: 1 }, 0)
      this.usedBytes += sizeBytes
    }
    this.allocator = new TierAllocator({
      tier: 'memory',
      policy: () => this.policy,
      refreshCosts: () => {
        this.refreshes += 1
      },
      freeBytes: () => 100 - this.usedBytes,
      limitBytes: () => 100,
      hasHiddenRoom: false,
      mayLeave: (model) => !this.busy.has(model),
      mayLeaveAtLast: () => false,
      ...ports,
    })
  }

  /** @param isTaken false: the answer of the store is the test's to give. */
  ask(op: number, neededBytes: number, { isBestEffort = false, isTaken = true } = {}): void {
    this.allocator.ask({ op, neededBytes, isBestEffort })
    this.run(isTaken)
  }

  take(op: number, bytes: number): void {
    this.usedBytes += bytes
    this.allocator.taken(op)
    this.run(true)
  }

  refuse(op: number, code: 'MEMORY_FULL' | 'SYSTEM'): void {
    this.told.push(`${this.allocator.refused(op, { code, message: '' }) ? 'goes on' : 'ends'} ${op}`)
    this.run(true)
  }

  private run(isTaken: boolean): void {
    for (let outcome = this.allocator.next(0); outcome !== null; outcome = this.allocator.next(0)) {
      if (outcome.kind === 'leave') {
        this.leave(outcome.model)
        continue
      }
      const { ask } = outcome
      if (outcome.kind === 'refused') this.told.push(`${outcome.failure.code} ${ask.op}`)
      else this.told.push(`${outcome.isShort ? 'short' : 'granted'} ${ask.op}`)
      if (outcome.kind === 'granted' && !ask.isBestEffort && isTaken) {
        this.usedBytes += ask.neededBytes
        this.allocator.taken(ask.op)
      }
    }
  }

  private leave(model: string): void {
    const freedBytes = this.frees.get(model) ?? this.sizes.get(model)!
    this.onLeave(model)
    if (this.frees.get(model) === null) this.told.push(`${model} stays`)
    else {
      this.usedBytes -= freedBytes
      this.policy.onRemove(model)
      this.told.push(`${model} leaves`)
    }
    this.allocator.left()
  }
}

describe('TierAllocator', () => {
  it('lets the policy hear what copies are worth before each plan, and only then', () => {
    const tier = new Tier({ old: 60, young: 40 })
    tier.ask(1, 60)
    expect(tier.refreshes).toBe(1)
    tier.ask(2, 0)
    expect(tier.refreshes).toBe(1)
  })

  it('answers each ask once, one at a time, in the order of asking', () => {
    const tier = new Tier({ old: 60, young: 40 })
    for (const op of [1, 2, 3, 4]) tier.ask(op, 30, { isTaken: false })
    expect(tier.told).toEqual(['old leaves', 'granted 1'])
    for (const op of [1, 2, 3]) tier.take(op, 30)
    expect(tier.told.slice(2)).toEqual(['granted 2', 'young leaves', 'granted 3', 'MEMORY_FULL 4'])
  })

  it('evicts nothing when the plan is not enough', () => {
    const tier = new Tier({ a: 30, b: 60 })
    tier.busy.add('b')
    tier.ask(1, 50)
    expect(tier.told).toEqual(['MEMORY_FULL 1'])
  })

  it('says TOO_LARGE for what could never fit', () => {
    const tier = new Tier({ a: 30 })
    tier.ask(1, 101)
    tier.ask(2, 100)
    expect(tier.told).toEqual(['TOO_LARGE 1', 'a leaves', 'granted 2'])
  })

  it('plans again when victims freed less than they seemed to have', () => {
    const tier = new Tier({ a: 40, b: 40 })
    tier.frees.set('a', 10)
    tier.ask(1, 60)
    expect(tier.told).toEqual(['a leaves', 'b leaves', 'granted 1'])
  })

  it('passes over a victim that came into use while another went, and one that does not go', () => {
    const tier = new Tier({ a: 20, b: 20, c: 20, d: 40 })
    tier.onLeave = (model) => {
      if (model === 'a') tier.busy.add('b')
    }
    tier.frees.set('c', null)
    tier.ask(1, 55)
    expect(tier.told).toEqual(['a leaves', 'c stays', 'd leaves', 'granted 1'])
  })

  it('goes on for the next in line when the store refuses for another reason than room', () => {
    const tier = new Tier({})
    tier.ask(1, 10, { isTaken: false })
    tier.ask(2, 10, { isTaken: false })
    tier.refuse(1, 'SYSTEM')
    expect(tier.told).toEqual(['granted 1', 'ends 1', 'granted 2'])
  })

  it('believes a store that says it is full though there is room', () => {
    const tier = new Tier({ a: 50 })
    tier.ask(1, 10, { isTaken: false })
    tier.refuse(1, 'MEMORY_FULL')
    expect(tier.told).toEqual(['granted 1', 'ends 1'])
  })

  it('makes room once more when somebody else has taken it meanwhile', () => {
    const tier = new Tier({ a: 50, b: 30 })
    tier.ask(1, 20, { isTaken: false })
    tier.usedBytes += 10
    tier.refuse(1, 'MEMORY_FULL')
    expect(tier.told).toEqual(['granted 1', 'goes on 1', 'a leaves', 'granted 1'])
  })

  it('lets a store with hidden room try before anything is evicted, and evicts for it when that was in vain', () => {
    const tier = new Tier({ a: 50, b: 50 }, { hasHiddenRoom: true })
    tier.ask(1, 30, { isTaken: false })
    tier.take(1, 0)
    expect(tier.told).toEqual(['granted 1'])
    tier.ask(2, 30, { isTaken: false })
    tier.refuse(2, 'MEMORY_FULL')
    expect(tier.told.slice(1)).toEqual(['granted 2', 'goes on 2', 'a leaves', 'granted 2'])
  })

  it('lets what is in use of a faster tier go at last', () => {
    const tier = new Tier({ a: 60, b: 40 }, { mayLeaveAtLast: (model) => model === 'a' })
    tier.busy.add('a')
    tier.ask(1, 30)
    expect(tier.told).toEqual(['b leaves', 'granted 1'])
    tier.ask(2, 30)
    expect(tier.told.slice(2)).toEqual(['a leaves', 'granted 2'])
  })

  it('only tries, when asked so, and keeps nobody waiting', () => {
    const tier = new Tier({ a: 60, b: 40 })
    tier.ask(1, 50, { isBestEffort: true })
    tier.busy.add('b')
    tier.ask(2, 90, { isBestEffort: true })
    tier.ask(3, 101, { isBestEffort: true })
    tier.ask(4, 10)
    expect(tier.told).toEqual(['a leaves', 'granted 1', 'short 2', 'short 3', 'granted 4'])
  })
})
