/** `holdfast prefetch`: brings a model to a node before somebody asks for it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Command } from 'commander'
import { formatSeconds, HoldfastError, isErrorCode } from '../../common/index.ts'
import type { PrefetchView } from '../../node/admin/index.ts'
import { startProgress } from '../../node/system/index.ts'
import { NodeClient } from '../node-client.ts'
import { addNodeOptions, clientOf, type NodeFlags, tierOption } from '../node-option.ts'
import { printJson } from '../print.ts'

interface PrefetchFlags extends NodeFlags {
  readonly tier: string
  readonly wait: boolean
}

/** Often enough for a bar that moves; a poll costs the node some microseconds. */
const pollMs = 200

const help = `
Waits until the model is here and shows how far it is; the fetch goes on when this command is ended. A model that the runtime can
run is converted and loaded as well, unless --tier disk.

Examples:
  $ holdfast prefetch acme/resnet50:v3
  $ holdfast prefetch acme/llama:v1 --tier disk --no-wait`

export function prefetchCommand(): Command {
  return addNodeOptions(new Command('prefetch').description('bring a model to a node now'))
    .argument('<name>', 'namespace/name[:tag] or sha256:<digest>')
    .addOption(tierOption())
    .option('--no-wait', 'begin it and return')
    .addHelpText('after', help)
    .action(runPrefetch)
}

async function runPrefetch(name: string, flags: PrefetchFlags): Promise<void> {
  const client = clientOf(flags)
  let view = await client.post<PrefetchView>(`/v1/prefetch/${NodeClient.pathOf(name)}`, { tier: flags.tier })
  if (flags.wait && view.state === 'running') view = await watch(client, view, flags)
  if (view.error !== null) {
    const { code, message } = view.error
    throw new HoldfastError(isErrorCode(code) ? code : 'SYSTEM', message)
  }
  if (flags.json) return printJson(view)
  if (view.state === 'running') console.log(`${view.name} is on its way; \`holdfast status\` shows how far it is.`)
  else
    console.log(`${view.name} is in ${view.tier}, from ${view.source}, after ${formatSeconds(view.elapsedMs / 1000)}`)
}

async function watch(client: NodeClient, begun: PrefetchView, flags: PrefetchFlags): Promise<PrefetchView> {
  const title = `prefetch ${begun.name}`
  const progress = flags.json
    ? null
    : await startProgress({ title, stream: process.stderr, nowMs: () => performance.now() })
  try {
    for (;;) {
      await sleep(pollMs)
      const { prefetches } = await client.get<{ prefetches: PrefetchView[] }>('/v1/prefetch')
      const view = prefetches.findLast(({ model, tier }) => model === begun.model && tier === begun.tier)
      if (view === undefined) {
        throw new HoldfastError('SHUTTING_DOWN', 'The node was restarted during the prefetch; begin it again.')
      }
      if (view.state !== 'running') return view
      if (view.loading !== null) progress?.update({ ...view.loading, note: view.loading.state })
    }
  } finally {
    progress?.end()
  }
}
