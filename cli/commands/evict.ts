/** `holdfast evict`: frees what a model takes on a node. */
import { Command } from 'commander'
import { NodeClient } from '../node-client.ts'
import { addNodeOptions, clientOf, type NodeFlags } from '../node-option.ts'
import { printJson } from '../print.ts'

interface EvictFlags extends NodeFlags {
  readonly disk?: boolean
}

const help = `
Refused while a program has the model open, while requests for it run, and while it is pinned. It comes back with the next request.

Examples:
  $ holdfast evict acme/resnet50:v3
  $ holdfast evict acme/resnet50:v3 --disk`

export function evictCommand(): Command {
  return addNodeOptions(
    new Command('evict').description('release a model from the memory of a node, or from its disk too'),
  )
    .argument('<name>', 'namespace/name[:tag] or sha256:<digest>')
    .option('--disk', 'from the disk as well')
    .addHelpText('after', help)
    .action(runEvict)
}

async function runEvict(name: string, flags: EvictFlags): Promise<void> {
  const path = `/v1/evict/${NodeClient.pathOf(name)}`
  const report = await clientOf(flags).post<{ name: string; left: string[] }>(path, { disk: flags.disk === true })
  if (flags.json) return printJson(report)
  const { left } = report
  console.log(
    left.length === 0 ? `${report.name} was not there.` : `${report.name} is no longer in ${left.join(' and on ')}.`,
  )
}
