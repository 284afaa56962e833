/** `holdfast config`: the options of a node as they are, and whether they can work. */
import { Command, Option } from 'commander'
import { jsonOption } from '../origin-option.ts'
import { printJson, printRows } from '../print.ts'

interface ConfigFlags {
  readonly config?: string
  readonly json?: boolean
}

const showHelp = `
Later sources win: defaults, the file, the environment, flags. Secrets are not shown.

Examples:
  $ holdfast config show --config node.yaml
  $ holdfast config show --json | jq -r '.options[] | select(.from != "default") | .key'`

const validateHelp = `
Goes through the checks that every start makes: the options against each other, the files that they name, and what this machine and its
control group have. Nothing is started. \`holdfast doctor\` also tries things out.

Example:
  $ holdfast config validate --config node.yaml`

export function configCommand(): Command {
  return new Command('config')
    .description('show or check the configuration of a node')
    .addCommand(
      new Command('show')
        .description('print every option: value, where it comes from, what it means')
        .addOption(configOption())
        .addOption(jsonOption())
        .addHelpText('after', showHelp)
        .action(runShow),
    )
    .addCommand(
      new Command('validate')
        .description('check a configuration without starting the node')
        .addOption(configOption())
        .addOption(jsonOption())
        .addHelpText('after', validateHelp)
        .action(runValidate),
    )
}

export function configOption(): Option {
  return new Option('--config <file>', 'YAML file with options (or $HOLDFAST_CONFIG)')
}

async function runShow(flags: ConfigFlags): Promise<void> {
  const { describeOptions, formatOptionValue } = await import('../../node/config/index.ts')
  const { readConfig } = await import('../check-config.ts')
  const loaded = readConfig(flags.config)
  const { settleOptions } = await import('../../node/checks/index.ts')
  const options = describeOptions({ ...loaded, options: settleOptions(loaded.options) })
  if (flags.json) return printJson({ file: loaded.file, options })
  printRows(
    ['OPTION', 'VALUE', 'FROM', 'MEANING'],
    options.map(({ key, value, type, from, description }) => [key, formatOptionValue(value, type), from, description]),
  )
}

async function runValidate(flags: ConfigFlags): Promise<void> {
  const { checkConfig, printChecked, readConfig } = await import('../check-config.ts')
  const checked = await checkConfig(readConfig(flags.config))
  if (flags.json) printJson({ file: checked.file, valid: true, warnings: checked.warnings })
  else printChecked(checked)
}
