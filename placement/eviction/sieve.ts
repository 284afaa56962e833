/**
 * SIEVE: residents lie in the order in which they were loaded. A request marks a model as visited and moves nothing. A hand walks
 * from the oldest to the newest and around; it takes the mark from a visited model and evicts the first that has none, and stays
 * there. New models are sifted out quickly, those that are asked for again are kept, and there is nothing to tune.
 * Source: Y. Zhang et al., "SIEVE is Simpler than LRU", NSDI 2024.
 *
 * A plan must change nothing, so it only says where the hand would go: first all without a mark, from the hand on, then, as the
 * marks would be gone in the second round, the others. The hand moves, and takes marks, when a victim is really removed.
 */

import { assertInvariant, type ModelId } from '../../common/index.ts'
import { assertCost } from './heap-plan.ts'
import type {
  CacheItem,
  EvictionPlan,
  EvictionPolicy,
  EvictionRequest,
  RemovalCause,
  ScoreParts,
  Victim,
} from './types.ts'

interface Entry {
  readonly model: ModelId
  sizeBytes: number
  isVisited: boolean
  /** Sequence number of the load: rises along the list. */
  readonly loadedAt: number
  older: Entry
  newer: Entry
}

export class SievePolicy implements EvictionPolicy {
  readonly name = 'sieve'
  private readonly entries = new Map<ModelId, Entry>()
  /** Closes the list: `newer` of it is the oldest resident, `older` the newest. */
  private readonly ring: Entry = createRing()
  /** Where the walk begins; the ring itself stands for the oldest. */
  private hand: Entry = this.ring
  private loadCount = 0
  private usedBytes = 0

  onRequest(model: ModelId): void {
    const entry = this.entries.get(model)
    if (entry !== undefined) entry.isVisited = true
  }

  onInsert({ model, sizeBytes, missCostMs }: CacheItem): void {
    assertCost(missCostMs)
    const known = this.entries.get(model)
    if (known !== undefined) {
      this.usedBytes += sizeBytes - known.sizeBytes
      known.sizeBytes = sizeBytes
      return
    }
    const { ring } = this
    const newest = ring.older
    const entry: Entry = { model, sizeBytes, isVisited: false, loadedAt: ++this.loadCount, older: newest, newer: ring }
    newest.newer = entry
    ring.older = entry
    this.entries.set(model, entry)
    this.usedBytes += sizeBytes
  }

  onRemove(model: ModelId, _nowMs: number, cause: RemovalCause = 'evicted'): void {
    const entry = this.entries.get(model)
    if (entry === undefined) return
    if (cause === 'evicted') this.moveHandTo(entry)
    else if (this.hand === entry) this.hand = entry.newer
    this.entries.delete(model)
    entry.older.newer = entry.newer
    entry.newer.older = entry.older
    this.usedBytes -= entry.sizeBytes
  }

  /** SIEVE knows no cost. */
  updateCost(): void {}

  planEviction({ neededBytes, mayEvict }: EvictionRequest): EvictionPlan {
    const victims: Victim[] = []
    let freedBytes = 0
    for (const wantVisited of [false, true]) {
      for (const entry of this.walk()) {
        if (freedBytes >= neededBytes) break
        if (entry.isVisited !== wantVisited || !mayEvict(entry.model)) continue
        const { model, sizeBytes } = entry
        victims.push({ model, sizeBytes, score: this.scoreOf(entry), reason: 'not-visited' })
        freedBytes += sizeBytes
      }
    }
    return { victims, freedBytes, enough: freedBytes >= neededBytes }
  }

  score(model: ModelId): ScoreParts | null {
    const entry = this.entries.get(model)
    if (entry === undefined) return null
    return {
      score: this.scoreOf(entry),
      parts: { visitedCount: entry.isVisited ? 1 : 0, sizeBytes: entry.sizeBytes },
    }
  }

  checkInvariants(): void {
    let count = 0
    let bytes = 0
    for (let entry = this.ring.newer; entry !== this.ring; entry = entry.newer) {
      assertInvariant(this.entries.get(entry.model) === entry, `${entry.model} is in the list and not resident`)
      assertInvariant(entry.older.loadedAt < entry.loadedAt, `${entry.model} is older than what lies before it`)
      count += 1
      bytes += entry.sizeBytes
    }
    assertInvariant(count === this.entries.size, `the list has ${count} models, not ${this.entries.size}`)
    assertInvariant(bytes === this.usedBytes, `resident models have ${bytes} bytes, not ${this.usedBytes}`)
    const { hand } = this
    assertInvariant(hand === this.ring || this.entries.get(hand.model) === hand, 'the hand is at a model that left')
  }

  private *walk(): Iterable<Entry> {
    for (let entry = this.hand; entry !== this.ring; entry = entry.newer) yield entry
    for (let entry = this.ring.newer; entry !== this.hand && entry !== this.ring; entry = entry.newer) yield entry
  }

  /** Takes the marks that the hand passes on its way. A victim with a mark is one of the second round: all marks are gone. */
  private moveHandTo(victim: Entry): void {
    for (const entry of this.walk()) {
      if (entry === victim && !victim.isVisited) break
      if (entry !== victim) entry.isVisited = false
    }
    this.hand = victim.newer
  }

  /** How many steps of loads the hand is away; the visited come a whole round later. */
  private scoreOf({ loadedAt, isVisited }: Entry): number {
    const handAt = this.hand.loadedAt
    const round = this.loadCount + 1
    const steps = loadedAt >= handAt ? loadedAt - handAt : loadedAt - handAt + round
    return isVisited ? steps + round : steps
  }
}

function createRing(): Entry {
  const ring = { model: '', sizeBytes: 0, isVisited: false, loadedAt: 0 } as Entry
  ring.older = ring
  ring.newer = ring
  return ring
}
