/** A configuration as far as it can be judged without starting: every option, the rules between them, the files
 * with secrets, the form of the origin's URL. */
import { checkOptions, type LoadedConfig, loadConfig, type OptionKey } from '../node/config/index.ts'
import { systemClock } from '../node/system/index.ts'

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

/** BAD_CONFIG or BAD_ORIGIN_URL with what is wrong; warnings with what is odd. */
export async function checkConfig(loaded: LoadedConfig & { readonly file: string | null }): Promise<CheckedConfig> {
  const { options } = loaded
  const warnings = checkOptions(options)
  const { readClusterKeys } = await import('../node/net/index.ts')
  const { ClusterKey } = await import('../node/net/index.ts')
  const { loadAdminTokens } = await import('../node/admin/index.ts')
  if (options['cluster.keyFile'] !== '') await readClusterKeys(options['cluster.keyFile'])
  else if (options['cluster.key'] !== '') ClusterKey.parse(options['cluster.key'])
  await loadAdminTokens(options)
  if (options['origin.url'] !== '') {
    const { openOrigin } = await import('../origin/index.ts')
    openOrigin(options['origin.url'], { clock: systemClock })
  }
  return { ...loaded, warnings }
}

export function printChecked({ file, warnings }: CheckedConfig): void {
  for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`)
  console.log(`${file === null ? 'The configuration' : file} is fine${warnings.length > 0 ? ', with warnings' : ''}.`)
}
