/** `holdfast stat`: what a model of the origin consists of, and what it shares with the others there. */
import { Command } from 'commander'
import { formatBytes, type ModelId } from '../../common/index.ts'
import { systemClock } from '../../node/system/index.ts'
import type { Manifest, ManifestSummary, Origin } from '../../origin/index.ts'
import { type FileTensor, interfacesOf, tensorNamed, tensorsOf } from '../model-contents.ts'
import type { OnnxPort } from '../onnx-interface.ts'
import { fullName, jsonOption, originOption, requireOrigin } from '../origin-option.ts'
import { type Cell, printJson, printNothing, printRows } from '../print.ts'

interface StatFlags {
  readonly origin?: string
  readonly tensors?: boolean
  readonly tensor?: string
  readonly json?: boolean
}

interface Sharing {
  readonly model: string
  readonly digest: ModelId
  readonly sharedBytes: number
}

const examples = `
Inputs and outputs are those of ONNX files, read from their graphs without a runtime and without their weights. With --tensors, a
row per tensor of safetensors and GGUF files.

Examples:
  $ holdfast stat acme/llama-chat:v2 --origin file:///srv/models
  $ holdfast stat acme/llama-chat:v2 --origin file:///srv/models --tensors
  $ holdfast stat acme/llama-chat:v2 --origin file:///srv/models --json | jq .sharing`

export function statCommand(): Command {
  return new Command('stat')
    .description('show the files, chunks, tensors, inputs and outputs of a model, and what it shares with others')
    .argument('<name>', 'namespace/name[:tag] or sha256:<digest>', fullName)
    .option('--tensors', 'list the tensors: file, name, type, shape, size')
    .option('--tensor <name>', 'one tensor')
    .addOption(originOption())
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action(runStat)
}

async function runStat(name: string, flags: StatFlags, command: Command): Promise<void> {
  const url = requireOrigin(command, flags.origin)
  const { formatDigest, openOrigin, summarizeManifest } = await import('../../origin/index.ts')
  const origin = openOrigin(url, { clock: systemClock })
  const { digest, ref, manifest } = await origin.resolveReference(name)
  if (flags.tensor !== undefined) return printTensors(await tensorNamed(manifest, flags.tensor), flags)
  if (flags.tensors) return printTensors(tensorsOf(manifest), flags)
  const summary = summarizeManifest(manifest)
  const interfaces = await interfacesOf(origin, digest, manifest)
  const sharing = await sharingWithOthers(origin, digest, manifest)
  if (flags.json) {
    const files = manifest.files.map(({ path, sizeBytes, sha256, chunks, tensors }) => {
      return { path, sizeBytes, sha256, chunks: chunks.length, tensors: tensors?.length ?? null }
    })
    printJson({ model: name, digest, ref, ...summary, files, interfaces, annotations: manifest.annotations, sharing })
    return
  }
  console.log(`${name} is ${formatDigest(digest)}${ref ? ` (sequence ${ref.sequence})` : ''}`)
  console.log(`${describe(summary)}\n`)
  printRows(['FILE', 'SIZE', 'CHUNKS', 'TENSORS'], manifest.files.map(fileCells))
  const ports = interfaces.flatMap(({ path, inputs, outputs }) => [
    ...inputs.map((port) => portCells(path, 'input', port)),
    ...outputs.map((port) => portCells(path, 'output', port)),
  ])
  if (ports.length > 0) {
    console.log('')
    printRows(['FILE', '', 'NAME', 'TYPE', 'SHAPE'], ports)
  }
  for (const other of sharing) {
    const percent = Math.round((100 * other.sharedBytes) / Math.max(1, summary.distinctBytes))
    console.log(`\nshares ${formatBytes(other.sharedBytes)} (${percent}%) with ${other.model}`)
  }
}

/** Every other model of the origin with common chunks, the most first. Reads all manifests, one after another. */
async function sharingWithOthers(origin: Origin, digest: ModelId, manifest: Manifest): Promise<Sharing[]> {
  const { formatModelName, isDamage, sharedBytes } = await import('../../origin/index.ts')
  const seen = new Set<ModelId>([digest])
  const sharing: Sharing[] = []
  for await (const { name, ref } of origin.listModels()) {
    if (!ref || seen.has(ref.manifest)) continue
    seen.add(ref.manifest)
    try {
      const bytes = sharedBytes(manifest, await origin.readManifest(ref.manifest))
      if (bytes > 0) sharing.push({ model: formatModelName(name), digest: ref.manifest, sharedBytes: bytes })
    } catch (error) {
      // A neighbour that cannot be read shares nothing that one could count on; `ls` shows what is wrong with it.
      if (!isDamage(error)) throw error
    }
  }
  return sharing.sort((a, b) => b.sharedBytes - a.sharedBytes || (a.model < b.model ? -1 : 1))
}

function describe({ files, sizeBytes, chunks, distinctBytes, tensors }: ManifestSummary): string {
  const repeated = distinctBytes < sizeBytes ? `, ${formatBytes(distinctBytes)} of them distinct` : ''
  return `${files} files, ${formatBytes(sizeBytes)}${repeated}, ${chunks} chunks, ${tensors} tensors`
}

function fileCells({ path, sizeBytes, chunks, tensors }: Manifest['files'][number]): Cell[] {
  return [path, formatBytes(sizeBytes), chunks.length, tensors ? tensors.length : null]
}

/** A dimension without a number or a name may be anything: '?'. */
function portCells(path: string, kind: string, { name, type, shape }: OnnxPort): Cell[] {
  return [path, kind, name, type, shape === null ? null : `[${shape.map((size) => size ?? '?').join(', ')}]`]
}

function printTensors(tensors: readonly FileTensor[], flags: StatFlags): void {
  if (flags.json) printJson({ tensors })
  else if (tensors.length === 0) printNothing('No file of the model has a header that tells its tensors.')
  else printRows(['FILE', 'NAME', 'TYPE', 'SHAPE', 'SIZE'], tensors.map(tensorCells))
}

function tensorCells({ path, name, dtype, shape, sizeBytes }: FileTensor): Cell[] {
  return [path, name, dtype, `[${shape.join(', ')}]`, formatBytes(sizeBytes)]
}
