/** Inputs that are nearly right: bytes changed here and there, and whole values of a message replaced by odd ones. */
import type { Prng } from '../../common/index.ts'

const oddNumbers = [0, -1, 1, 2, 255, 256, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53, -(2 ** 53), 8.64e15 + 1, 1.5, 1e308]
const oddTexts = [
  '',
  ' ',
  '\0',
  '../x',
  '/etc/passwd',
  '__proto__',
  'constructor',
  '\ud800',
  'ü'.repeat(300),
  'a'.repeat(70_000),
]
const oddKeys = ['__proto__', 'constructor', 'toString', 'version', 'length', '', '0']
const oddBytes = [
  0, 0xff, 0x80, 0x7f, 0x22, 0x5b, 0x5d, 0x7b, 0x7d, 0x1b, 0x3b, 0x5f, 0x9f, 0xbf, 0xc2, 0xf9, 0xfb, 0xe2,
]
const repeatsMax = 300
const copiesMax = 24
const depthMax = 3000
/** Larger ones are the matter of limits, which have tests of their own. */
const bytesMax = 256 * 1024

const pick = <T>(list: readonly T[], prng: Prng): T => list[prng.int(list.length)]!

/** One to eight small changes. */
export function mutateBytes(bytes: Uint8Array, prng: Prng): Uint8Array {
  let changed = Buffer.from(bytes)
  for (let left = 1 + prng.int(8); left > 0; left--) changed = changeOnce(changed, prng)
  return changed.subarray(0, bytesMax)
}

function changeOnce(bytes: Buffer<ArrayBuffer>, prng: Prng): Buffer<ArrayBuffer> {
  const at = prng.int(bytes.length + 1)
  const until = Math.min(bytes.length, at + prng.int(32))
  const [before, piece, after] = [bytes.subarray(0, at), bytes.subarray(at, until), bytes.subarray(until)]
  switch (prng.int(7)) {
    case 0:
      return Buffer.concat([before, after])
    case 1:
      return Buffer.concat([before, piece, piece, after])
    case 2:
      return Buffer.concat([before, Buffer.from([pick(oddBytes, prng)]), piece, after])
    case 3:
      return Buffer.from(before)
    case 4:
      return Buffer.concat([before, Buffer.alloc(1 + prng.int(repeatsMax), pick(oddBytes, prng)), after])
    default: {
      const copy = Buffer.from(bytes)
      if (copy.length > 0)
        copy[Math.min(at, copy.length - 1)] = prng.chance(1, 2) ? pick(oddBytes, prng) : prng.int(256)
      return copy
    }
  }
}

/** A copy with one to three values replaced, left out, repeated or wrapped. The depth of a value is that of its message. */
export function mutateValue(value: unknown, prng: Prng): unknown {
  let changed = value
  for (let left = 1 + prng.int(3); left > 0; left--) changed = changeWithin(changed, prng)
  return changed
}

function changeWithin(value: unknown, prng: Prng): unknown {
  const isLeaf = typeof value !== 'object' || value === null || value instanceof Uint8Array
  if (isLeaf || prng.chance(1, 6)) return changeValue(value, prng)
  if (Array.isArray(value)) {
    if (value.length === 0) return [oddValue(prng)]
    const at = prng.int(value.length)
    return value.with(at, changeWithin(value[at], prng))
  }
  const entries = Object.entries(value)
  if (entries.length === 0 || prng.chance(1, 12)) return withField(value, pick(oddKeys, prng), oddValue(prng))
  const [key, inner] = pick(entries, prng)
  if (prng.chance(1, 8)) return Object.fromEntries(entries.filter(([other]) => other !== key))
  return withField(value, key, changeWithin(inner, prng))
}

function changeValue(value: unknown, prng: Prng): unknown {
  if (Array.isArray(value) && value.length > 0 && prng.chance(1, 2))
    return Array.from({ length: prng.int(copiesMax) }, (_, at) => value[at % value.length] as unknown)
  if (typeof value === 'number' && prng.chance(1, 2)) return value + pick([-1, 1, 0.5, 2 ** 32], prng)
  if (typeof value === 'string' && prng.chance(1, 2)) return mutateBytes(Buffer.from(value), prng).toString()
  if (value instanceof Uint8Array && prng.chance(1, 2)) return Uint8Array.from(mutateBytes(value, prng))
  return oddValue(prng)
}

function oddValue(prng: Prng): unknown {
  switch (prng.int(8)) {
    case 0:
      return pick(oddTexts, prng)
    case 1:
      return new Uint8Array(pick([0, 1, 31, 32, 33, 64], prng))
    case 2:
      return pick([null, true, false], prng)
    case 3:
      return []
    case 4:
      return {}
    case 5:
      return prng.chance(1, 20) ? nested(prng.int(depthMax)) : [[[]]]
    default:
      return pick(oddNumbers, prng)
  }
}

function nested(depth: number): unknown {
  let value: unknown = 1
  for (let left = depth; left > 0; left--) value = [value]
  return value
}

/** Also of a key that the language keeps for itself. */
function withField(value: object, key: string, field: unknown): object {
  return Object.fromEntries([...Object.entries(value), [key, field]])
}
