/** `holdfast pin`, `holdfast unpin`: models that a node keeps whatever else is wanted. */
import { Command, InvalidArgumentError } from 'commander'
import type { PinView, ReplicaPinView } from '../../node/admin/index.ts'
import { NodeClient } from '../node-client.ts'
import { addNodeOptions, clientOf, type NodeFlags, tierOption } from '../node-option.ts'
import { type Cell, printJson, printNothing, printRows, shortId } from '../print.ts'

const pinHelp = `
A pinned model is fetched now, and again whenever it is missing, and is never evicted to make room. When its tag moves, the new
revision is fetched before the old one may go. Pins outlive restarts. Without a name: the pins of the node and of the cluster.

With --replicas the cluster keeps the model on so many nodes, spread over zones, whichever they are: all nodes know the pin, also
when the one that took it is gone, and another node takes over when one that kept the model does not come back.

Examples:
  $ holdfast pin acme/resnet50:v3
  $ holdfast pin acme/llama:v1 --tier disk
  $ holdfast pin acme/resnet50:v3 --replicas 3
  $ holdfast pin`

const unpinHelp = `
On this node, and in the cluster if it was pinned there. The model stays where it is until its room is needed.

Example:
  $ holdfast unpin acme/resnet50:v3`

export function pinCommand(): Command {
  return addNodeOptions(new Command('pin').description('keep a model on a node: fetch it and never evict it'))
    .argument('[name]', 'namespace/name[:tag] or sha256:<digest>')
    .addOption(tierOption())
    .option('--replicas <count>', 'nodes of the cluster that keep it; without it, this node does', replicasOf)
    .addHelpText('after', pinHelp)
    .action(runPin)
}

export function unpinCommand(): Command {
  return addNodeOptions(new Command('unpin').description('let a pinned model be evicted again'))
    .argument('<name>', 'as it was pinned')
    .addHelpText('after', unpinHelp)
    .action(runUnpin)
}

interface PinFlags extends NodeFlags {
  readonly tier: string
  readonly replicas?: number
}

async function runPin(name: string | undefined, flags: PinFlags): Promise<void> {
  const client = clientOf(flags)
  if (name === undefined) {
    const answer = await client.get<{ pins: PinView[]; replicated: ReplicaPinView[] }>('/v1/pins')
    if (flags.json) return printJson(answer)
    const rows = [...answer.pins.map(cells), ...answer.replicated.map(replicaCells)]
    if (rows.length === 0) return printNothing('Nothing is pinned.')
    return printRows(['MODEL', 'TIER', 'WHERE', 'HERE', 'REVISION', 'ERROR'], rows)
  }
  const path = `/v1/pins/${NodeClient.pathOf(name)}`
  if (flags.replicas !== undefined) {
    const pin = await client.put<ReplicaPinView>(path, { tier: flags.tier, replicas: flags.replicas })
    if (flags.json) return printJson(pin)
    console.log(
      `${pin.name} is pinned to ${pin.tier} on ${pin.replicaCount} nodes; \`holdfast pin\` shows how many have it.`,
    )
    return
  }
  const pin = await client.put<PinView>(path, { tier: flags.tier })
  if (flags.json) return printJson(pin)
  const state = pin.state === 'held' ? 'it is here' : 'it is on its way; `holdfast pin` shows when it is here'
  console.log(`${pin.name} is pinned to ${pin.tier}: ${state}.`)
}

async function runUnpin(name: string, flags: NodeFlags): Promise<void> {
  const answer = await clientOf(flags).delete<{ name: string; unpinned: boolean }>(
    `/v1/pins/${NodeClient.pathOf(name)}`,
  )
  if (flags.json) return printJson(answer)
  console.log(answer.unpinned ? `${name} is no longer pinned.` : `${name} was not pinned.`)
}

function cells({ name, tier, state, model, error }: PinView): Cell[] {
  return [name, tier, 'this node', state, model === null ? null : shortId(model), error]
}

function replicaCells({ name, tier, replicaCount, keptCount, state, model, error }: ReplicaPinView): Cell[] {
  const where = `${keptCount} of ${replicaCount} nodes`
  return [name, tier, where, state, model === null ? null : shortId(model), error]
}

function replicasOf(text: string): number {
  const count = Number(text)
  if (Number.isSafeInteger(count) && count > 0) return count
  throw new InvalidArgumentError('It has to be a whole number from 1.')
}
