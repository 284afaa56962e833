/** One option value from YAML, the environment or a flag, checked against its row. BAD_CONFIG names the option and the form it takes. */
import { HoldfastError } from '../../common/index.ts'
import type { OptionRow, OptionValue } from './options.ts'

const byteUnits: Record<string, number> = {
  '': 1,
  B: 1,
  K: 2 ** 10,
  KIB: 2 ** 10,
  KB: 1e3,
  M: 2 ** 20,
  MIB: 2 ** 20,
  MB: 1e6,
  G: 2 ** 30,
  GIB: 2 ** 30,
  GB: 1e9,
  T: 2 ** 40,
  TIB: 2 ** 40,
  TB: 1e12,
}

export function parseOptionValue(row: OptionRow, value: unknown, where: string): OptionValue {
  switch (row.type) {
    case 'string':
      if (typeof value !== 'string') throw wrongForm(where, value, 'a text')
      if (row.choices === undefined || row.choices.includes(value)) return value
      throw wrongForm(where, value, `one of ${row.choices.join(', ')}`)
    case 'boolean':
      if (value === true || value === 'true' || value === '1') return true
      if (value === false || value === 'false' || value === '0') return false
      throw wrongForm(where, value, 'true or false')
    case 'list':
      if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return Object.freeze([...value])
      if (typeof value === 'string') return Object.freeze(value.split(',').filter((item) => item !== ''))
      throw wrongForm(where, value, 'a list of texts')
    case 'integer':
      return inRange(row, integerOf(value, where), where)
    case 'bytes':
      return inRange(row, parseBytes(value, where), where)
  }
}

/** 1048576, '1048576', '1MiB', '1.5 GB'. */
export function parseBytes(value: unknown, where: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value
  const match = typeof value === 'string' ? /^\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*$/.exec(value) : null
  const unit = match === null ? undefined : byteUnits[match[2]!.toUpperCase()]
  if (match === null || unit === undefined) throw wrongForm(where, value, 'a size such as 512MiB or 4GB')
  return Math.floor(Number(match[1]) * unit)
}

function integerOf(value: unknown, where: string): number {
  const number = typeof value === 'string' && /^-?\d+$/.test(value.trim()) ? Number(value) : value
  if (typeof number !== 'number' || !Number.isSafeInteger(number)) throw wrongForm(where, value, 'a whole number')
  return number
}

function inRange(row: OptionRow, value: number, where: string): number {
  const minimum = row.minimum ?? Number.MIN_SAFE_INTEGER
  const maximum = row.maximum ?? Number.MAX_SAFE_INTEGER
  if (value >= minimum && value <= maximum) return value
  throw new HoldfastError('BAD_CONFIG', `${where} is ${value}; it has to lie between ${minimum} and ${maximum}.`)
}

function wrongForm(where: string, value: unknown, wanted: string): HoldfastError {
  return new HoldfastError('BAD_CONFIG', `${where} is ${JSON.stringify(value) ?? 'missing'}; it has to be ${wanted}.`)
}
