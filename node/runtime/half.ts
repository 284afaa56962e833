/** IEEE 754 half precision for the runtimes of JavaScript that have no Float16Array yet. */

const float = new Float32Array(1)
const bits = new Uint32Array(float.buffer)

/** Rounds to nearest, ties to even; what is too large becomes an infinity. */
export function halfOfNumber(value: number): number {
  float[0] = value
  const word = bits[0]!
  const sign = (word >>> 16) & 0x8000
  const magnitude = word & 0x7fff_ffff
  if (magnitude > 0x7f80_0000) return sign | 0x7e00
  if (magnitude >= 0x4780_0000) return sign | 0x7c00
  if (magnitude < 0x3880_0000) {
    // Subnormal: adding 0.5 puts the half's 10 bits at the end of the float's mantissa, rounded by the processor.
    bits[0] = magnitude
    float[0] = float[0]! + 0.5
    return sign | (bits[0]! - 0x3f00_0000)
  }
  const odd = (magnitude >>> 13) & 1
  return sign | ((magnitude - 0x3800_0000 + 0xfff + odd) >>> 13)
}

export function numberOfHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >>> 10) & 0x1f
  const fraction = half & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}
