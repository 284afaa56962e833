/** All options of a node as data for people and programs: value, where it came from, what it means. Secrets are masked. */
import type { LoadedConfig, Provenance } from './load-config.ts'
import {
  environmentNameOf,
  flagNameOf,
  type OptionRow,
  type OptionType,
  type OptionValue,
  optionKeys,
  optionTable,
} from './options.ts'

export interface DescribedOption {
  readonly key: string
  readonly value: OptionValue
  readonly from: Provenance
  readonly type: OptionType
  readonly description: string
  readonly flag: string
  readonly environment: string
}

export const secretMask = '(set, not shown)'

export function describeOptions({ options, provenance }: LoadedConfig): DescribedOption[] {
  return optionKeys.map((key) => {
    const row: OptionRow = optionTable[key]
    const value = options[key]
    return {
      key,
      value: row.isSecret === true && value !== '' ? secretMask : value,
      from: provenance[key],
      type: row.type,
      description: row.description,
      flag: flagNameOf(key),
      environment: environmentNameOf(key),
    }
  })
}

/** As one would write it: 4GiB, not 4294967296. */
export function formatOptionValue(value: OptionValue, type: OptionType): string {
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.join(',')
  if (value === '') return '-'
  return type === 'bytes' ? formatBinaryBytes(value as number) : String(value)
}

const binaryUnits = ['TiB', 'GiB', 'MiB', 'KiB'] as const

/** The largest unit that gives a whole number, so that it reads back as the same size. */
export function formatBinaryBytes(bytes: number): string {
  for (const [index, unit] of binaryUnits.entries()) {
    const size = 1024 ** (binaryUnits.length - index)
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`
  }
  return String(bytes)
}
