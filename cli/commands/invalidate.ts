/** `holdfast invalidate`: a tag has moved, and all nodes should know now. */
import { Command } from 'commander'
import type { InvalidationReport } from '../../node/admin/index.ts'
import { NodeClient } from '../node-client.ts'
import { addNodeOptions, clientOf, type NodeFlags } from '../node-option.ts'
import { printJson, printRows, printWarning, shortId } from '../print.ts'

const help = `
Looks the tag up again on this node and on every node that it reaches, instead of when \`refs.freshMs\` has passed. Programs that
have the model open keep the revision they opened; what is opened or asked from now on gets the new one.
Exit code 1 when a node was not reached: it finds out by itself after \`refs.freshMs\`. Also when the origin did not answer or has no
such tag, so that what is printed is what the node knew before.

Example:
  $ holdfast push ./resnet50 acme/resnet50:v3 --origin file:///srv/models && holdfast invalidate acme/resnet50:v3`

export function invalidateCommand(): Command {
  return addNodeOptions(new Command('invalidate').description('look a tag up again on all nodes, after it moved'))
    .argument('<name>', 'namespace/name[:tag]')
    .addHelpText('after', help)
    .action(runInvalidate)
}

async function runInvalidate(name: string, flags: NodeFlags): Promise<void> {
  const report = await clientOf(flags).post<InvalidationReport>(`/v1/invalidate/${NodeClient.pathOf(name)}`)
  const missed = report.nodes.filter(({ error }) => error !== null)
  if (missed.length > 0 || report.unconfirmed !== null) process.exitCode = 1
  if (flags.json) return printJson(report)
  const { before, model, sequence } = report
  const moved = before === null || before === model ? 'is' : `was ${shortId(before)} and is`
  console.log(`${report.name} ${moved} ${shortId(model)} (sequence ${sequence})`)
  if (report.unconfirmed !== null) printWarning(`the origin has not confirmed it: ${report.unconfirmed}`)
  if (report.nodes.length === 0) return
  printRows(
    ['NODE', 'REVISION', 'ERROR'],
    report.nodes.map(({ node, model, error }) => [node, model === null ? null : shortId(model), error]),
  )
}
