/** `holdfast peers`: the nodes that a node knows. */
import { Command } from 'commander'
import { formatBytes } from '../../common/index.ts'
import type { BanView, ClusterMember, ModelView } from '../../node/admin/index.ts'
import { addNodeOptions, clientOf, type NodeFlags } from '../node-option.ts'
import { type Cell, formatMs, printJson, printRows, shortId } from '../print.ts'

const help = `
The first line is the node that was asked. A suspected node did not answer somebody and is avoided until it does; a draining one
is stopping; a banned one is shut out of this node.

Example:
  $ holdfast peers
  $ holdfast peers | cut -f 1            # ids, for holdfast ban`

export function peersCommand(): Command {
  return addNodeOptions(new Command('peers').description('list the nodes of the cluster, as one node sees them'))
    .addHelpText('after', help)
    .action(runPeers)
}

async function runPeers(flags: NodeFlags): Promise<void> {
  const client = clientOf(flags)
  const { members } = await client.get<{ members: ClusterMember[] }>('/v1/cluster')
  const { models } = await client.get<{ models: ModelView[] }>('/v1/models')
  const nameOf = new Map(
    models.flatMap(({ model, names }) => (names.length === 0 ? [] : [[model, names[0]!] as const])),
  )
  const { bans } = await client.get<{ bans: BanView[] }>('/v1/bans')
  const banned = new Set(bans.map(({ node }) => node))
  const rows = members
    .map((member) => ({ ...member, banned: banned.has(member.node) }))
    .sort((a, b) => Number(b.isSelf) - Number(a.isSelf) || (a.node < b.node ? -1 : 1))
  const absent = bans.filter(({ node }) => !members.some((member) => member.node === node))
  if (flags.json) return printJson({ members: rows, bans })
  printRows(
    ['NODE', 'NAME', 'STATE', 'ZONE', 'VERSION', 'ROUND TRIP', 'QUEUE', 'MEMORY FREE', 'HOLDS', 'HTTP', 'ADDRESSES'],
    [
      ...rows.map((row) => cells(row, nameOf)),
      ...absent.map(({ node }): Cell[] => [node, null, 'banned', null, null, null, null, null, null, null, null]),
    ],
  )
}

/** Models that are named; of more only the count is told. `--json` has all. */
const heldShown = 3

function cells(member: ClusterMember & { banned: boolean }, nameOf: ReadonlyMap<string, string>): Cell[] {
  const { node, name, version, addresses, isSelf, zone, rttMs, queueMs, memoryFreeBytes, models, httpUrl } = member
  const held = models.slice(0, heldShown).map(({ model, tier }) => `${nameOf.get(model) ?? shortId(model)} (${tier})`)
  const more = models.length > heldShown ? [`and ${models.length - heldShown} more`] : []
  return [
    node,
    name,
    isSelf ? 'this node' : stateOf(member),
    zone,
    version,
    isSelf || rttMs === null ? null : formatMs(rttMs),
    formatMs(queueMs),
    formatBytes(memoryFreeBytes),
    [...held, ...more].join(', '),
    httpUrl,
    addresses.join(' '),
  ]
}

export function stateOf({
  banned,
  suspected,
  draining,
}: {
  banned: boolean
  suspected: boolean
  draining: boolean
}): string {
  if (banned) return 'banned'
  if (suspected) return 'suspected'
  return draining ? 'draining' : 'up'
}
