/** `holdfast pin`, `holdfast unpin`: models that a node keeps whatever else is wanted. */
import { Command } from 'commander'
import type { PinView } from '../../admin/index.ts'
import { NodeClient } from '../node-client.ts'
import { addNodeOptions, clientOf, type NodeFlags, tierOption } from '../node-option.ts'
import { type Cell, printJson, printNothing, printRows, shortId } from '../print.ts'

const pinHelp = `
A pinned model is fetched now, and again whenever it is missing, and is never evicted to make room. When its tag moves, the new
revision is fetched before the old one may go. Pins outlive restarts. Without a name: the pins of the node.

Examples:
  $ holdfast pin acme/resnet50:v3
  $ holdfast pin acme/llama:v1 --tier disk
  $ holdfast pin`

const unpinHelp = `
The model stays where it is until its room is needed.

Example:
  $ holdfast unpin acme/resnet50:v3`

export function pinCommand(): Command {
  return addNodeOptions(new Command('pin').description('keep a model on a node: fetch it and never evict it'))
    .argument('[name]', 'namespace/name[:tag] or sha256:<digest>')
    .addOption(tierOption())
    .addHelpText('after', pinHelp)
    .action(runPin)
}

export function unpinCommand(): Command {
  return addNodeOptions(new Command('unpin').description('let a pinned model be evicted again'))
    .argument('<name>', 'as it was pinned')
    .addHelpText('after', unpinHelp)
    .action(runUnpin)
}

async function runPin(name: string | undefined, flags: NodeFlags & { readonly tier: string }): Promise<void> {
  const client = clientOf(flags)
  if (name === undefined) {
    const { pins } = await client.get<{ pins: PinView[] }>('/v1/pins')
    if (flags.json) return printJson(pins)
    if (pins.length === 0) return printNothing('Nothing is pinned.')
    return printRows(['MODEL', 'TIER', 'STATE', 'REVISION', 'ERROR'], pins.map(cells))
  }
  const pin = await client.put<PinView>(`/v1/pins/${NodeClient.pathOf(name)}`, { tier: flags.tier })
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
  return [name, tier, state, model === null ? null : shortId(model), error]
}
