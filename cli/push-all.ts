/** `holdfast push --all DIR`: one model after the other, so that each shares the chunks of those before it. */
import { exitCodeOfError, formatBytes, HoldfastError, isHoldfastError } from '../common/index.ts'
import { type Progress, paint, startProgress, systemClock } from '../node/system/index.ts'
import type { ModelFolder, Origin, PushResult } from '../origin/index.ts'
import { warnOfFiles } from './file-notes.ts'
import { fileWorkHere } from './file-work.ts'
import { printJson, printWarning } from './print.ts'
import { progressTo } from './push-progress.ts'

export interface PushAllFlags {
  readonly json?: boolean
  readonly namespace?: string
  readonly tag?: string
}

interface Outcome {
  readonly model: string
  readonly source: string
  readonly result: PushResult | null
  readonly error: HoldfastError | null
}

/** Failures of a model are told and do not stop the others; the exit code is 1 when there are any. */
export async function pushAll(folder: string, url: string, flags: PushAllFlags): Promise<void> {
  const { findModelFolders, openOrigin } = await import('../origin/index.ts')
  const { folders, others } = await findModelFolders(folder, flags.namespace ?? null)
  if (folders.length === 0)
    throw new HoldfastError(
      'BAD_REQUEST',
      `${folder} has no folders to push. Name the folder around those of the models.`,
    )
  if (!flags.json && others.length > 0)
    printWarning(`${others.length} entries of ${folder} are no folders or hidden: left out.`)
  const origin = openOrigin(url, { clock: systemClock, create: true, ...(await fileWorkHere()) })
  const outcomes: Outcome[] = []
  for (const model of folders) {
    const title = `push ${outcomes.length + 1} of ${folders.length}, ${model.model}`
    const progress = await startProgress({ title, stream: process.stderr, nowMs: () => performance.now() })
    const twins = folders.filter((other) => other.model === model.model).length
    const outcome = await pushOne(model, twins, origin, flags, progress).finally(() => progress.end())
    outcomes.push(outcome)
    if (!flags.json) print(outcome)
    if (outcome.error !== null && stopsAll.has(outcome.error.code)) break
  }
  const failed = outcomes.filter(({ error }) => error !== null).length
  const notTried = folders.length - outcomes.length
  if (failed > 0) process.exitCode = exitCodeOfError
  if (flags.json) {
    const models = outcomes.map(({ model, source, result, error }) => ({ model, source, ...result, error }))
    const counts = { pushed: outcomes.length - failed, failed, notTried }
    printJson({ origin: origin.url, ...counts, leftOut: others, models })
    return
  }
  const rest = `${failed > 0 ? `, ${failed} failed` : ''}${notTried > 0 ? `, ${notTried} not tried` : ''}`
  console.log(`${outcomes.length - failed} of ${folders.length} models pushed${rest}`)
}

async function pushOne(
  { source, model }: ModelFolder,
  twins: number,
  origin: Origin,
  flags: PushAllFlags,
  progress: Progress,
): Promise<Outcome> {
  const { parseModelName, push } = await import('../origin/index.ts')
  try {
    if (model.startsWith('/'))
      throw new HoldfastError('BAD_MODEL_NAME', `${source} tells no namespace. Pass one with --namespace.`)
    if (twins > 1)
      throw new HoldfastError(
        'BAD_MODEL_NAME',
        `${source} is one of ${twins} folders that would be ${model}. Rename it.`,
      )
    const name = parseModelName(flags.tag === undefined ? model : `${model}:${flags.tag}`)
    const show = flags.json ? {} : { onProgress: progressTo(progress) }
    return { model, source, result: await push({ source, name, origin, ...show }), error: null }
  } catch (error) {
    if (!isHoldfastError(error)) throw error
    return { model, source, result: null, error }
  }
}

/** Errors that every other model would meet, too. */
const stopsAll: ReadonlySet<string> = new Set([
  'BAD_CONFIG',
  'BAD_ORIGIN_URL',
  'DISK_FULL',
  'ORIGIN_DENIED',
  'ORIGIN_NOT_FOUND',
  'ORIGIN_UNAVAILABLE',
])

function print({ model, result, error }: Outcome): void {
  if (error !== null) {
    process.stderr.write(
      `${paint('holdfast:', 'red', process.stderr)} ${model}: ${error.message}\n  ${error.code}: ${error.action}\n`,
    )
    return
  }
  const { totalBytes, newBytes, moved, notes } = result!
  warnOfFiles(notes, `${model}: `)
  const how = moved ? `uploaded ${formatBytes(newBytes)} of ${formatBytes(totalBytes)}` : 'was already there'
  console.log(`${model}: ${how}`)
}
