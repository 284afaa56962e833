/**
 * Readers of the fields of a scenario: each takes what a YAML or JSON file has at its place and gives it back in its type, or
 * throws BAD_SCENARIO with the path of the field. What is not there has its default; a field without one is required. Unknown
 * keys are errors, because a misspelt limit would silently be its default.
 */
import { HoldfastError } from '../../common/index.ts'

export interface Field<T> {
  readonly read: (value: unknown, path: string) => T
}

export type Read<F> = F extends Field<infer T> ? T : never

export function badScenario(path: string, problem: string): HoldfastError {
  const where = path === '' ? 'the scenario' : path
  return new HoldfastError('BAD_SCENARIO', `${where} ${problem}`, { details: { field: path } })
}

export interface NumberBounds {
  readonly min?: number
  readonly max?: number
  readonly isWhole?: boolean
}

export function number(given?: number, bounds: NumberBounds = {}): Field<number> {
  const { min = 0, max = Number.MAX_SAFE_INTEGER, isWhole = false } = bounds
  return {
    read(value, path) {
      const found = value ?? given
      if (found === undefined) throw badScenario(path, 'is missing')
      if (typeof found !== 'number' || !(found >= min && found <= max) || (isWhole && !Number.isInteger(found))) {
        const kind = isWhole ? 'whole number' : 'number'
        throw badScenario(path, `has to be a ${kind} from ${min} to ${max}, not ${JSON.stringify(found)}`)
      }
      return found
    },
  }
}

export const whole = (given?: number, bounds: NumberBounds = {}): Field<number> =>
  number(given, { ...bounds, isWhole: true })

export function text(given?: string): Field<string> {
  return {
    read(value, path) {
      const found = value ?? given
      if (found === undefined) throw badScenario(path, 'is missing')
      if (typeof found !== 'string') throw badScenario(path, `has to be a text, not ${JSON.stringify(found)}`)
      return found
    },
  }
}

export function flag(given?: boolean): Field<boolean> {
  return {
    read(value, path) {
      const found = value ?? given
      if (found === undefined) throw badScenario(path, 'is missing')
      if (typeof found !== 'boolean') throw badScenario(path, `has to be true or false, not ${JSON.stringify(found)}`)
      return found
    },
  }
}

export function oneOf<const T extends string>(names: readonly T[], given?: NoInfer<T>): Field<T> {
  return {
    read(value, path) {
      const found = value ?? given
      if (found === undefined) throw badScenario(path, 'is missing')
      const name = names.find((candidate) => candidate === found)
      if (name === undefined) {
        throw badScenario(path, `has to be one of ${names.join(', ')}, not ${JSON.stringify(found)}`)
      }
      return name
    },
  }
}

/** null when it is not there, or said to be null: no limit, not given. */
export function nullable<T>(field: Field<T>): Field<T | null> {
  return { read: (value, path) => (value === undefined || value === null ? null : field.read(value, path)) }
}

/** The least and the greatest, from which a value is drawn. One number stands for both. */
export function range(given?: readonly [number, number], bounds: NumberBounds = {}): Field<readonly [number, number]> {
  const bound = number(undefined, bounds)
  return {
    read(value, path) {
      const found = typeof value === 'number' ? [value, value] : (value ?? given)
      if (found === undefined) throw badScenario(path, 'is missing')
      if (!Array.isArray(found) || found.length !== 2) throw badScenario(path, 'has to be [least, greatest]')
      const least = bound.read(found[0], `${path}[0]`)
      const greatest = bound.read(found[1], `${path}[1]`)
      if (least > greatest) throw badScenario(path, `begins above its end: ${least} > ${greatest}`)
      return [least, greatest]
    },
  }
}

export function list<T>(field: Field<T>): Field<readonly T[]> {
  return {
    read(value, path) {
      if (value === undefined || value === null) return []
      if (!Array.isArray(value)) throw badScenario(path, 'has to be a list')
      return value.map((item: unknown, index) => field.read(item, `${path}[${index}]`))
    },
  }
}

type Fields = Readonly<Record<string, Field<unknown>>>
export type ReadFields<F extends Fields> = { readonly [K in keyof F]: Read<F[K]> }

export function record<F extends Fields>(fields: F): Field<ReadFields<F>> {
  const known = Object.keys(fields)
  return {
    read(value, path) {
      const given = objectOf(value ?? {}, path)
      for (const key of Object.keys(given)) {
        if (!Object.hasOwn(fields, key)) {
          throw badScenario(within(path, key), `is not known; known here: ${known.join(', ')}`)
        }
      }
      const read = Object.fromEntries(known.map((key) => [key, fields[key]!.read(given[key], within(path, key))]))
      return Object.freeze(read) as ReadFields<F>
    },
  }
}

/** Numbers by name, only names of the list. */
export function numbersBy<const T extends string>(
  names: readonly T[],
  bounds: NumberBounds = {},
): Field<Readonly<Partial<Record<T, number>>>> {
  const fields = Object.fromEntries(names.map((name) => [name, nullable(number(undefined, bounds))]))
  const all = record(fields)
  return {
    read(value, path) {
      const kept = Object.entries(all.read(value, path)).filter(([, found]) => found !== null)
      return Object.fromEntries(kept) as Partial<Record<T, number>>
    },
  }
}

/** One of several records, told apart by the text in `kind`. */
export function byKind<C extends Readonly<Record<string, Fields>>>(
  cases: C,
): Field<{ [K in keyof C & string]: { readonly kind: K } & ReadFields<C[K]> }[keyof C & string]> {
  const kinds = Object.keys(cases)
  return {
    read(value, path) {
      const { kind, ...rest } = objectOf(value, path)
      const name = oneOf(kinds).read(kind, within(path, 'kind'))
      const fields = record(cases[name]!).read(rest, path)
      return { kind: name, ...fields } as never
    },
  }
}

function objectOf(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badScenario(path, 'has to be a mapping of fields')
  }
  return value as Record<string, unknown>
}

function within(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`
}
