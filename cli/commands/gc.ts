/** `holdfast gc`: frees what no tag of the origin needs. */
import { Command, InvalidArgumentError } from 'commander'
import { formatBytes } from '../../common/index.ts'
import { systemClock } from '../../node/system/index.ts'
import type { GcResult } from '../../origin/index.ts'
import { jsonOption, originOption, requireOrigin } from '../origin-option.ts'
import { printJson } from '../print.ts'

interface GcFlags {
  readonly origin?: string
  readonly json?: boolean
  readonly dryRun?: boolean
  readonly graceHours?: number
  readonly keepRevisions?: number
}

const examples = `
Safe at any time, also while others push and pull. Objects younger than the grace period stay, so that an interrupted push can
go on where it was. Files that were adopted are never deleted. Of each tag, what it meant before stays whole as well, so that
holdfast tag --rollback works: one revision, or as many as --keep-revisions says.

Examples:
  $ holdfast gc --origin file:///srv/models --dry-run
  $ holdfast gc --origin file:///srv/models --grace-hours 0 --keep-revisions 0`

export function gcCommand(): Command {
  return new Command('gc')
    .description('free what no tag of the origin needs')
    .option('--dry-run', 'only say what would be freed')
    .option('--grace-hours <hours>', 'leave alone what is younger (default: 24)', hours)
    .option('--keep-revisions <count>', 'earlier revisions of each tag that stay (default: 1)', revisions)
    .addOption(originOption())
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action(runGc)
}

async function runGc(flags: GcFlags, command: Command): Promise<void> {
  const url = requireOrigin(command, flags.origin)
  const { gc, openOrigin } = await import('../../origin/index.ts')
  const result = await gc({
    origin: openOrigin(url, { clock: systemClock }),
    dryRun: flags.dryRun ?? false,
    ...(flags.graceHours === undefined ? {} : { graceMs: flags.graceHours * 3_600_000 }),
    ...(flags.keepRevisions === undefined ? {} : { keepRevisions: flags.keepRevisions }),
    onProgress: (step) => {
      if (!flags.json) process.stderr.write(`gc: ${step}\n`)
    },
  })
  if (flags.json) printJson(result)
  else console.log(describe(result))
}

function describe(result: GcResult): string {
  const would = result.dryRun ? 'would free' : 'freed'
  const earlier =
    result.earlierRevisions === 0 ? '' : `, and ${result.earlierRevisions} earlier ones that tags can be rolled back to`
  const lines = [
    `${would} ${formatBytes(Math.max(0, result.freedBytes))}: ${result.packsDeleted} packs and ${result.manifestsDeleted} manifests, ` +
      `rewrote ${result.packsRewritten} packs (copied ${formatBytes(result.copiedBytes)}); ${result.models} models stay${earlier}`,
  ]
  if (result.packsWaiting > 0) {
    lines.push(
      `${formatBytes(result.waitingBytes)} in ${result.packsWaiting} packs wait for ${result.pushesRunning} running pushes; run gc again after them`,
    )
  }
  for (const name of result.incomplete) lines.push(`${name} lacks its records in the origin: push it again`)
  return lines.join('\n')
}

function hours(text: string): number {
  const value = Number(text)
  if (text !== '' && value >= 0 && value <= 1e6) return value
  throw new InvalidArgumentError('It is a number of hours, 0 or more.')
}

function revisions(text: string): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value
  throw new InvalidArgumentError('It is a whole number, 0 or more.')
}
