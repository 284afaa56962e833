/** `holdfast pull`: a model of the origin becomes files in a folder. */
import { Command } from 'commander'
import { formatBytes } from '../../common/index.ts'
import { startProgress, systemClock } from '../../node/system/index.ts'
import { fileWorkHere } from '../file-work.ts'
import { fullName, jsonOption, originOption, requireOrigin } from '../origin-option.ts'
import { printJson } from '../print.ts'

interface PullFlags {
  readonly origin?: string
  readonly json?: boolean
  readonly force?: boolean
}

const examples = `
Every chunk is verified. Files that are there already are kept; an interrupted pull goes on where it was.

Examples:
  $ holdfast pull acme/resnet50:v3 ./resnet50 --origin file:///srv/models
  $ holdfast pull sha256:9f86d0... --origin file:///srv/models`

export function pullCommand(): Command {
  return new Command('pull')
    .description('download a model from the origin into a folder')
    .argument('<name>', 'namespace/name[:tag] or sha256:<digest>', fullName)
    .argument('[folder]', 'where the files go; the last part of the name when left out')
    .addOption(originOption())
    .addOption(jsonOption())
    .option('--force', 'replace files that have other content')
    .addHelpText('after', examples)
    .action(runPull)
}

async function runPull(name: string, folder: string | undefined, flags: PullFlags, command: Command): Promise<void> {
  const url = requireOrigin(command, flags.origin)
  const { formatDigest, openOrigin, parseModelReference, pull } = await import('../../origin/index.ts')
  const reference = parseModelReference(name)
  const destination = folder ?? (reference.kind === 'name' ? reference.name.name : reference.digest.slice(0, 12))
  const progress = await startProgress({
    title: `pull ${name}`,
    stream: process.stderr,
    nowMs: () => performance.now(),
  })
  const show = flags.json
    ? {}
    : {
        onProgress: (p: { doneBytes: number; totalBytes: number; path: string | null }) =>
          progress.update({ doneBytes: p.doneBytes, totalBytes: p.totalBytes, note: p.path ?? '' }),
      }
  const force = flags.force ?? false
  const result = await pull({
    name,
    origin: openOrigin(url, { clock: systemClock, ...(await fileWorkHere()) }),
    destination,
    force,
    ...show,
  }).finally(() => progress.end())
  if (flags.json) {
    printJson({ model: name, origin: url, ...result })
    return
  }
  const { files, totalBytes, fetchedBytes, keptBytes } = result
  console.log(
    `${name} (${formatDigest(result.digest)}) is in ${result.destination}\n` +
      `${files} ${files === 1 ? 'file' : 'files'}, ${formatBytes(totalBytes)}: ` +
      `fetched ${formatBytes(fetchedBytes)}, kept ${formatBytes(keptBytes)}`,
  )
}
