/** A scenario file with the values of the command line put over it. The seed is always known afterwards, so that it can be printed. */
import { readFile } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { HoldfastError } from '../../common/index.ts'
import { badScenario, type Scenario } from '../../sim/index.ts'
import { parseSets, type Values, wholeNumber } from './set-values.ts'

export interface ScenarioFlags {
  readonly seed?: string
  readonly set?: readonly string[]
  readonly requests?: string
  readonly models?: string
}

export interface GivenScenario {
  /** As typed. */
  readonly file: string
  /** File name without its ending. */
  readonly name: string
  readonly scenario: Scenario
}

export async function readScenario(file: string, flags: ScenarioFlags): Promise<GivenScenario> {
  const { parseScenario, withValues } = await import('../../sim/index.ts')
  const written = parseScenario(await parsed(file))
  return {
    file,
    name: basename(file).replace(/\.(ya?ml|json)$/, ''),
    scenario: withValues(written, await valuesOf(flags)),
  }
}

async function valuesOf({ seed, set = [], requests, models }: ScenarioFlags): Promise<Values> {
  return {
    ...(await parseSets(set)),
    ...(seed === undefined ? {} : { seed: wholeNumber('--seed', seed, 0) }),
    // The scenario's own paths are seen from its folder, typed ones from here.
    ...(requests === undefined ? {} : { 'requests.file': resolve(requests) }),
    ...(models === undefined ? {} : { 'models.file': resolve(models) }),
  }
}

async function parsed(file: string): Promise<unknown> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'is not there' : 'cannot be read'
    throw new HoldfastError('BAD_SCENARIO', `${file} ${why}; \`holdfast sim init\` writes an example.`, { cause })
  }
  const { parse } = await import('yaml')
  try {
    return parse(text)
  } catch (cause) {
    throw badScenario('', `${file} is not YAML: ${(cause as Error).message.split('\n')[0]}`)
  }
}

/** What repeats these flags, for the end of a report. */
export function typedFlags({ seed, set = [], requests, models }: ScenarioFlags): string[] {
  const pairs = [
    ['--seed', seed],
    ...set.map((value) => ['--set', value] as const),
    ['--requests', requests],
    ['--models', models],
  ] as const
  return pairs.flatMap(([name, value]) => (value === undefined ? [] : [name, quoted(value)]))
}

/** For a shell. */
export function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
