/** `holdfast tag`: moves a tag of the origin, lists what it meant before, and rolls it back. No bytes move. */
import { Command, InvalidArgumentError } from 'commander'
import { systemClock } from '../../node/system/index.ts'
import type { ModelName, MoveTagResult, Origin, Ref } from '../../origin/index.ts'
import { fullName, jsonOption, originOption, requireOrigin } from '../origin-option.ts'
import { type Cell, printJson, printRows } from '../print.ts'
import { listTags, type TagRevision } from '../tag-history.ts'

interface TagFlags {
  readonly origin?: string
  readonly list?: boolean
  readonly rollback?: boolean
  readonly to?: number
  readonly json?: boolean
}

const help = `
Nothing is copied: the tag is a small signed record whose sequence rises with every move, also with a move back. Nodes follow when
they look the tag up again, or at once after holdfast invalidate.

With --list, the history of each tag of the model, or of one tag: sequence, digest, when, and whether it is the current one, an
earlier one, or gone. A tag remembers its last 32 moves. With --rollback, the tag goes back to what it meant before, or to the
sequence of --to. holdfast gc keeps the bytes of one earlier revision of each tag (--keep-revisions); going back to one whose bytes
are gone fails with ORIGIN_NOT_FOUND, and the tag stays.

Examples:
  $ holdfast tag acme/resnet50:stable acme/resnet50:v3 --origin file:///srv/models
  $ holdfast tag --list acme/resnet50 --origin file:///srv/models
  $ holdfast tag --rollback acme/resnet50:stable --origin file:///srv/models`

export function tagCommand(): Command {
  return new Command('tag')
    .description('move a tag of the origin to a model that is there, list its history, or roll it back')
    .argument(
      '<name>',
      'namespace/name[:tag], tag "latest" when left out; with --list, all tags when left out',
      fullName,
    )
    .argument('[from]', 'what the tag shall mean: namespace/name[:tag] or sha256:<digest>', fullName)
    .option('--list', 'show what the tags meant, and when')
    .option('--rollback', 'move the tag back to what it meant before')
    .option('--to <sequence>', 'with --rollback: the revision with this sequence', sequenceOf)
    .addOption(originOption())
    .addOption(jsonOption())
    .addHelpText('after', help)
    .action(runTag)
}

async function runTag(name: string, from: string | undefined, flags: TagFlags, command: Command): Promise<void> {
  const { list, rollback, to } = flags
  if (list && rollback) command.error('error: --list and --rollback exclude each other')
  if ((list || rollback) && from !== undefined) command.error('error: --list and --rollback take one name')
  if (to !== undefined && !rollback) command.error('error: --to is for --rollback')
  if (!list && !rollback && from === undefined)
    command.error('error: pass what the tag shall mean, or --list, or --rollback')
  const url = requireOrigin(command, flags.origin)
  const { formatModelName, openOrigin, parseModelName } = await import('../../origin/index.ts')
  const origin = openOrigin(url, { clock: systemClock })
  if (list) return printHistory(await listTags(origin, name), flags)
  const model = parseModelName(name)
  const result = rollback ? await back(origin, model, to) : await move(origin, model, from!)
  if (flags.json) return printJson({ model: formatModelName(model), ...result })
  const { ref, moved, before } = result
  const was = before === null || before.manifest === ref.manifest ? '' : `; it was ${before.manifest.slice(0, 12)}`
  console.log(
    `${formatModelName(model)} ${moved ? 'is' : 'was already'} sha256:${ref.manifest} (sequence ${ref.sequence})${was}`,
  )
}

type Moved = MoveTagResult & { readonly before: Ref | null }

async function move(origin: Origin, name: ModelName, from: string): Promise<Moved> {
  const { moveTag, parseModelReference } = await import('../../origin/index.ts')
  const reference = parseModelReference(from)
  const manifest = reference.kind === 'digest' ? reference.digest : (await origin.resolveRef(reference.name)).manifest
  const before = await origin.readRef(name)
  return { ...(await moveTag({ origin, name, manifest })), before }
}

async function back(origin: Origin, name: ModelName, sequence: number | undefined): Promise<Moved> {
  const { rollBack } = await import('../../origin/index.ts')
  return rollBack({ origin, name, ...(sequence === undefined ? {} : { sequence }) })
}

function printHistory(revisions: readonly TagRevision[], flags: TagFlags): void {
  if (flags.json) printJson(revisions)
  else printRows(['MODEL', 'SEQUENCE', 'DIGEST', 'WHEN', 'STATE'], revisions.map(cells))
}

function cells({ model, sequence, digest, movedMs, state }: TagRevision): Cell[] {
  return [model, sequence, digest.slice(0, 12), new Date(movedMs).toISOString(), state]
}

function sequenceOf(text: string): number {
  if (/^[1-9]\d*$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text)
  throw new InvalidArgumentError('It has to be a sequence of holdfast tag --list.')
}
