/** A configuration as far as it can be judged without starting: every option, and the checks that every start makes. */
import { type LoadedConfig, loadConfig, type OptionKey } from '../node/config/index.ts'
import { printWarning } from './print.ts'

export interface CheckedConfig extends LoadedConfig {
  readonly file: string | null
  readonly warnings: readonly string[]
}

/** Of the file, $HOLDFAST_CONFIG, the environment and flags, as `holdfast node` reads it. BAD_CONFIG. */
export function readConfig(
  given: string | undefined,
  flags: Partial<Record<OptionKey, unknown>> = {},
): LoadedConfig & { readonly file: string | null } {
  const file = given ?? process.env.HOLDFAST_CONFIG
  const loaded = loadConfig({ ...(file === undefined ? {} : { file }), environment: process.env, flags })
  return { ...loaded, file: file ?? null }
}

/** Throws what would keep the node from starting here; warnings with what is odd. */
export async function checkConfig(loaded: LoadedConfig & { readonly file: string | null }): Promise<CheckedConfig> {
  const { systemClock } = await import('../node/system/index.ts')
  const { checkConfiguration } = await import('../node/checks/index.ts')
  return { ...loaded, warnings: await checkConfiguration(loaded.options, systemClock) }
}

export function printChecked({ file, warnings }: CheckedConfig): void {
  for (const warning of warnings) printWarning(warning)
  console.log(`${file === null ? 'The configuration' : file} is fine${warnings.length > 0 ? ', with warnings' : ''}.`)
}
