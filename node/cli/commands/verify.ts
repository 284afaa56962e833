/** `holdfast verify`: reads what the origin has and hashes it. Exit code 1 when something is bad. */
import { Command } from 'commander'
import { exitCodeOfError } from '../../../placement/errors.ts'
import { formatBytes } from '../format-bytes.ts'
import { jsonOption, originOption, requireOrigin } from '../origin-option.ts'
import { Progress } from '../progress.ts'

interface VerifyFlags {
  readonly origin?: string
  readonly json?: boolean
}

const examples = `
Reads every byte, and changes nothing. What is bad is named, with the object that holds it: delete that object and push
the model again, and it is whole.

Examples:
  $ holdfast verify --origin file:///srv/models
  $ holdfast verify acme/resnet50:v3 --origin file:///srv/models --json | jq .bad`

export function verifyCommand(): Command {
  return new Command('verify')
    .description('hash a model of the origin, or all of them, against the manifests')
    .argument('[name]', 'namespace/name[:tag] or sha256:<digest>; all models when left out')
    .addOption(originOption())
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action(runVerify)
}

async function runVerify(name: string | undefined, flags: VerifyFlags, command: Command): Promise<void> {
  const url = requireOrigin(command, flags.origin)
  const { describeBad, openOrigin, verify } = await import('../../../origin/index.ts')
  const title = `verify ${name ?? 'all models'}`
  const progress = new Progress({ title, stream: process.stderr, nowMs: () => performance.now() })
  const result = await verify({
    origin: openOrigin(url),
    ...(name === undefined ? {} : { name }),
    onProgress: ({ doneBytes, totalBytes, path }) => {
      if (!flags.json) progress.update({ doneBytes, totalBytes, note: path ?? '' })
    },
  }).finally(() => progress.end())
  if (result.bad.length > 0) process.exitCode = exitCodeOfError
  if (flags.json) {
    console.log(JSON.stringify(result))
    return
  }
  const { models, files, bytes, bad } = result
  for (const place of bad) console.log(`bad: ${describeBad(place).replace(/\p{C}/gu, '?')}`)
  const verdict = bad.length === 0 ? 'all good' : `${bad.length} bad`
  console.log(`${count(models, 'model')}, ${count(files, 'file')}, ${formatBytes(bytes)}: ${verdict}`)
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`
