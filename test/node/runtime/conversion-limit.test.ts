import { expect, test } from 'vitest'
import { ConversionLimit } from '../../../node/runtime/conversion-limit.ts'

/** Begins work that ends by hand, and notes when it begins. */
function worker(limit: ConversionLimit) {
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  const begin = (name: string, bytes: number, signal = new AbortController().signal): Promise<void> =>
    limit.run(bytes, signal, () => {
      begun.push(name)
      return new Promise((resolve) => ends.set(name, resolve))
    })
  return { begun, begin, end: (name: string) => ends.get(name)!() }
}

test('conversions wait for their number and their memory, in the order in which they came', async () => {
  const { begun, begin, end } = worker(new ConversionLimit({ conversionsMax: 2, conversionBytesMax: 100 }))
  const [a, b, c] = [begin('a', 60), begin('b', 60), begin('c', 30)]
  await expect.poll(() => begun).toEqual(['a'])
  end('a')
  await a
  await expect.poll(() => begun).toEqual(['a', 'b', 'c'])
  end('b')
  end('c')
  await Promise.all([b, c])
})

test('one that needs more than is allowed runs alone', async () => {
  const { begun, begin, end } = worker(new ConversionLimit({ conversionsMax: 8, conversionBytesMax: 100 }))
  const huge = begin('huge', 1000)
  const small = begin('small', 1)
  await expect.poll(() => begun).toEqual(['huge'])
  end('huge')
  await huge
  await expect.poll(() => begun).toEqual(['huge', 'small'])
  end('small')
  await small
})

test('one whose caller is gone does not begin, and keeps no place', async () => {
  const { begun, begin, end } = worker(new ConversionLimit({ conversionsMax: 1, conversionBytesMax: 100 }))
  const gone = new AbortController()
  const first = begin('first', 1)
  const second = begin('second', 1, gone.signal)
  gone.abort()
  await expect(second).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  const third = begin('third', 1)
  end('first')
  await first
  await expect.poll(() => begun).toEqual(['first', 'third'])
  end('third')
  await third
})
