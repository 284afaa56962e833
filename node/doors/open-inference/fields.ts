/** Fields of a hostile body, each read as what it has to be. An optional field may be null, as clients write one that they leave out. */
import { HoldfastError } from '../../../common/index.ts'
import type { InferLimits } from './infer-limits.ts'

export type Fields = Readonly<Record<string, unknown>>

export function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function recordAt(where: string, value: unknown): Fields {
  if (value === undefined || value === null) return {}
  if (!isRecord(value)) throw bad(`${where} must be an object`)
  return value
}

export function listAt(where: string, value: unknown, limits: InferLimits): readonly unknown[] {
  if (!Array.isArray(value)) throw bad(`${where} must be a list`)
  if (value.length > limits.tensorsMax)
    throw tooLarge(`${where}: ${value.length} entries, at most ${limits.tensorsMax} (inference.tensorsMax)`)
  return value
}

export function nameAt(where: string, value: unknown, limits: InferLimits): string {
  if (typeof value !== 'string' || value.length === 0) throw bad(`${where} must be text`)
  if (value.length > limits.nameLengthMax)
    throw bad(`${where}: at most ${limits.nameLengthMax} characters (inference.nameLengthMax)`)
  return value
}

/** Null when it is left out. */
export function countAt(where: string, value: unknown): number | null {
  if (value === undefined || value === null) return null
  if (!Number.isSafeInteger(value) || (value as number) < 0)
    throw bad(`${where} must be a whole number from 0, not ${show(value)}`)
  return value as number
}

/** Null when it is left out. */
export function booleanAt(where: string, value: unknown): boolean | null {
  if (value === undefined || value === null) return null
  if (typeof value !== 'boolean') throw bad(`${where} must be true or false, not ${show(value)}`)
  return value
}

export function show(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object'
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}

/** A flat list of a few items as it is; anything else in words, as a hostile value may be too deep to print. */
export function showShape(value: unknown): string {
  const isFlat = Array.isArray(value) && value.length <= 8 && value.every((item) => typeof item !== 'object')
  return isFlat ? JSON.stringify(value) : show(value)
}

export function bad(message: string): HoldfastError {
  return new HoldfastError('BAD_REQUEST', message)
}

export function tooLarge(message: string): HoldfastError {
  return new HoldfastError('REQUEST_TOO_LARGE', message)
}
