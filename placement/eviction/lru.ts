/**
 * Least recently used: evict the model whose last request lies longest back. Blind to size, cost and frequency; the yardstick of
 * every comparison.
 *
 * Residents form a doubly linked list in the order of their last request, oldest first. A hit moves one to the end, a plan
 * walks from the head, so every call takes constant time. (A JavaScript Map keeps insertion order too, but its iterator has to
 * step over every deleted slot at the front.) The order of requests is total, so there are no ties.
 */

import { assertInvariant, type ModelId } from '../../common/index.ts'
import type { CacheItem, EvictionPlan, EvictionPolicy, EvictionRequest, ScoreParts, Victim } from './types.ts'

interface Entry {
  readonly model: ModelId
  sizeBytes: number
  lastRequestMs: number
  older: Entry
  newer: Entry
}

export class LruPolicy implements EvictionPolicy {
  readonly name = 'lru'
  private readonly entries = new Map<ModelId, Entry>()
  /** Closes the ring: `newer` of it is the oldest resident, `older` the newest. */
  private readonly ring: Entry = createRing()
  private usedBytes = 0

  onRequest(model: ModelId, nowMs: number): void {
    const entry = this.entries.get(model)
    if (entry === undefined) return
    entry.lastRequestMs = nowMs
    if (entry.newer === this.ring) return
    unlink(entry)
    this.linkAsNewest(entry)
  }

  onInsert({ model, sizeBytes }: CacheItem, nowMs: number): void {
    const known = this.entries.get(model)
    if (known === undefined) {
      const entry: Entry = { model, sizeBytes, lastRequestMs: nowMs, older: this.ring, newer: this.ring }
      this.entries.set(model, entry)
      this.linkAsNewest(entry)
      this.usedBytes += sizeBytes
    } else {
      this.usedBytes += sizeBytes - known.sizeBytes
      known.sizeBytes = sizeBytes
    }
  }

  onRemove(model: ModelId): void {
    const entry = this.entries.get(model)
    if (entry === undefined) return
    this.entries.delete(model)
    unlink(entry)
    this.usedBytes -= entry.sizeBytes
  }

  /** LRU knows no cost. */
  updateCost(): void {}

  planEviction({ neededBytes, nowMs, mayEvict }: EvictionRequest): EvictionPlan {
    const victims: Victim[] = []
    let freedBytes = 0
    for (let entry = this.ring.newer; entry !== this.ring && freedBytes < neededBytes; entry = entry.newer) {
      if (!mayEvict(entry.model)) continue
      victims.push({
        model: entry.model,
        sizeBytes: entry.sizeBytes,
        score: scoreOf(entry, nowMs),
        reason: 'least-recent',
      })
      freedBytes += entry.sizeBytes
    }
    return { victims, freedBytes, enough: freedBytes >= neededBytes }
  }

  score(model: ModelId, nowMs: number): ScoreParts | null {
    const entry = this.entries.get(model)
    if (entry === undefined) return null
    return { score: scoreOf(entry, nowMs), parts: { idleMs: nowMs - entry.lastRequestMs, sizeBytes: entry.sizeBytes } }
  }

  checkInvariants(): void {
    let count = 0
    let bytes = 0
    for (let entry = this.ring.newer; entry !== this.ring; entry = entry.newer) {
      assertInvariant(this.entries.get(entry.model) === entry, `${entry.model} is in the list and not resident`)
      assertInvariant(entry.older.newer === entry, `${entry.model} is not linked both ways`)
      count += 1
      bytes += entry.sizeBytes
    }
    assertInvariant(count === this.entries.size, `the list has ${count} models, not ${this.entries.size}`)
    assertInvariant(bytes === this.usedBytes, `resident models have ${bytes} bytes, not ${this.usedBytes}`)
  }

  private linkAsNewest(entry: Entry): void {
    const newest = this.ring.older
    newest.newer = entry
    entry.older = newest
    entry.newer = this.ring
    this.ring.older = entry
  }
}

function createRing(): Entry {
  const ring = { model: '', sizeBytes: 0, lastRequestMs: 0 } as Entry
  ring.older = ring
  ring.newer = ring
  return ring
}

function unlink(entry: Entry): void {
  entry.older.newer = entry.newer
  entry.newer.older = entry.older
}

function scoreOf(entry: Entry, nowMs: number): number {
  return entry.lastRequestMs - nowMs
}
