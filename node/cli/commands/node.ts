/** `holdfast node`: runs a node until SIGTERM or SIGINT. Every option of the configuration is a flag. */
import { Command, Option } from 'commander'
import { flagNameOf, loadConfig, type OptionKey, optionKeys, optionTable } from '../../config/index.ts'

export function nodeCommand(): Command {
  const command = new Command('node')
    .description('run a node: join the cluster, keep weights in shared memory, answer inference requests')
    .option('--config <file>', 'YAML file with options, as in `memory: {limitBytes: 8GiB}` (or $HOLDFAST_CONFIG)')
    .addHelpText(
      'after',
      '\nExample:\n  holdfast node --origin-url file:///srv/origin --http-port 8080 --memory-limit-bytes 8GiB\n',
    )
  const keyOfAttribute = new Map<string, OptionKey>()
  for (const key of optionKeys) {
    const row = optionTable[key]
    const shown = Array.isArray(row.defaultValue)
      ? ''
      : ` (default: ${row.defaultValue === '' ? 'none' : row.defaultValue})`
    const option = new Option(`${flagNameOf(key)} <${placeholderOf(row.type)}>`, `${row.description}${shown}`)
    const [section] = key.split('.') as [string]
    option.helpGroup(
      `${section} (\`${section}:\` in the file, HOLDFAST_${section.toUpperCase()}_... in the environment):`,
    )
    command.addOption(option)
    keyOfAttribute.set(option.attributeName(), key)
  }
  return command.action(async (given: Record<string, string | undefined>) => {
    const flags: Partial<Record<OptionKey, unknown>> = {}
    for (const [attribute, key] of keyOfAttribute) if (given[attribute] !== undefined) flags[key] = given[attribute]
    const file = given.config ?? process.env.HOLDFAST_CONFIG
    const { options } = loadConfig({ ...(file === undefined ? {} : { file }), environment: process.env, flags })
    const { runNode } = await import('../run-node.ts')
    await runNode(options)
  })
}

function placeholderOf(type: string): string {
  return { string: 'text', integer: 'number', bytes: 'size', boolean: 'true|false', list: 'a,b' }[type] ?? 'text'
}
