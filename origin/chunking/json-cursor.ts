/**
 * A strict reader of JSON (RFC 8259) over bytes that nobody vouches for: no tree is built, depth is bounded, strings have to
 * be UTF-8, and a size is written as digits alone. native/formats/json_reader.h reads the same language, call by call, so
 * that a header means one thing at a push and at an open; JSON.parse would take `4.0` for 4 and the last of two equal keys.
 */

/** Nesting below a value that is skipped; serde_json, by which the safetensors library reads, stops at 127 with what is around it. */
const depthMax = 125
const shortEscapes: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}
const quote = 0x22
const backslash = 0x5c

/** Every call tells whether the text went on as asked; after the first false (or null) the cursor is of no further use. */
export class JsonCursor {
  private at = 0
  private readonly text: Buffer

  /** `text` is UTF-8; isUtf8 of node:buffer tells. */
  constructor(text: Buffer) {
    this.text = text
  }

  startsWith(character: string): boolean {
    return this.text[this.at] === character.charCodeAt(0)
  }

  /** Skips white space, and `character` when that comes next. */
  take(character: string): boolean {
    this.skipSpace()
    if (!this.startsWith(character)) return false
    this.at++
    return true
  }

  atEnd(): boolean {
    this.skipSpace()
    return this.at === this.text.length
  }

  /** A string with its escapes resolved; null when it has more than `bytesMax` bytes of UTF-8. */
  string(bytesMax: number): string | null {
    if (!this.take('"')) return null
    let value = ''
    let start = this.at
    const firstByte = start
    for (; this.at < this.text.length; this.at++) {
      const code = this.text[this.at]!
      if (code < 0x20) return null
      if (code !== quote && code !== backslash) continue
      value += this.text.toString('utf8', start, this.at)
      if (code === quote) {
        this.at++
        // No escape is shorter than what it stands for.
        const isShort = this.at - firstByte <= bytesMax || Buffer.byteLength(value) <= bytesMax
        return isShort ? value : null
      }
      const character = this.escape()
      if (character === null) return null
      value += character
      start = this.at
      this.at--
    }
    return null
  }

  /** A whole number without sign, fraction or exponent, below 2^53. */
  size(): number | null {
    this.skipSpace()
    const start = this.at
    if (!this.digits() || (this.startsWithZero(start) && this.at > start + 1) || this.at > start + 16) return null
    const value = Number(this.text.toString('latin1', start, this.at))
    const next = String.fromCharCode(this.text[this.at] ?? 0)
    // 1.5 and 1e3 are numbers, but no sizes.
    return Number.isSafeInteger(value) && !'.eE'.includes(next) ? value : null
  }

  null(): boolean {
    this.skipSpace()
    return this.word('null')
  }

  /** Any value. */
  skip(depth = 0): boolean {
    this.skipSpace()
    switch (String.fromCharCode(this.text[this.at] ?? 0)) {
      case '"':
        return this.string(Number.POSITIVE_INFINITY) !== null
      case '{':
        return this.skipMembers('}', depth + 1)
      case '[':
        return this.skipMembers(']', depth + 1)
      case 't':
        return this.word('true')
      case 'f':
        return this.word('false')
      case 'n':
        return this.word('null')
      default:
        return this.skipNumber()
    }
  }

  private skipMembers(close: '}' | ']', depth: number): boolean {
    if (depth > depthMax) return false
    this.at++
    if (this.take(close)) return true
    for (;;) {
      if (close === '}' && (this.string(Number.POSITIVE_INFINITY) === null || !this.take(':'))) return false
      if (!this.skip(depth)) return false
      if (this.take(close)) return true
      if (!this.take(',')) return false
    }
  }

  private skipNumber(): boolean {
    if (this.startsWith('-')) this.at++
    const start = this.at
    if (!this.digits() || (this.startsWithZero(start) && this.at > start + 1)) return false
    if (this.startsWith('.')) {
      this.at++
      if (!this.digits()) return false
    }
    if (this.startsWith('e') || this.startsWith('E')) {
      this.at++
      if (this.startsWith('+') || this.startsWith('-')) this.at++
      if (!this.digits()) return false
    }
    return true
  }

  /** The character behind the backslash at `at`, which moves behind it. */
  private escape(): string | null {
    const kind = String.fromCharCode(this.text[this.at + 1] ?? 0)
    this.at += 2
    const plain = Object.hasOwn(shortEscapes, kind) ? shortEscapes[kind] : undefined
    if (plain !== undefined) return plain
    const unit = kind === 'u' ? this.hex4() : null
    if (unit === null || unit < 0xd800 || unit >= 0xe000) return unit === null ? null : String.fromCharCode(unit)
    // A surrogate counts only as the first of a pair.
    if (unit >= 0xdc00 || this.text.toString('latin1', this.at, this.at + 2) !== '\\u') return null
    this.at += 2
    const low = this.hex4()
    return low === null || low < 0xdc00 || low >= 0xe000 ? null : String.fromCharCode(unit, low)
  }

  private hex4(): number | null {
    const digits = this.text.toString('latin1', this.at, this.at + 4)
    this.at += 4
    return /^[0-9a-fA-F]{4}$/.test(digits) ? Number.parseInt(digits, 16) : null
  }

  private word(word: string): boolean {
    if (this.text.toString('latin1', this.at, this.at + word.length) !== word) return false
    this.at += word.length
    return true
  }

  private digits(): boolean {
    const start = this.at
    while (this.at < this.text.length && this.text[this.at]! >= 0x30 && this.text[this.at]! <= 0x39) this.at++
    return this.at > start
  }

  private startsWithZero(start: number): boolean {
    return this.text[start] === 0x30
  }

  private skipSpace(): void {
    for (; ; this.at++) {
      const code = this.text[this.at]
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return
    }
  }
}
