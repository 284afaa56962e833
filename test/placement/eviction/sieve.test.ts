import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createEvictionPolicy } from '../../../placement/index.ts'

/** SIEVE as the paper's Algorithm 1 writes it, on an array, newest last. */
class PaperSieve {
  private readonly queue: { model: string; isVisited: boolean }[] = []
  private hand = 0

  request(model: string, capacity: number): string | null {
    const found = this.queue.find((object) => object.model === model)
    if (found !== undefined) {
      found.isVisited = true
      return null
    }
    const victim = this.queue.length === capacity ? this.evict() : null
    this.queue.push({ model, isVisited: false })
    return victim
  }

  private evict(): string {
    while (this.queue[this.hand]!.isVisited) {
      this.queue[this.hand]!.isVisited = false
      this.hand = (this.hand + 1) % this.queue.length
    }
    const victim = this.queue.splice(this.hand, 1)[0]!.model
    if (this.hand === this.queue.length) this.hand = 0 // no pointer to the next one: back to the tail
    return victim
  }
}

test('evicts what the algorithm of the paper evicts', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(11), { maxLength: 200 }), fc.integer({ min: 1, max: 8 }), (requests, capacity) => {
      const paper = new PaperSieve()
      const policy = createEvictionPolicy('sieve')
      const resident = new Set<string>()
      for (const request of requests) {
        const model = `m${request}`
        const expected = paper.request(model, capacity)
        policy.onRequest(model, 0)
        if (resident.has(model)) continue
        if (resident.size === capacity) {
          const { victims } = policy.planEviction({ neededBytes: 1, nowMs: 0, mayEvict: () => true })
          expect(victims.map((victim) => victim.model)).toEqual([expected])
          policy.onRemove(expected!, 0, 'evicted')
          resident.delete(expected!)
        }
        policy.onInsert({ model, sizeBytes: 1, missCostMs: 1 }, 0)
        resident.add(model)
        policy.checkInvariants()
      }
    }),
  )
})

test('says whether a model was asked for since the hand passed', () => {
  const policy = createEvictionPolicy('sieve')
  for (const model of ['a', 'b']) policy.onInsert({ model, sizeBytes: 1, missCostMs: 1 }, 0)
  policy.onRequest('a', 0)
  expect(policy.score('a', 0)?.parts).toEqual({ visitedCount: 1, sizeBytes: 1 })
  expect(policy.score('b', 0)?.parts).toEqual({ visitedCount: 0, sizeBytes: 1 })
})
