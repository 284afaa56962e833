/** Values of a scenario from the command line: `node.memoryBytes=8GB`, several apart by commas. Sizes may have units. */
import { HoldfastError } from '../../common/index.ts'
import { parseBytes } from '../../node/config/index.ts'

export type Values = Readonly<Record<string, unknown>>

const assignment = /^\s*([A-Za-z]\w*(?:\.\w+)*)\s*=(.*)$/s
/** A comma before the next path; those within a list belong to the value. */
const nextPath = /,(?=\s*[A-Za-z]\w*(?:\.\w+)*\s*=)/
const isSize = /Bytes(PerS)?$/

export async function parseSets(texts: readonly string[]): Promise<Values> {
  const { parse } = await import('yaml')
  const values: Record<string, unknown> = {}
  for (const part of texts.flatMap((text) => text.split(nextPath))) {
    const [, path, text] = assignment.exec(part) ?? []
    if (path === undefined || text === undefined || text.trim() === '') {
      throw new HoldfastError('BAD_REQUEST', `--set is ${part}; it has to be path=value, as in node.memoryBytes=8GB.`)
    }
    values[path] = typedValue(path, text.trim(), parse)
  }
  return values
}

function typedValue(path: string, text: string, parse: (text: string) => unknown): unknown {
  let value: unknown
  try {
    value = parse(text)
  } catch (cause) {
    throw new HoldfastError('BAD_REQUEST', `--set ${path}: ${text} is not a value: ${(cause as Error).message}`, {
      cause,
    })
  }
  return typeof value === 'string' && isSize.test(path) ? parseBytes(value, `--set ${path}`) : value
}

export function numbersOf(option: string, text: string): number[] {
  return listOf(option, text).map((part) => {
    const value = Number(part)
    if (Number.isSafeInteger(value) && value > 0) return value
    throw new HoldfastError('BAD_REQUEST', `${option} has ${part}; it has to be whole numbers from 1, apart by commas.`)
  })
}

export function listOf(option: string, text: string): string[] {
  const parts = text.split(',').map((part) => part.trim())
  if (parts.some((part) => part === '')) throw new HoldfastError('BAD_REQUEST', `${option} has an empty entry: ${text}`)
  const twice = parts.find((part, index) => parts.indexOf(part) < index)
  if (twice !== undefined) throw new HoldfastError('BAD_REQUEST', `${option} has ${twice} twice.`)
  return parts
}

export function wholeNumber(option: string, text: string, least: number): number {
  if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text)) && Number(text) >= least) return Number(text)
  throw new HoldfastError('BAD_REQUEST', `${option} is ${text}; it has to be a whole number from ${least}.`)
}
