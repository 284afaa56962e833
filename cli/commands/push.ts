/** `holdfast push`: a file or folder becomes a model of the origin. */
import { Command } from 'commander'
import { formatBytes } from '../../common/index.ts'
import { startProgress, systemClock } from '../../node/system/index.ts'
import { jsonOption, originOption, requireOrigin } from '../origin-option.ts'

interface PushFlags {
  readonly origin?: string
  readonly json?: boolean
}

const examples = `
Only chunks that the origin does not have are uploaded. Names that begin with a dot are left out.

Examples:
  $ holdfast push ./resnet50 acme/resnet50:v3 --origin file:///srv/models
  $ HOLDFAST_ORIGIN=file:///srv/models holdfast push ./llama.gguf acme/llama`

export function pushCommand(): Command {
  return new Command('push')
    .description('upload a model to the origin')
    .argument('<source>', 'folder or file')
    .argument('<name>', 'namespace/name[:tag], tag "latest" when left out')
    .addOption(originOption())
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action(runPush)
}

async function runPush(source: string, name: string, flags: PushFlags, command: Command): Promise<void> {
  const url = requireOrigin(command, flags.origin)
  const { formatDigest, formatModelName, openOrigin, parseModelName, push } = await import('../../origin/index.ts')
  const model = parseModelName(name)
  const title = `push ${formatModelName(model)}`
  const progress = await startProgress({ title, stream: process.stderr, nowMs: () => performance.now() })
  const show = flags.json
    ? {}
    : {
        onProgress: (p: { doneBytes: number; totalBytes: number; path: string | null }) =>
          progress.update({ doneBytes: p.doneBytes, totalBytes: p.totalBytes, note: p.path ?? 'finishing' }),
      }
  const origin = openOrigin(url, { clock: systemClock, create: true })
  const result = await push({ source, name: model, origin, ...show }).finally(() => progress.end())
  if (flags.json) {
    console.log(JSON.stringify({ model: formatModelName(model), origin: origin.url, ...result }))
    return
  }
  const { files, totalBytes, newBytes, reusedBytes, moved, ref } = result
  console.log(
    `${formatModelName(model)} ${moved ? 'is' : 'was already'} ${formatDigest(result.digest)} (sequence ${ref.sequence})\n` +
      `${files} ${files === 1 ? 'file' : 'files'}, ${formatBytes(totalBytes)}: ` +
      `uploaded ${formatBytes(newBytes)}, shared ${formatBytes(reusedBytes)}`,
  )
}
