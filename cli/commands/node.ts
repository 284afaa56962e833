/** `holdfast node`: runs a node until SIGTERM or SIGINT. Every option of the configuration is a flag. */
import { Command, Option } from 'commander'
import {
  flagNameOf,
  formatOptionValue,
  type OptionKey,
  type OptionRow,
  type OptionType,
  optionKeys,
  optionTable,
} from '../../node/config/index.ts'

interface NodeCommandFlags {
  readonly config?: string
  readonly validate?: boolean
}

const help = `
SIGTERM and SIGINT stop the node: it tells the others, finishes what runs and ends. SIGHUP reads the files with secrets again.

Examples:
  $ holdfast node --origin-url file:///srv/models --memory-limit-bytes 8GiB
  $ holdfast node --config ~/.config/holdfast/node.yaml`

export function nodeCommand(): Command {
  const command = new Command('node')
    .description('run a node: join the cluster, keep weights in shared memory, answer inference requests')
    .option('--config <file>', 'YAML file with options, as in `memory: {limitBytes: 8GiB}` (or $HOLDFAST_CONFIG)')
    .option('--validate', 'check the options and the files they name, and do not start')
    .addHelpText('after', help)
  const keyOfAttribute = new Map<string, OptionKey>()
  for (const key of optionKeys) {
    const option = optionOf(key)
    command.addOption(option)
    keyOfAttribute.set(option.attributeName(), key)
  }
  return command.action(async (given: NodeCommandFlags & Record<string, string | undefined>) => {
    const flags: Partial<Record<OptionKey, unknown>> = {}
    for (const [attribute, key] of keyOfAttribute) if (given[attribute] !== undefined) flags[key] = given[attribute]
    const { checkConfig, printChecked, readConfig } = await import('../check-config.ts')
    const loaded = readConfig(given.config, flags)
    if (given.validate) return printChecked(await checkConfig(loaded))
    const { runNode } = await import('../run-node.ts')
    await runNode(loaded.options)
  })
}

function optionOf(key: OptionKey): Option {
  const row: OptionRow = optionTable[key]
  const choices = row.choices === undefined ? '' : ` ${row.choices.join(', ')}.`
  // What '' means is in the description.
  const shown =
    row.defaultValue === '' || Array.isArray(row.defaultValue)
      ? ''
      : ` (default: ${formatOptionValue(row.defaultValue, row.type)})`
  const option = new Option(`${flagNameOf(key)} <${placeholders[row.type]}>`, `${row.description}${choices}${shown}`)
  const [section] = key.split('.') as [string]
  const heading = `${section} (\`${section}:\` in the file, HOLDFAST_${section.toUpperCase()}_... in the environment):`
  return option.helpGroup(heading)
}

const placeholders: Record<OptionType, string> = {
  string: 'text',
  integer: 'number',
  bytes: 'size',
  boolean: 'true|false',
  list: 'a,b',
}
