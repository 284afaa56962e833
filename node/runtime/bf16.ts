/** BF16: the upper half of a 32-bit float. Every value is a float, and a float becomes the nearest one, ties to the even. */

const float = new Float32Array(1)
const bits = new Uint32Array(float.buffer)

export function bf16OfNumber(value: number): number {
  float[0] = value
  if (Number.isNaN(value)) return 0x7fc0
  // A double that was rounded to just between two BF16 numbers lies on one side of the middle.
  if ((bits[0]! & 0xffff) === 0x8000 && float[0] !== value) bits[0]! += Math.abs(value) > Math.abs(float[0]) ? 1 : -1
  const rounding = 0x7fff + ((bits[0]! >>> 16) & 1)
  return (bits[0]! + rounding) >>> 16
}

export function numberOfBf16(half: number): number {
  bits[0] = half << 16
  return float[0]!
}

/** Little-endian bytes of BF16 numbers as floats. */
export function floatsOfBf16(data: Uint8Array): Float32Array {
  const halves = new Uint16Array(new Uint8Array(data).buffer)
  const wide = new Uint32Array(halves.length)
  for (let index = 0; index < halves.length; index++) wide[index] = halves[index]! << 16
  return new Float32Array(wide.buffer)
}

/** Exact for floats that were BF16 numbers. */
export function bf16OfFloats(floats: Float32Array): Uint8Array {
  const wide = new Uint32Array(floats.buffer, floats.byteOffset, floats.length)
  const halves = new Uint16Array(floats.length)
  for (let index = 0; index < floats.length; index++) halves[index] = wide[index]! >>> 16
  return new Uint8Array(halves.buffer)
}
