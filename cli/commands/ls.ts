/** `holdfast ls`: the models of the origin. */
import { Command } from 'commander'
import pMap from 'p-map'
import { formatBytes } from '../../common/index.ts'
import { systemClock } from '../../node/system/index.ts'
import type { ListedModel, Origin } from '../../origin/index.ts'
import { jsonOption, originOption, requireOrigin } from '../origin-option.ts'
import { type Cell, printJson, printNothing, printRows } from '../print.ts'

interface LsFlags {
  readonly origin?: string
  readonly json?: boolean
}

/** Manifests read at one time: a request to a bucket takes some 30 ms, whatever it brings. */
const manifestsConcurrent = 32

interface LsRow {
  readonly model: string
  readonly digest: string | null
  readonly sequence: number | null
  readonly files: number | null
  readonly sizeBytes: number | null
  /** Code of what is wrong with this entry. */
  readonly error: string | null
}

const examples = `
Examples:
  $ holdfast ls --origin file:///srv/models
  $ holdfast ls --origin file:///srv/models --json | jq -r '.[].model'`

export function lsCommand(): Command {
  return new Command('ls')
    .description('list the models of the origin')
    .addOption(originOption())
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action(runLs)
}

async function runLs(flags: LsFlags, command: Command): Promise<void> {
  const url = requireOrigin(command, flags.origin)
  const { openOrigin } = await import('../../origin/index.ts')
  const origin = openOrigin(url, { clock: systemClock, blocking: true })
  const listed = await Array.fromAsync(origin.listModels())
  const rows = await pMap(listed, (model) => describe(origin, model), { concurrency: manifestsConcurrent })
  rows.sort((a, b) => (a.model < b.model ? -1 : 1))
  if (flags.json) printJson(rows)
  else if (rows.length === 0) printNothing(`The origin ${url} has no models. Push one with holdfast push.`)
  else printRows(['MODEL', 'FILES', 'SIZE', 'DIGEST'], rows.map(cells))
}

/** One broken model must not hide the others. */
async function describe(origin: Origin, { name, ref }: ListedModel): Promise<LsRow> {
  const { formatModelName, isDamage, manifestSizeBytes } = await import('../../origin/index.ts')
  const { isHoldfastError } = await import('../../common/index.ts')
  const model = formatModelName(name)
  if (!ref) return { model, digest: null, sequence: null, files: null, sizeBytes: null, error: 'BAD_REF' }
  const row = { model, digest: ref.manifest, sequence: ref.sequence }
  try {
    const manifest = await origin.readManifest(ref.manifest)
    return { ...row, files: manifest.files.length, sizeBytes: manifestSizeBytes(manifest), error: null }
  } catch (error) {
    if (!isHoldfastError(error) || !isDamage(error)) throw error
    return { ...row, files: null, sizeBytes: null, error: error.code }
  }
}

function cells({ model, files, sizeBytes, error, digest }: LsRow): Cell[] {
  return [model, files, sizeBytes === null ? error : formatBytes(sizeBytes), digest?.slice(0, 12) ?? null]
}
