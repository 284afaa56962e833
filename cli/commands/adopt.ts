/** `holdfast adopt`: plain files that lie in the store already become a model, without an upload. */
import { Command } from 'commander'
import { formatBytes } from '../../common/index.ts'
import { startProgress, systemClock } from '../../node/system/index.ts'
import { warnOfFiles } from '../file-notes.ts'
import { fileWorkHere } from '../file-work.ts'
import { fullName, jsonOption, originOption, requireOrigin } from '../origin-option.ts'
import { printJson } from '../print.ts'

interface AdoptFlags {
  readonly origin?: string
  readonly json?: boolean
}

const examples = `
The files are read once, to be hashed, and stay where and whose they are: gc never deletes them. They must lie in the
origin's own folder, or anywhere in its bucket. The rules are those of a push: what is left out is told, what could not be pulled
is refused.

Examples:
  $ holdfast adopt file:///srv/models/plain/bert acme/bert:v1 --origin file:///srv/models
  $ holdfast adopt s3://weights/llama acme/llama:v1 --origin s3://weights/holdfast`

export function adoptCommand(): Command {
  return new Command('adopt')
    .description('make a model of plain files that lie in the origin already, without an upload')
    .argument('<url>', 'folder or file: s3://bucket/path or file:///path')
    .argument('<name>', 'namespace/name[:tag], tag "latest" when left out', fullName)
    .addOption(originOption())
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action(runAdopt)
}

async function runAdopt(from: string, name: string, flags: AdoptFlags, command: Command): Promise<void> {
  const url = requireOrigin(command, flags.origin)
  const { adopt, formatDigest, formatModelName, openOrigin, parseModelName } = await import('../../origin/index.ts')
  const model = parseModelName(name)
  const origin = openOrigin(url, { clock: systemClock, ...(await fileWorkHere()) })
  const title = `adopt ${formatModelName(model)}`
  const progress = await startProgress({ title, stream: process.stderr, nowMs: () => performance.now() })
  const result = await adopt({
    from,
    name: model,
    origin,
    onProgress: ({ doneBytes, totalBytes, path }) => {
      if (!flags.json) progress.update({ doneBytes, totalBytes, note: path ?? 'finishing' })
    },
  }).finally(() => progress.end())
  if (flags.json) {
    printJson({ model: formatModelName(model), origin: origin.url, ...result })
    return
  }
  warnOfFiles(result.notes)
  const { files, totalBytes, moved, ref } = result
  console.log(
    `${formatModelName(model)} ${moved ? 'is' : 'was already'} ${formatDigest(result.digest)} (sequence ${ref.sequence})\n` +
      `${files} ${files === 1 ? 'file' : 'files'}, ${formatBytes(totalBytes)}, read in place: uploaded 0 B`,
  )
}
