/** How many objects and lists a JSON text has, counted before any of them is made: `{},` of three bytes becomes a value of sixty. */

const [quote, backslash, brace, bracket] = [0x22, 0x5c, 0x7b, 0x5b]

/** Texts with a smaller one are read without a look: they become a few megabytes. */
const lookedAtBytesMin = 64 * 1024
/** The smallest things of our records take more than twice as many: `"shape":[]` in a tensor. */
const bytesPerContainer = 16

/** Whether the text has more objects and lists than records of this size have. */
export function isCrowded(json: Uint8Array): boolean {
  if (json.length < lookedAtBytesMin) return false
  let left = Math.floor(json.length / bytesPerContainer)
  let isText = false
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at]
    if (byte === quote) isText = !isText
    else if (byte === backslash) at += 1
    else if (!isText && (byte === brace || byte === bracket)) {
      left -= 1
      if (left < 0) return true
    }
  }
  return false
}
