/**
 * Seeded random weights, produced as fast as memory takes them and in pieces of any size.
 *
 * A tensor's bytes depend on the seed and on its key alone, never on its neighbours or on how they are cut into buffers:
 * so a fine-tune shares every tensor it does not rename, and any tensor can be checked without making the others.
 * The generator is xorshift32 (Marsaglia, https://www.jstatsoft.org/v08/i14), one draw per element: statistically modest,
 * but it neither compresses nor repeats within a tensor, which is what a transfer has to meet.
 */

/** As the file formats spell them. */
export type ElementType = 'F32' | 'F16' | 'BF16' | 'Q8_0'

/** Bytes that are made, not kept: `count` draws from a uniform distribution of `mean` +- `halfWidth`. */
export interface Weights {
  /** What the bytes depend on besides the seed; the tensor's name unless a fine-tune says otherwise. */
  readonly key: string
  readonly type: ElementType
  readonly count: number
  readonly mean: number
  readonly halfWidth: number
  readonly sizeBytes: number
}

/** A unit is the least number of bytes that can be made at one time. Q8_0: a half-precision scale and 32 signed bytes. */
const unitOf = {
  F32: { elements: 1, sizeBytes: 4 },
  F16: { elements: 1, sizeBytes: 2 },
  BF16: { elements: 1, sizeBytes: 2 },
  Q8_0: { elements: 32, sizeBytes: 34 },
} as const satisfies Record<ElementType, { elements: number; sizeBytes: number }>

export interface Distribution {
  readonly mean?: number
  readonly halfWidth: number
}

/** He et al. 2015: keeps the second moment of activations through layers with ReLU, so that deep networks stay finite. */
export function heDistribution(fanIn: number): Distribution {
  return { halfWidth: Math.sqrt(6 / fanIn) }
}

export function sizeOfTensor(type: ElementType, count: number): number {
  const unit = unitOf[type]
  if (count % unit.elements !== 0) throw new RangeError(`${type} stores multiples of ${unit.elements}, not ${count}`)
  return (count / unit.elements) * unit.sizeBytes
}

export function weights(key: string, type: ElementType, shape: readonly number[], distribution: Distribution): Weights {
  const count = shape.reduce((product, size) => product * size, 1)
  const { mean = 0, halfWidth } = distribution
  return { key, type, count, mean, halfWidth, sizeBytes: sizeOfTensor(type, count) }
}

/** Walks one tensor from its first byte; each call continues where the last one ended. */
export class WeightsReader {
  readonly #weights: Weights
  #state: number

  constructor(weights: Weights, seed: number) {
    this.#weights = weights
    this.#state = startState(weights.key, seed)
  }

  /** Fills as many whole units as fit; `target` must start at a multiple of 4 in its buffer. Returns the bytes written. */
  read(target: Uint8Array): number {
    const { type } = this.#weights
    const unit = unitOf[type]
    const sizeBytes = target.byteLength - (target.byteLength % unit.sizeBytes)
    if (type === 'F32') this.#readFloats(target, sizeBytes)
    else if (type === 'Q8_0') this.#readBlocks(target, sizeBytes)
    else this.#readHalves(target, sizeBytes, type === 'F16' ? halfFromBits : bfloatFromBits)
    return sizeBytes
  }

  #readFloats(target: Uint8Array, sizeBytes: number): void {
    const floats = new Float32Array(target.buffer, target.byteOffset, sizeBytes / 4)
    const { mean, halfWidth } = this.#weights
    const scale = halfWidth / 0x8000_0000
    let state = this.#state
    for (let index = 0; index < floats.length; index++) {
      state ^= state << 13
      state ^= state >>> 17
      state ^= state << 5
      floats[index] = mean + state * scale
    }
    this.#state = state
  }

  #readHalves(target: Uint8Array, sizeBytes: number, encode: (bits: number) => number): void {
    const halves = new Uint16Array(target.buffer, target.byteOffset, sizeBytes / 2)
    const { mean, halfWidth } = this.#weights
    const scale = halfWidth / 0x8000_0000
    const float = new Float32Array(1)
    const bits = new Uint32Array(float.buffer)
    for (let index = 0; index < halves.length; index++) {
      float[0] = mean + this.#next() * scale
      halves[index] = encode(bits[0]!)
    }
  }

  #readBlocks(target: Uint8Array, sizeBytes: number): void {
    const { halfWidth } = this.#weights
    const bits = new Uint32Array(new Float32Array([halfWidth / 127]).buffer)
    const scaleHalf = halfFromBits(bits[0]!)
    for (let offset = 0; offset < sizeBytes; offset += 34) {
      target[offset] = scaleHalf & 0xff
      target[offset + 1] = scaleHalf >>> 8
      for (let index = 2; index < 34; index++) target[offset + index] = this.#next() >>> 24
    }
  }

  #next(): number {
    let state = this.#state
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    this.#state = state
    return state
  }
}

/** FNV-1a over key and seed, then the finaliser of MurmurHash3; never 0, which xorshift cannot leave. */
function startState(key: string, seed: number): number {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(`${seed}/${key}`)) hash = Math.imul(hash ^ byte, 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) | 0 || 1
}

function bfloatFromBits(bits: number): number {
  return bits >>> 16
}

/** Rounds towards zero and flushes what is too small for a normal half; weights never reach its upper end, 65504. */
function halfFromBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000
  const exponent = ((bits >>> 23) & 0xff) - 112
  return exponent <= 0 ? sign : sign | (exponent << 10) | ((bits >>> 13) & 0x3ff)
}
