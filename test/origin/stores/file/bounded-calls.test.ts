import { expect, test } from 'vitest'
import { BoundedCalls } from '../../../../origin/stores/file/bounded-calls.ts'

const hung = () => new Promise<never>(() => {})

test('calls that hang keep no more threads than the bound, and their callers go on when they give up', async () => {
  const calls = new BoundedCalls(2)
  const caller = new AbortController()
  let begun = 0
  const hang = () => {
    begun += 1
    return hung()
  }
  const asked = Array.from({ length: 5 }, () => calls.run(hang, caller.signal))
  const ended = Promise.allSettled(asked)
  await Promise.resolve()
  expect(begun).toBe(2)
  caller.abort(new Error('too late'))
  expect((await ended).map((end) => end.status === 'rejected' && end.reason.message)).toEqual(
    Array.from({ length: 5 }, () => 'too late'),
  )
  expect(begun, 'those who waited never began').toBe(2)
})

test('places are handed on in order, also by calls that fail', async () => {
  const calls = new BoundedCalls(1)
  const order: number[] = []
  const ask = (index: number) =>
    calls.run(async () => {
      order.push(index)
      if (index === 1) throw new Error('broken')
    }, undefined)
  const ended = await Promise.allSettled([0, 1, 2, 3].map(ask))
  expect(order).toEqual([0, 1, 2, 3])
  expect(ended.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
})

test('what comes after its caller has gone is let go', async () => {
  const calls = new BoundedCalls(1)
  const caller = new AbortController()
  const opened = Promise.withResolvers<string>()
  const discarded = Promise.withResolvers<string>()
  const asked = calls.run(() => opened.promise, caller.signal, discarded.resolve)
  caller.abort(new Error('gone'))
  await expect(asked).rejects.toThrow('gone')
  opened.resolve('a handle')
  expect(await discarded.promise).toBe('a handle')
  expect(await calls.run(async () => 'next', undefined)).toBe('next')
})
