import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RequestQueue } from '../../../node/runtime/request-queue.ts'

interface Item {
  readonly digest: string
}

test('counts, order and limits hold through any sequence of operations', () => {
  const operation = fc.record({
    kind: fc.constantFrom('push' as const, 'take' as const, 'requeue' as const, 'done' as const, 'drop' as const),
    digest: fc.constantFrom('a', 'b', 'c'),
    pick: fc.nat(20),
  })
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 80 }), (operations) => {
      const queue = new RequestQueue<Item>({ queuedMax: 6, queuedPerModelMax: 3 })
      let waiting: Item[] = []
      let running: Item[] = []
      for (const { kind, digest, pick } of operations) {
        const item = running[pick % Math.max(1, running.length)]
        if (kind === 'push') {
          const isFull = waiting.length >= 6 || waiting.filter((other) => other.digest === digest).length >= 3
          const pushed = { digest }
          if (isFull) expect(() => queue.push(pushed)).toThrow(expect.objectContaining({ code: 'OVERLOADED' }))
          else {
            queue.push(pushed)
            waiting.push(pushed)
          }
        } else if (kind === 'take') {
          const taken = queue.take()
          expect(taken).toBe(waiting[0] ?? null)
          if (taken !== null) running.push(taken)
          waiting = waiting.slice(1)
        } else if (kind === 'drop') {
          const dropped = waiting[pick % Math.max(1, waiting.length)]
          expect(queue.drop(dropped ?? { digest })).toBe(dropped !== undefined)
          waiting = waiting.filter((other) => other !== dropped)
        } else if (item !== undefined) {
          running = running.filter((other) => other !== item)
          if (kind === 'requeue') {
            queue.requeue(item)
            waiting = [item, ...waiting]
          } else queue.done(item)
        }
        expect(queue.waiting).toBe(waiting.length)
        for (const name of ['a', 'b', 'c']) {
          expect(queue.count(name)).toBe([...waiting, ...running].filter((other) => other.digest === name).length)
        }
      }
    }),
  )
})

test('ending what never started is a broken invariant', () => {
  const queue = new RequestQueue<Item>({ queuedMax: 1, queuedPerModelMax: 1 })
  expect(() => queue.done({ digest: 'a' })).toThrow('broken invariant')
})
