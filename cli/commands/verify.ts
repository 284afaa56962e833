/** `holdfast verify`: reads what the origin, or a node's disk, has and hashes it. Exit code 1 when something is bad. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Command } from 'commander'
import { exitCodeOfError, formatBytes } from '../../common/index.ts'
import type { ScrubView } from '../../node/admin/index.ts'
import { startProgress, systemClock } from '../../node/system/index.ts'
import { fileWorkHere } from '../file-work.ts'
import { addNodeOptions, clientOf, type NodeFlags } from '../node-option.ts'
import { fullName, originOption, requireOrigin } from '../origin-option.ts'
import { printJson } from '../print.ts'

interface VerifyFlags extends NodeFlags {
  readonly origin?: string
  readonly node?: boolean
}

/** How often a running scrub is looked at. */
const pollMs = 250

const examples = `
Reads every byte, and changes nothing. What is bad is named, with the object that holds it: delete that object and push
the model again, and it is whole. With --node it is the disk tier of a running node that is hashed; what is bad there is removed,
and fetched again when it is asked for. A manifest that states another sha256 for a file than it has is named, too: nodes do not check
that, since the chunks already prove what they hold.

Examples:
  $ holdfast verify --origin file:///srv/models
  $ holdfast verify acme/resnet50:v3 --origin file:///srv/models --json | jq .bad
  $ holdfast verify --node`

export function verifyCommand(): Command {
  const command = new Command('verify')
    .description('hash a model of the origin, or all of them, or what a node has on disk')
    .argument('[name]', 'namespace/name[:tag] or sha256:<digest>; all models when left out', fullName)
    .addOption(originOption())
    .option('--node', 'the disk of a running node instead of the origin')
  return addNodeOptions(command).addHelpText('after', examples).action(runVerify)
}

async function runVerify(name: string | undefined, flags: VerifyFlags, command: Command): Promise<void> {
  if (flags.node === true) return verifyNode(name, flags, command)
  const url = requireOrigin(command, flags.origin)
  const { describeBad, openOrigin, verify } = await import('../../origin/index.ts')
  const title = `verify ${name ?? 'all models'}`
  const progress = await startProgress({ title, stream: process.stderr, nowMs: () => performance.now() })
  const result = await verify({
    origin: openOrigin(url, { clock: systemClock, ...(await fileWorkHere()) }),
    ...(name === undefined ? {} : { name }),
    onProgress: ({ doneBytes, totalBytes, path }) => {
      if (!flags.json) progress.update({ doneBytes, totalBytes, note: path ?? '' })
    },
  }).finally(() => progress.end())
  if (result.bad.length > 0) process.exitCode = exitCodeOfError
  if (flags.json) {
    printJson(result)
    return
  }
  const { models, files, bytes, bad } = result
  for (const place of bad) console.log(`bad: ${describeBad(place).replace(/\p{C}/gu, '?')}`)
  const verdict = bad.length === 0 ? 'all good' : `${bad.length} bad`
  console.log(`${count(models, 'model')}, ${count(files, 'file')}, ${formatBytes(bytes)}: ${verdict}`)
}

async function verifyNode(name: string | undefined, flags: VerifyFlags, command: Command): Promise<void> {
  if (name !== undefined) command.error('error: --node hashes all of the disk; leave out the name')
  const client = clientOf(flags)
  const progress = await startProgress({
    title: 'verify the disk',
    stream: process.stderr,
    nowMs: () => performance.now(),
  })
  let { scrub } = await client.post<{ scrub: ScrubView }>('/v1/verify')
  while (scrub.state === 'running') {
    if (!flags.json) progress.update({ doneBytes: scrub.doneBytes, totalBytes: scrub.totalBytes })
    await sleep(pollMs)
    scrub = (await client.get<{ scrub: ScrubView }>('/v1/verify')).scrub
  }
  progress.end()
  const badCount = scrub.bad.length + scrub.misstated.length
  if (badCount > 0 || scrub.state === 'failed') process.exitCode = exitCodeOfError
  if (flags.json) {
    printJson(scrub)
    return
  }
  for (const id of scrub.bad) {
    const isInUse = scrub.badInUse.includes(id)
    const where = isInUse
      ? 'removed from disk; wrong in memory too and in use: close its models and evict them'
      : 'removed'
    console.log(`bad: blob ${id} (${where})`)
  }
  for (const { model, path, sha256, actual } of scrub.misstated) {
    console.log(`bad: sha256:${model}: ${path}: the manifest states sha256 ${sha256}, the file has ${actual}`)
  }
  const verdict = scrub.error ?? (badCount === 0 ? 'all good' : `${badCount} bad`)
  console.log(`${count(scrub.blobs, 'blob')}, ${formatBytes(scrub.doneBytes)}: ${verdict}`)
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`
