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

test('tenants share by bytes, not by requests', () => {
  const queue = new FairQueue<Item & { readonly sizeBytes: number }>()
  for (let at = 0; at < 4; at += 1) queue.push({ tenant: 'A', blob: 'x', at, sizeBytes: 8 })
  for (let at = 0; at < 8; at += 1) queue.push({ tenant: 'B', blob: 'x', at, sizeBytes: 2 })
  expect(drained(queue).slice(0, 6)).toEqual(['Ax0', 'Bx0', 'Bx1', 'Bx2', 'Bx3', 'Ax1'])
})

test('tenants share by weight', () => {
  const queue = new FairQueue<Item>((tenant) => (tenant === 'A' ? 3 : 1))
  for (let at = 0; at < 12; at += 1) for (const tenant of ['A', 'B']) queue.push({ tenant, blob: 'x', at })
  expect(
    drained(queue)
      .slice(0, 8)
      .filter((name) => name.startsWith('A')),
  ).toHaveLength(6)
})

test('a tenant that asks for one thing at a time has its share, and no more', () => {
  const queue = new FairQueue<Item>()
  for (let at = 0; at < 100; at += 1) queue.push({ tenant: 'A', blob: 'x', at })
  const order: string[] = []
  for (let at = 0; at < 20; at += 1) {
    if (!order.length || order.at(-1) === 'B') queue.push({ tenant: 'B', blob: 'x', at })
    order.push(queue.shift()!.tenant)
  }
  expect(order.filter((tenant) => tenant === 'A')).toHaveLength(10)
})

test('weights hold for tenants that each ask for one thing at a time', () => {
  const queue = new FairQueue<Item>((tenant) => (tenant === 'A' ? 3 : 1))
  const taken = { A: 0, B: 0 }
  for (const tenant of ['A', 'B']) queue.push({ tenant, blob: 'x', at: 0 })
  for (let at = 1; at <= 40; at += 1) {
    const { tenant } = queue.shift()!
    taken[tenant as 'A' | 'B'] += 1
    queue.push({ tenant, blob: 'x', at })
  }
  expect(taken).toEqual({ A: 30, B: 10 })
})

test('names of tenants that never come back are forgotten', () => {
  const queue = new FairQueue<Item>()
  for (let at = 0; at < 5_000; at += 1) {
    queue.push({ tenant: `t${at}`, blob: 'x', at })
    queue.shift()
  }
  expect(queue.tenantCount).toBeLessThanOrEqual(1_025)
})

test('every second place goes to the blob that is needed first, and the others move on', () => {
  const queue = new FairQueue<Item & { readonly dueMs?: number }>()
  for (let at = 0; at < 4; at += 1) queue.push({ tenant: 'A', blob: 'x', at })
  for (let at = 0; at < 2; at += 1) queue.push({ tenant: 'A', blob: 'y', at, dueMs: 900 })
  for (let at = 0; at < 2; at += 1) queue.push({ tenant: 'A', blob: 'z', at, dueMs: 100 })
  expect(drained(queue)).toEqual(['Az0', 'Ax0', 'Az1', 'Ay0', 'Ay1', 'Ax1', 'Ax2', 'Ax3'])
})

test('what is needed first waits for one other chunk, whatever the others are', () => {
  const others = fc.array(
    fc.record({ blob: fc.constantFrom('x', 'y', 'z'), dueMs: fc.constantFrom(101, 500, Number.POSITIVE_INFINITY) }),
  )
  fc.assert(
    fc.property(others, fc.nat(5), (given, takenCount) => {
      const queue = new FairQueue<Item & { readonly dueMs: number }>()
      for (const [at, one] of given.entries()) queue.push({ tenant: 'A', at, ...one })
      for (let at = 0; at < takenCount; at += 1) queue.shift()
      queue.push({ tenant: 'A', blob: 'urgent', at: -1, dueMs: 100 })
      expect(drained(queue).indexOf('Aurgent-1')).toBeLessThanOrEqual(1)
    }),
  )
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
