/**
 * A seeded pseudo-random generator: xoshiro128** (Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators", 2018),
 * its 128-bit state filled from the seed by splitmix32.
 *
 * The same seed gives the same numbers on every machine and version, for ever: recorded seeds of failed runs depend on it.
 * It is fast (a few nanoseconds per draw, 32-bit arithmetic only) and not for secrets.
 *
 * One generator per concern: `child(name)` depends on the seed and the name alone, never on how much the parent has drawn, so
 * that a further draw in one place does not change what happens in another.
 */
import { assertInvariant } from './errors.ts'
import type { RandomInt } from './types.ts'

/** The functions need no `this`: `prng.int` may be passed on as a RandomInt. */
export interface Prng {
  /** Print it first: it replays everything drawn here and in all children. */
  readonly seed: number
  /** Uniform in [0, 2^32). */
  readonly uint32: () => number
  /** Uniform in [0, bound), exactly (by rejection), for 1 <= bound <= 2^32. */
  readonly int: RandomInt
  /** Uniform in [0, 1) with 53 bits. Only for what is a real number by nature, such as an exponential waiting time. */
  readonly float: () => number
  /** True with probability numerator / denominator, exactly. */
  readonly chance: (numerator: number, denominator: number) => boolean
  /** The generator of a concern, always the same for the same name. */
  readonly child: (name: string) => Prng
}

const twoTo32 = 0x1_0000_0000

/** @param seed a non-negative safe integer. */
export function createPrng(seed: number): Prng {
  assertInvariant(Number.isSafeInteger(seed) && seed >= 0, `a seed is a non-negative safe integer, not ${seed}`)
  const fill = splitmix32(seedWord(seed))
  let a = fill()
  let b = fill()
  let c = fill()
  let d = fill() | 1 // never all zero, the one state that xoshiro cannot leave

  const uint32 = (): number => {
    const scrambled = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0
    const shifted = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = rotateLeft(d, 11)
    return scrambled
  }

  const int = (bound: number): number => {
    assertInvariant(Number.isInteger(bound) && bound >= 1 && bound <= twoTo32, `no integer lies in [0, ${bound})`)
    // Numbers above the last multiple of the bound would favour the small results; they are at most half of all.
    const limit = twoTo32 - (twoTo32 % bound)
    let drawn = uint32()
    while (drawn >= limit) drawn = uint32()
    return drawn % bound
  }

  return {
    seed,
    uint32,
    int,
    float: () => ((uint32() >>> 5) * 0x400_0000 + (uint32() >>> 6)) / 0x20_0000_0000_0000,
    chance: (numerator, denominator) => int(denominator) < numerator,
    child: (name) => createPrng(childSeed(seed, name)),
  }
}

/** A good 32-bit mixing of a counter (the finalizer of MurmurHash3): neighbouring seeds give unrelated states. */
function splitmix32(start: number): () => number {
  let state = start | 0
  return () => {
    state = (state + 0x9e3779b9) | 0
    return mix(state)
  }
}

function mix(word: number): number {
  let mixed = word ^ (word >>> 16)
  mixed = Math.imul(mixed, 0x85ebca6b)
  mixed ^= mixed >>> 13
  mixed = Math.imul(mixed, 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

/** Both halves of the seed count. */
function seedWord(seed: number): number {
  return ((seed % twoTo32) | 0) ^ mix(Math.floor(seed / twoTo32) | 0)
}

/** FNV-1a over the name in two lanes with different starts, 53 bits taken. */
function childSeed(seed: number, name: string): number {
  let low = 0x811c9dc5 ^ seedWord(seed)
  let high = 0x01000193 ^ mix(seedWord(seed))
  for (let index = 0; index < name.length; index++) {
    const unit = name.charCodeAt(index)
    low = Math.imul(low ^ unit, 0x01000193)
    high = Math.imul(high ^ unit, 0x85ebca6b)
  }
  return (mix(high) >>> 11) * twoTo32 + (mix(low) >>> 0)
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}
