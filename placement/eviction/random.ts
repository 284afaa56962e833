/**
 * Random: evict any model. Keeps no history at all, and is a fairer yardstick than it looks: a policy that loses against it has
 * learnt something wrong.
 *
 * Residents lie in an array; a removal moves the last one into the gap. Whenever the residents change, a starting point is
 * drawn, and a plan takes models from there on, around the end. So the first victim is uniform among all residents, every
 * change draws afresh, and a plan draws nothing. The seed replays all of it; a position is unique, so there are no ties.
 */

import { assertInvariant, createPrng, type ModelId, type Prng } from '../../common/index.ts'
import { assertCost } from './heap-plan.ts'
import type { CacheItem, EvictionPlan, EvictionPolicy, EvictionRequest, ScoreParts, Victim } from './types.ts'

export interface RandomOptions {
  /** Any non-negative integer; the same seed makes the same decisions. */
  readonly seed: number
}

export const defaultRandomOptions: RandomOptions = { seed: 1 }

interface Entry {
  readonly model: ModelId
  sizeBytes: number
  position: number
}

export class RandomPolicy implements EvictionPolicy {
  readonly name = 'random'
  private readonly prng: Prng
  private readonly entries = new Map<ModelId, Entry>()
  private readonly order: Entry[] = []
  /** Position of the first victim. */
  private start = 0
  private usedBytes = 0

  constructor(options: Partial<RandomOptions> = {}) {
    this.prng = createPrng({ ...defaultRandomOptions, ...options }.seed)
  }

  /** A request changes nothing. */
  onRequest(): void {}

  onInsert({ model, sizeBytes, missCostMs }: CacheItem): void {
    assertCost(missCostMs)
    const known = this.entries.get(model)
    if (known !== undefined) {
      this.usedBytes += sizeBytes - known.sizeBytes
      known.sizeBytes = sizeBytes
      return
    }
    const entry: Entry = { model, sizeBytes, position: this.order.length }
    this.entries.set(model, entry)
    this.order.push(entry)
    this.usedBytes += sizeBytes
    this.draw()
  }

  onRemove(model: ModelId): void {
    const entry = this.entries.get(model)
    if (entry === undefined) return
    this.entries.delete(model)
    const last = this.order.pop()!
    if (last !== entry) {
      this.order[entry.position] = last
      last.position = entry.position
    }
    this.usedBytes -= entry.sizeBytes
    this.draw()
  }

  /** Chance knows no cost. */
  updateCost(): void {}

  planEviction({ neededBytes, mayEvict }: EvictionRequest): EvictionPlan {
    const victims: Victim[] = []
    let freedBytes = 0
    const count = this.order.length
    for (let step = 0; step < count && freedBytes < neededBytes; step++) {
      const { model, sizeBytes } = this.order[(this.start + step) % count]!
      if (!mayEvict(model)) continue
      victims.push({ model, sizeBytes, score: step, reason: 'chance' })
      freedBytes += sizeBytes
    }
    return { victims, freedBytes, enough: freedBytes >= neededBytes }
  }

  score(model: ModelId): ScoreParts | null {
    const entry = this.entries.get(model)
    if (entry === undefined) return null
    const count = this.order.length
    return { score: (entry.position - this.start + count) % count, parts: { sizeBytes: entry.sizeBytes } }
  }

  checkInvariants(): void {
    assertInvariant(this.order.length === this.entries.size, 'order and residents differ')
    let bytes = 0
    this.order.forEach((entry, position) => {
      assertInvariant(entry.position === position, `${entry.model} is not where it says`)
      assertInvariant(this.entries.get(entry.model) === entry, `${entry.model} is in the order and not resident`)
      bytes += entry.sizeBytes
    })
    assertInvariant(bytes === this.usedBytes, `resident models have ${bytes} bytes, not ${this.usedBytes}`)
  }

  private draw(): void {
    this.start = this.order.length === 0 ? 0 : this.prng.int(this.order.length)
  }
}
