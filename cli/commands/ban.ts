/** `holdfast ban`, `holdfast unban`: shuts a node out of another one. */
import { Command } from 'commander'
import { NodeClient } from '../node-client.ts'
import { addNodeOptions, clientOf, type NodeFlags } from '../node-option.ts'
import { printJson } from '../print.ts'

const banHelp = `
Its connections are refused, in and out, also after a restart. A ban counts on the node that is asked only: repeat it on the
others. A node with the cluster key can come back under another id: to be rid of a stranger, rotate the key (docs/guide/operations.md).

Example:
  $ holdfast ban 12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp`

const unbanHelp = `
Example:
  $ holdfast unban 12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp`

export function banCommand(): Command {
  return addNodeOptions(new Command('ban').description('refuse all connections of a node'))
    .argument('<node>', 'node id, from holdfast peers')
    .addHelpText('after', banHelp)
    .action(async (node: string, flags: NodeFlags) => {
      const ban = await clientOf(flags).put<object>(`/v1/bans/${NodeClient.pathOf(node)}`)
      if (flags.json) printJson(ban)
      else console.log(`${node} is banned.`)
    })
}

export function unbanCommand(): Command {
  return addNodeOptions(new Command('unban').description('let a banned node in again'))
    .argument('<node>', 'node id, from holdfast peers')
    .addHelpText('after', unbanHelp)
    .action(async (node: string, flags: NodeFlags) => {
      const answer = await clientOf(flags).delete<{ unbanned: boolean }>(`/v1/bans/${NodeClient.pathOf(node)}`)
      if (flags.json) printJson(answer)
      else console.log(answer.unbanned ? `${node} may connect again.` : `${node} was not banned.`)
    })
}
