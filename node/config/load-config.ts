/**
 * A node's options from defaults, a YAML file, the environment and flags, the later ones winning. The result is frozen.
 * Unknown keys are errors that name the nearest known one: a misspelt limit must not silently be no limit.
 */
import { readFileSync } from 'node:fs'
import { parse as parseYaml } from 'yaml'
import { HoldfastError } from '../../common/index.ts'
import { nearestName } from './nearest-name.ts'
import {
  environmentNameOf,
  flagNameOf,
  type NodeOptions,
  type OptionKey,
  type OptionValue,
  optionKeys,
  optionTable,
} from './options.ts'
import { parseOptionValue } from './parse-value.ts'

export interface ConfigSources {
  /** Path of a YAML file. */
  readonly file?: string
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** Option key -> text, as the command line gave it. */
  readonly flags?: Readonly<Partial<Record<OptionKey, unknown>>>
}

/** Where an option's value came from: 'default', 'file', 'environment' or 'flag'. */
export type Provenance = 'default' | 'file' | 'environment' | 'flag'

export interface LoadedConfig {
  readonly options: NodeOptions
  readonly provenance: Readonly<Record<OptionKey, Provenance>>
}

/** Variables of other parts of Holdfast (client, command line), which are not options of a node. */
const foreignEnvironment = new Set([
  'HOLDFAST_SOCKET',
  'HOLDFAST_ORIGIN',
  'HOLDFAST_CONFIG',
  'HOLDFAST_URL',
  'HOLDFAST_TOKEN_FILE',
  // Of rehearsals: node/system/crash-point.ts and node/system/protocol-version.ts.
  'HOLDFAST_CRASH_AT',
  'HOLDFAST_PROTOCOL_VERSION',
])

export function loadConfig(sources: ConfigSources): LoadedConfig {
  const values = new Map<OptionKey, OptionValue>()
  const provenance = new Map<OptionKey, Provenance>()
  for (const key of optionKeys) set(key, optionTable[key].defaultValue, 'default')
  for (const [key, value] of fileEntries(sources.file)) {
    set(key, parseOptionValue(optionTable[key], value, `${key} (${sources.file})`), 'file')
  }
  for (const [key, value] of environmentEntries(sources.environment ?? {})) {
    set(key, parseOptionValue(optionTable[key], value, environmentNameOf(key)), 'environment')
  }
  for (const [key, value] of Object.entries(sources.flags ?? {}) as [OptionKey, unknown][]) {
    if (value !== undefined) set(key, parseOptionValue(optionTable[key], value, flagNameOf(key)), 'flag')
  }
  return {
    options: Object.freeze(Object.fromEntries(values)) as NodeOptions,
    provenance: Object.freeze(Object.fromEntries(provenance)) as Record<OptionKey, Provenance>,
  }

  function set(key: OptionKey, value: OptionValue, from: Provenance): void {
    values.set(key, value)
    provenance.set(key, from)
  }
}

function fileEntries(file: string | undefined): [OptionKey, unknown][] {
  if (file === undefined) return []
  const document = readYaml(file)
  if (document === null || document === undefined) return []
  const entries: [OptionKey, unknown][] = []
  for (const [key, value] of flatten(document, '', file)) entries.push([knownKey(key, file), value])
  return entries
}

function readYaml(file: string): unknown {
  try {
    return parseYaml(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw new HoldfastError('BAD_CONFIG', `Cannot read ${file}: ${(cause as Error).message}`, { cause })
  }
}

/** {memory: {limitBytes: 1}} and {'memory.limitBytes': 1} say the same. */
function* flatten(value: unknown, prefix: string, file: string): Generator<[string, unknown]> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    if (prefix === '') throw new HoldfastError('BAD_CONFIG', `${file} has to hold a map of options.`)
    yield [prefix, value]
    return
  }
  for (const [name, inner] of Object.entries(value)) {
    yield* flatten(inner, prefix === '' ? name : `${prefix}.${name}`, file)
  }
}

function knownKey(key: string, file: string): OptionKey {
  if (Object.hasOwn(optionTable, key)) return key as OptionKey
  throw new HoldfastError('BAD_CONFIG', `${file}: there is no option ${key}.${suggestion(key, optionKeys)}`)
}

function environmentEntries(environment: Readonly<Record<string, string | undefined>>): [OptionKey, string][] {
  const names = new Map(optionKeys.map((key) => [environmentNameOf(key), key]))
  const entries: [OptionKey, string][] = []
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith('HOLDFAST_') || value === undefined || foreignEnvironment.has(name)) continue
    const key = names.get(name)
    if (key === undefined) {
      throw new HoldfastError(
        'BAD_CONFIG',
        `Environment: there is no option ${name}.${suggestion(name, [...names.keys()])}`,
      )
    }
    entries.push([key, value])
  }
  return entries
}

function suggestion(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known)
  return nearest === null ? '' : ` Did you mean ${nearest}?`
}
