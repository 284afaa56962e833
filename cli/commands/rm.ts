/** `holdfast rm`: removes a tag from the origin. The bytes stay until gc. */
import { Command } from 'commander'
import { systemClock } from '../../node/system/index.ts'
import { fullName, jsonOption, originOption, requireOrigin } from '../origin-option.ts'
import { printJson } from '../print.ts'

interface RmFlags {
  readonly origin?: string
  readonly json?: boolean
}

const examples = `
Other tags of the same model stay. Nodes that hold the model keep serving it until they evict it. What no tag needs any more
is freed by holdfast gc.

Example:
  $ holdfast rm acme/resnet50:v2 --origin file:///srv/models`

export function rmCommand(): Command {
  return new Command('rm')
    .description('remove a tag from the origin; its bytes stay until gc')
    .argument('<name>', 'namespace/name[:tag], tag "latest" when left out', fullName)
    .addOption(originOption())
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action(runRm)
}

async function runRm(name: string, flags: RmFlags, command: Command): Promise<void> {
  const url = requireOrigin(command, flags.origin)
  const { formatDigest, formatModelName, openOrigin, parseModelName, removeRef } = await import('../../origin/index.ts')
  const model = parseModelName(name)
  const ref = await removeRef(openOrigin(url, { clock: systemClock }), model)
  const text = formatModelName(model)
  if (flags.json) printJson({ model: text, removed: ref })
  else console.log(`${text} is removed${ref ? `; it was ${formatDigest(ref.manifest)}` : ', a broken ref'}`)
}
