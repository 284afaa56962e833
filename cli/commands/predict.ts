/** `holdfast predict`: what the time of a request would be for, and where each part of the prediction comes from. */
import { Command } from 'commander'
import { HoldfastError } from '../../common/index.ts'
import type { Prediction } from '../../core/index.ts'
import { NodeClient } from '../node-client.ts'
import { addNodeOptions, clientOf, type NodeFlags } from '../node-option.ts'
import { type Cell, formatMs, printJson, printRows, shortId } from '../print.ts'

interface PredictAnswer extends Prediction {
  readonly name: string
  readonly model: string
}

const help = `
Shows every way in which an inference request could be answered at this moment, best first, and what its expected time is made of:
the way to another node, the queue, bringing the weights, the start of the model and its execution. Each part is measured (here and
lately), told (by the other node), estimated, or unknown. A request with a deadline is refused by less than that: the shortest start
and run of the last minute, the certain part of the queue here and measured ways to other nodes. Nothing is run and nothing is fetched.

Example:
  $ holdfast predict acme/resnet50:v3 --batch 8`

export function predictCommand(): Command {
  return addNodeOptions(new Command('predict').description('show what the time of a request would be for'))
    .argument('<name>', 'namespace/name[:tag]')
    .option('--batch <n>', 'inputs at once', '1')
    .addHelpText('after', help)
    .action(runPredict)
}

async function runPredict(name: string, flags: NodeFlags & { readonly batch: string }): Promise<void> {
  if (!/^[1-9]\d{0,5}$/.test(flags.batch)) {
    throw new HoldfastError('BAD_USAGE', '--batch has to be a number from 1 to 999999.')
  }
  const path = `/v1/predict/${NodeClient.pathOf(name)}?batch=${flags.batch}`
  const answer = await clientOf(flags).get<PredictAnswer>(path)
  if (flags.json) return printJson(answer)
  console.log(`${answer.name} is ${shortId(answer.model)}, ${answer.batch} at once`)
  if (answer.options.length === 0) console.log('No reachable node can answer, and there is no source to fetch it from.')
  else printRows(['OPTION', 'NODE', 'PART', 'EXPECTED', 'FROM'], answer.options.flatMap(rowsOf))
}

function rowsOf({ kind, node, via, expectedMs, parts }: Prediction['options'][number]): Cell[][] {
  const source = via === undefined ? 'here' : via.node === undefined ? via.source : `from ${via.node}`
  return [
    [kind, node ?? source, 'all', formatMs(expectedMs), ''],
    ...parts.map(({ part, ms, from }) => ['', '', part, formatMs(ms), from]),
  ]
}
