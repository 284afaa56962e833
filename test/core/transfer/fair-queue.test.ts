import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FairQueue } from '../../../core/index.ts'

interface Item {
  readonly tenant: string
  readonly blob: string
  readonly at: number
}

function filled(keys: readonly string[]): FairQueue<Item> {
  const queue = new FairQueue<Item>()
  for (const [at, key] of keys.entries()) queue.push({ tenant: key[0]!, blob: key[1]!, at })
  return queue
}

function drained(queue: FairQueue<Item>): string[] {
  const order: string[] = []
  for (let item = queue.shift(); item !== undefined; item = queue.shift())
    order.push(`${item.tenant}${item.blob}${item.at}`)
  return order
}

test('tenants take turns, and the blobs of a tenant do', () => {
  expect(drained(filled(['Ax', 'Ax', 'Ax', 'Ay', 'Bz', 'Bz']))).toEqual(['Ax0', 'Bz4', 'Ay3', 'Bz5', 'Ax1', 'Ax2'])
})

test('one that comes late waits for one request of each other tenant', () => {
  const queue = filled(['Ax', 'Ax', 'Ax', 'Bx', 'Bx'])
  queue.shift()
  queue.push({ tenant: 'C', blob: 'x', at: 9 })
  expect(drained(queue).indexOf('Cx9')).toBeLessThanOrEqual(2)
})

test('what is taken back does not come out, and everything else does once, in order within its blob', () => {
  const key = fc.tuple(fc.constantFrom('A', 'B', 'C'), fc.constantFrom('x', 'y')).map((parts) => parts.join(''))
  fc.assert(
    fc.property(fc.array(fc.tuple(key, fc.boolean())), (pushed) => {
      const queue = new FairQueue<Item>()
      const kept: Item[] = []
      for (const [at, [name, isTakenBack]] of pushed.entries()) {
        const item = { tenant: name[0]!, blob: name[1]!, at }
        queue.push(item)
        if (isTakenBack) expect(queue.delete(item)).toBe(true)
        else kept.push(item)
      }
      expect(queue.length).toBe(kept.length)
      const came: Item[] = []
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) came.push(item)
      expect(came.toSorted((a, b) => a.at - b.at)).toEqual(kept)
      for (const one of ['Ax', 'Ay', 'Bx', 'By', 'Cx', 'Cy']) {
        const order = came.filter(({ tenant, blob }) => tenant + blob === one).map(({ at }) => at)
        expect(order).toEqual(order.toSorted((a, b) => a - b))
      }
      expect([queue.length, queue.shift()]).toEqual([0, undefined])
    }),
  )
})
