import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createPrng } from '../../common/index.ts'

const draw = (count: number, next: () => number) => Array.from({ length: count }, next)

describe('the seeded generator', () => {
  test('gives the same numbers for a seed, for ever', () => {
    // Recorded once. A change here breaks the replay of every seed that was ever printed.
    expect(draw(4, createPrng(0).uint32)).toEqual(recordedOfSeed0)
    expect(draw(4, createPrng(2 ** 40 + 7).uint32)).toEqual(recordedOfLargeSeed)
    expect(draw(4, createPrng(0).child('gossip').uint32)).toEqual(recordedOfChild)
  })

  test('follows the reference xoshiro128** from a known state', () => {
    // Computed by the authors' C code in 64-bit arithmetic below, from the state the seed leads to.
    const prng = createPrng(42)
    expect(draw(100, prng.uint32)).toEqual(draw(100, referenceXoshiro(stateOf(42))))
  })

  test('an integer lies below its bound, whatever the bound', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 2 ** 32 }), (seed, bound) => {
        const value = createPrng(seed).int(bound)
        expect(Number.isInteger(value) && value >= 0 && value < bound).toBe(true)
      }),
    )
  })

  test('integers are uniform, also for a bound that does not divide 2^32', () => {
    const bound = 7
    const drawCount = 70_000
    const counts = new Array<number>(bound).fill(0)
    const prng = createPrng(1)
    for (let index = 0; index < drawCount; index++) counts[prng.int(bound)]! += 1
    const chiSquare = counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0)
    expect(chiSquare).toBeLessThan(22.5) // 6 degrees of freedom, one in a thousand
  })

  test('integers are uniform, also for a bound that fits but once', () => {
    const bound = 3 * 2 ** 30 // taken modulo the bound, half of the numbers would lie in the first third
    const prng = createPrng(7)
    const low = draw(9000, () => Number(prng.int(bound) < bound / 3)).reduce((sum, hit) => sum + hit, 0)
    expect(Math.abs(low - 3000)).toBeLessThan(4 * Math.sqrt(2000))
  })

  test('a float lies in [0, 1) and has the mean and variance of a uniform one', () => {
    const prng = createPrng(2)
    const values = draw(40_000, prng.float)
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
    expect(values.every((value) => value >= 0 && value < 1)).toBe(true)
    expect(Math.abs(mean - 1 / 2)).toBeLessThan(4 * Math.sqrt(1 / 12 / values.length))
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(4 * Math.sqrt(1 / 180 / values.length))
  })

  test('a chance is an exact ratio', () => {
    const prng = createPrng(3)
    const hits = draw(30_000, () => Number(prng.chance(1, 3))).reduce((sum, hit) => sum + hit, 0)
    expect(Math.abs(hits - 10_000)).toBeLessThan(4 * Math.sqrt((30_000 * 2) / 9))
    expect(draw(50, () => Number(prng.chance(0, 5)))).not.toContain(1)
    expect(draw(50, () => Number(prng.chance(5, 5)))).not.toContain(0)
  })

  test('a child depends on seed and name alone, not on what was drawn before', () => {
    const untouched = createPrng(5)
    const drawn = createPrng(5)
    draw(17, drawn.uint32)
    expect(draw(5, drawn.child('net').uint32)).toEqual(draw(5, untouched.child('net').uint32))
    expect(draw(5, drawn.child('net').uint32)).not.toEqual(draw(5, drawn.child('disk').uint32))
    expect(draw(5, drawn.child('net').uint32)).not.toEqual(draw(5, createPrng(6).child('net').uint32))
  })

  test('children of many names have different seeds', () => {
    const prng = createPrng(9)
    const seeds = new Set(Array.from({ length: 10_000 }, (_, index) => prng.child(`node-${index}`).seed))
    expect(seeds.size).toBe(10_000)
  })

  test.each([0, -1, 1.5, 2 ** 32 + 1, Number.NaN])('refuses the bound %s', (bound) => {
    expect(() => createPrng(1).int(bound)).toThrow('no integer lies in')
  })

  test.each([-1, 0.5, Number.NaN, 2 ** 53])('refuses the seed %s', (seed) => {
    expect(() => createPrng(seed)).toThrow('a seed is')
  })
})

const recordedOfSeed0 = [3809008728, 1133695204, 53579671, 2891528803]
const recordedOfLargeSeed = [3735864038, 2590386358, 2847935738, 1118798457]
const recordedOfChild = [3391491461, 506690978, 28438214, 1057710654]

/** The first four outputs of the MurmurHash3 finalizer over a counter, as the module promises for small seeds. */
function stateOf(seed: number): bigint[] {
  const mask = 0xffff_ffffn
  const state = [1n, 2n, 3n, 4n].map((step) => {
    let word = (BigInt(seed) + step * 0x9e3779b9n) & mask
    word = ((word ^ (word >> 16n)) * 0x85ebca6bn) & mask
    word = ((word ^ (word >> 13n)) * 0xc2b2ae35n) & mask
    return word ^ (word >> 16n)
  })
  return [state[0]!, state[1]!, state[2]!, state[3]! | 1n]
}

/** https://prng.di.unimi.it/xoshiro128starstar.c, in arbitrary precision. */
function referenceXoshiro(initial: readonly bigint[]): () => number {
  const mask = 0xffff_ffffn
  const rotate = (word: bigint, bits: bigint) => ((word << bits) | (word >> (32n - bits))) & mask
  const s = [...initial] as [bigint, bigint, bigint, bigint]
  return () => {
    const result = (rotate((s[1] * 5n) & mask, 7n) * 9n) & mask
    const t = (s[1] << 9n) & mask
    s[2] ^= s[0]
    s[3] ^= s[1]
    s[1] ^= s[2]
    s[0] ^= s[3]
    s[2] ^= t
    s[3] = rotate(s[3], 11n)
    return Number(result)
  }
}
