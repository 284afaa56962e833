import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RequestQueue } from '../../../node/runtime/request-queue.ts'
import type { Work } from '../../../placement/index.ts'

interface Item extends Work {
  readonly digest: string
}

function item(digest: string, over: Partial<Item> = {}): Item {
  return { digest, tenant: 'public', arrivedMs: 0, latestMs: Number.POSITIVE_INFINITY, costMs: 5, sureMs: 0, ...over }
}

test('counts, order and limits hold through any sequence of operations', () => {
  const operation = fc.record({
    kind: fc.constantFrom('push' as const, 'take' as const, 'requeue' as const, 'done' as const, 'drop' as const),
    digest: fc.constantFrom('a', 'b', 'c'),
    pick: fc.nat(20),
  })
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 80 }), (operations) => {
      const queue = new RequestQueue<Item>({ queuedMax: 6, queuedPerModelMax: 3, queuedMaxOf: () => null })
      let waiting: Item[] = []
      let running: Item[] = []
      for (const { kind, digest, pick } of operations) {
        const begun = running[pick % Math.max(1, running.length)]
        if (kind === 'push') {
          const isFull = waiting.length >= 6 || waiting.filter((other) => other.digest === digest).length >= 3
          const pushed = item(digest)
          if (isFull) expect(() => queue.push(pushed)).toThrow(expect.objectContaining({ code: 'OVERLOADED' }))
          else {
            expect(queue.push(pushed)).toBeNull()
            waiting.push(pushed)
          }
        } else if (kind === 'take') {
          const taken = queue.take(0)
          expect(taken).toBe(waiting[0] ?? null)
          if (taken !== null) running.push(taken)
          waiting = waiting.slice(1)
        } else if (kind === 'drop') {
          const dropped = waiting[pick % Math.max(1, waiting.length)]
          expect(queue.drop(dropped ?? item(digest))).toBe(dropped !== undefined)
          waiting = waiting.filter((other) => other !== dropped)
        } else if (begun !== undefined) {
          running = running.filter((other) => other !== begun)
          if (kind === 'requeue') {
            queue.requeue(begun)
            waiting = [begun, ...waiting]
          } else queue.done(begun, 5)
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
  const queue = new RequestQueue<Item>({ queuedMax: 1, queuedPerModelMax: 1, queuedMaxOf: () => null })
  expect(() => queue.done(item('a'), 1)).toThrow('broken invariant')
})

test('a tenant that has filled the queue gives way to one that has not, and to nobody of its own', () => {
  const queue = new RequestQueue<Item>({ queuedMax: 4, queuedPerModelMax: 4, queuedMaxOf: () => null })
  const flood = ['a', 'b', 'a', 'b'].map((digest) => item(digest, { tenant: 'flood' }))
  for (const one of flood) queue.push(one)
  expect(() => queue.push(item('a', { tenant: 'flood' }))).toThrow('limit queuedMax')
  expect(queue.push(item('c', { tenant: 'quiet' }))).toBe(flood[3])
  expect([queue.waiting, queue.count('b'), queue.count('c')]).toEqual([4, 1, 1])
})

test('and so among the requests for one model', () => {
  const queue = new RequestQueue<Item>({ queuedMax: 9, queuedPerModelMax: 2, queuedMaxOf: () => null })
  const [first, last] = [item('a', { tenant: 'flood' }), item('a', { tenant: 'flood' })]
  for (const one of [first, last, item('b', { tenant: 'flood' })]) queue.push(one)
  expect(queue.push(item('a', { tenant: 'quiet' }))).toBe(last)
  expect(() => queue.push(item('a', { tenant: 'quiet' }))).toThrow('limit queuedPerModelMax')
})

test('what would begin too late leaves the queue and its counts', () => {
  const queue = new RequestQueue<Item>({ queuedMax: 9, queuedPerModelMax: 9, queuedMaxOf: () => null })
  const late = item('a', { latestMs: 10 })
  queue.push(late)
  queue.push(item('a'))
  expect(queue.expire(11)).toEqual([late])
  expect([queue.waiting, queue.count('a')]).toEqual([1, 1])
  expect(queue.dropAll()).toHaveLength(1)
  expect([queue.waiting, queue.count('a')]).toEqual([0, 0])
})

test('a tenant waits with so many requests and not one more; what runs does not count, nor do others', () => {
  const queuedMaxOf = (tenant: string) => (tenant === 'small' ? 2 : null)
  const queue = new RequestQueue<Item>({ queuedMax: 9, queuedPerModelMax: 9, queuedMaxOf })
  for (const digest of ['a', 'b']) queue.push(item(digest, { tenant: 'small' }))
  expect(() => queue.push(item('c', { tenant: 'small' }))).toThrow(
    expect.objectContaining({ code: 'QUOTA_QUEUED', details: { quota: 'queuedMax', limit: 2 } }),
  )
  expect(queue.push(item('c', { tenant: 'public' }))).toBeNull()
  expect(queue.take(0)?.tenant).toBe('small')
  expect(queue.push(item('c', { tenant: 'small' }))).toBeNull()
})
