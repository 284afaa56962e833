/** `holdfast push`: a file or folder becomes a model of the origin; with --all, each folder in a folder becomes one. */
import { Command } from 'commander'
import { formatBytes } from '../../common/index.ts'
import { startProgress, systemClock } from '../../node/system/index.ts'
import type { PushResult } from '../../origin/index.ts'
import { warnOfFiles } from '../file-notes.ts'
import { fileWorkHere } from '../file-work.ts'
import { fullName, jsonOption, originOption, requireOrigin } from '../origin-option.ts'
import { printJson } from '../print.ts'
import { type PushAllFlags, pushAll } from '../push-all.ts'
import { progressTo } from '../push-progress.ts'

interface PushFlags extends PushAllFlags {
  readonly origin?: string
  readonly all?: string
  readonly entry?: string
}

const examples = `
Only chunks that the origin does not have are uploaded. Links are followed inside the folder, and from a snapshot of a hub cache to
its blobs. Names that begin with a dot, unfinished downloads, empty folders and file modes are left out with a warning; names and
kinds of files that a pull could not bring back are refused. A header that cannot be read is no reason to refuse: the file moves as
plain bytes.

With --all, each folder in DIR becomes the model NAMESPACE/folder, and each repository of a hub cache in it the
snapshot of its main branch. A model that fails does not stop the others; then the exit code is 1.

Examples:
  $ holdfast push ./resnet50 acme/resnet50:v3 --origin file:///srv/models
  $ HOLDFAST_ORIGIN=file:///srv/models holdfast push ./llama.gguf acme/llama
  $ holdfast push ./bert acme/bert --entry onnx/model_quantized.onnx --origin file:///srv/models
  $ holdfast push --all ./models --namespace acme --origin file:///srv/models`

export function pushCommand(): Command {
  return new Command('push')
    .description('upload a model, or all models of a folder, to the origin')
    .argument('[source]', 'folder or file')
    .argument('[name]', 'namespace/name[:tag], tag "latest" when left out', fullName)
    .option('--entry <path>', 'the ONNX file that is run, of a folder with several')
    .option('--all <dir>', 'push every folder in DIR as a model, instead of one')
    .option('--namespace <namespace>', 'namespace of the models of --all')
    .option('--tag <tag>', 'tag of the models of --all; "latest" when left out')
    .addOption(originOption())
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action(runPush)
}

async function runPush(
  source: string | undefined,
  name: string | undefined,
  flags: PushFlags,
  command: Command,
): Promise<void> {
  const { all } = flags
  if (all !== undefined && source !== undefined) command.error('error: --all takes the place of source and name')
  if (all === undefined && (flags.namespace !== undefined || flags.tag !== undefined))
    command.error('error: --namespace and --tag are for --all')
  if (all !== undefined && flags.entry !== undefined) command.error('error: --entry is for one model, not for --all')
  if (all !== undefined) return pushAll(all, requireOrigin(command, flags.origin), flags)
  if (source === undefined || name === undefined) return command.error('error: pass a source and a name, or --all DIR')
  const url = requireOrigin(command, flags.origin)
  const { entryAnnotation, formatModelName, openOrigin, parseModelName, push } = await import('../../origin/index.ts')
  const model = parseModelName(name)
  const text = formatModelName(model)
  const title = `push ${text}`
  const progress = await startProgress({ title, stream: process.stderr, nowMs: () => performance.now() })
  const origin = openOrigin(url, { clock: systemClock, create: true, ...(await fileWorkHere()) })
  const show = flags.json ? {} : { onProgress: progressTo(progress) }
  const chosen = flags.entry === undefined ? {} : { annotations: { [entryAnnotation]: flags.entry } }
  const result = await push({ source, name: model, origin, ...chosen, ...show }).finally(() => progress.end())
  if (flags.json) {
    printJson({ model: text, origin: origin.url, ...result })
    return
  }
  warnOfFiles(result.notes)
  console.log(await describePush(text, result))
}

async function describePush(text: string, result: PushResult): Promise<string> {
  const { formatDigest } = await import('../../origin/index.ts')
  const { digest, files, totalBytes, newBytes, reusedBytes, moved, ref } = result
  return (
    `${text} ${moved ? 'is' : 'was already'} ${formatDigest(digest)} (sequence ${ref.sequence})\n` +
    `${files} ${files === 1 ? 'file' : 'files'}, ${formatBytes(totalBytes)}: ` +
    `uploaded ${formatBytes(newBytes)}, shared ${formatBytes(reusedBytes)}`
  )
}
