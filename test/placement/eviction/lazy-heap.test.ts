import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type HeapEntry, LazyHeap } from '../../../placement/eviction/lazy-heap.ts'

interface Entry extends HeapEntry {
  presentKey: number
}

const createHeap = () =>
  new LazyHeap<Entry>((entry) => {
    if (entry.key === entry.presentKey) return false
    entry.key = entry.presentKey
    return true
  })

const anyStep = fc.record({
  kind: fc.constantFrom('push', 'push', 'push', 'raise', 'lower', 'remove', 'min'),
  pick: fc.nat(1000),
  amount: fc.nat(20),
})

test('the least entry is the one of a sorted list, though keys rise unannounced', () => {
  fc.assert(
    fc.property(fc.array(anyStep, { minLength: 20, maxLength: 200 }), (steps) => {
      const heap = createHeap()
      const entries: Entry[] = []
      const least = () =>
        entries.toSorted((a, b) => a.presentKey - b.presentKey || (a.model < b.model ? -1 : 1))[0]?.model
      for (const [index, { kind, pick, amount }] of steps.entries()) {
        const entry = entries[pick % Math.max(1, entries.length)]
        if (kind === 'push') {
          const model = `m${(index * 7919) % 1000}`
          entries.push({ model, presentKey: amount, key: amount, tie: 0, position: -1 })
          heap.push(entries.at(-1)!)
        } else if (entry === undefined) {
          expect(heap.min(0)).toBeUndefined()
        } else if (kind === 'raise') {
          entry.presentKey += amount
        } else if (kind === 'lower') {
          entry.presentKey = Math.min(entry.presentKey, entry.key) - amount
          entry.key = entry.presentKey
          heap.lowered(entry)
        } else if (kind === 'remove') {
          heap.remove(entry)
          entries.splice(entries.indexOf(entry), 1)
        } else {
          expect(heap.min(0)?.model).toBe(least())
        }
        expect(heap.size).toBe(entries.length)
        heap.checkInvariants()
      }
      while (entries.length > 0) {
        const entry = heap.min(0)!
        expect(entry.model).toBe(least())
        heap.remove(entry)
        entries.splice(entries.indexOf(entry), 1)
      }
    }),
  )
})

test('an entry that is not in the heap cannot be removed from it', () => {
  const heap = createHeap()
  const entry: Entry = { model: 'a', presentKey: 1, key: 1, tie: 0, position: -1 }
  heap.push({ ...entry, model: 'b' })
  expect(() => heap.remove(entry)).toThrow('a is not in the heap')
})
