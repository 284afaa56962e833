/**
 * Takes apart JSON that somebody else wrote. Every reader names the place of what is wrong, and nothing that it returns
 * has a field that was not asked for.
 */

import { type ErrorCode, HoldfastError, type Sha256 } from '../../common/index.ts'
import { isSha256 } from '../refs/model-name.ts'
import { isCrowded } from './container-count.ts'

type JsonObject = Readonly<Record<string, unknown>>

export class HostileJson {
  private readonly code: ErrorCode
  /** 'manifest', 'ref', ...: begins every message. */
  private readonly what: string

  constructor(code: ErrorCode, what: string) {
    this.code = code
    this.what = what
  }

  /** The parsed text, which must be UTF-8, an object, and no longer than `sizeBytesMax`. */
  parse(bytes: Uint8Array, sizeBytesMax: number): { text: string; object: JsonObject } {
    if (bytes.length > sizeBytesMax) {
      throw this.fail('', `has ${bytes.length} bytes, at most ${sizeBytesMax} are read`)
    }
    if (isCrowded(bytes)) throw this.fail('', 'has more objects and lists than a record of its size')
    let text: string
    let value: unknown
    try {
      text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
      value = JSON.parse(text)
    } catch (cause) {
      throw this.fail('', 'is not JSON in UTF-8', cause)
    }
    return { text, object: this.object(value, '') }
  }

  object(value: unknown, place: string): JsonObject {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw this.fail(place, 'is not an object')
    return value as JsonObject
  }

  /** The record formats are closed: what a later version adds comes with a new schema. */
  keys(object: JsonObject, place: string, known: ReadonlySet<string>): void {
    for (const key of Object.keys(object)) {
      if (!known.has(key)) throw this.fail(place, `has an unknown field ${JSON.stringify(key.slice(0, 64))}`)
    }
  }

  array(value: unknown, place: string, countMax: number): readonly unknown[] {
    if (!Array.isArray(value)) throw this.fail(place, 'is not a list')
    if (value.length > countMax) throw this.fail(place, `has ${value.length} items, at most ${countMax} are allowed`)
    return value
  }

  string(value: unknown, place: string, lengthMax: number): string {
    if (typeof value !== 'string') throw this.fail(place, 'is not a string')
    if (value.length > lengthMax) throw this.fail(place, `has ${value.length} characters, at most ${lengthMax}`)
    if (!value.isWellFormed()) throw this.fail(place, 'has a lone surrogate')
    return value
  }

  integer(value: unknown, place: string, min: number, max: number = Number.MAX_SAFE_INTEGER): number {
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || Object.is(value, -0)) {
      throw this.fail(place, 'is not an integer below 2^53')
    }
    if (value < min || value > max) throw this.fail(place, `is ${value}, not in [${min}, ${max}]`)
    return value
  }

  sha256(value: unknown, place: string): Sha256 {
    if (!isSha256(value)) throw this.fail(place, 'is not a sha256 of 64 lower-case hex digits')
    return value
  }

  schema(object: JsonObject, expected: string): void {
    if (object.schema !== expected) {
      const found = typeof object.schema === 'string' ? object.schema.slice(0, 64) : typeof object.schema
      throw this.fail('schema', `is ${JSON.stringify(found)}, this version reads ${JSON.stringify(expected)}`)
    }
  }

  fail(place: string, why: string, cause?: unknown): HoldfastError {
    const where = place === '' ? `The ${this.what}` : `The ${this.what} is not valid: ${place}`
    return new HoldfastError(this.code, `${where} ${why}.`, cause === undefined ? {} : { cause })
  }
}
