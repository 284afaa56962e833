/** `holdfast route`: where a request would run now, and why. */
import { Command } from 'commander'
import { formatSeconds } from '../../common/index.ts'
import type { RouteDecision, RouteOption } from '../../placement/index.ts'
import { NodeClient } from '../node-client.ts'
import { addNodeOptions, clientOf, type NodeFlags } from '../node-option.ts'
import { type Cell, formatMs, printJson, printRows, shortId } from '../print.ts'

interface RouteAnswer {
  readonly name: string
  readonly model: string
  readonly refAgeMs: number | null
  readonly decision: RouteDecision
}

const help = `
Shows what the node would do with an inference request at this moment: run it, forward it to a node that has the model, or fetch
the model first; with the expected time of each. Nothing is run and nothing is fetched.

Example:
  $ holdfast route acme/resnet50:v3`

export function routeCommand(): Command {
  return addNodeOptions(new Command('route').description('show where a request for a model would run now, and why'))
    .argument('<name>', 'namespace/name[:tag]')
    .addHelpText('after', help)
    .action(runRoute)
}

async function runRoute(name: string, flags: NodeFlags): Promise<void> {
  const answer = await clientOf(flags).get<RouteAnswer>(`/v1/route/${NodeClient.pathOf(name)}`)
  if (flags.json) return printJson(answer)
  const { decision, model, refAgeMs } = answer
  const age = refAgeMs === null ? 'not confirmed since the start' : `looked up ${formatSeconds(refAgeMs / 1000)} ago`
  console.log(`${answer.name} is ${shortId(model)} (${age})`)
  console.log(`${decision.kind}: ${decision.reason}`)
  const { kind, alternatives } = decision
  const chosen = kind === 'unservable' || kind === 'refused' ? [] : [cells({ ...decision, kind }, 'chosen')]
  const rows = [...chosen, ...alternatives.map((option) => cells(option, ''))]
  if (rows.length > 0) printRows(['OPTION', 'NODE', 'EXPECTED', ''], rows)
}

function cells(option: Pick<RouteOption, 'kind' | 'node' | 'via' | 'expectedMs'>, note: string): Cell[] {
  const { kind, node, via, expectedMs } = option
  const source = via === undefined ? null : via.node === undefined ? via.source : `from ${via.node}`
  return [kind, node ?? source ?? 'here', formatMs(expectedMs), note]
}
