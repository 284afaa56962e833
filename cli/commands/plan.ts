/** `holdfast plan`: what a node would evict now, and why. */
import { Command } from 'commander'
import { formatBytes } from '../../common/index.ts'
import type { EvictionView, PlacementPlanView } from '../../node/admin/index.ts'
import { addNodeOptions, clientOf, type NodeFlags, tierOption } from '../node-option.ts'
import { type Cell, formatMs, printJson, printNothing, printRows, shortId } from '../print.ts'

type Decision = PlacementPlanView['decisions'][number]

interface PlanFlags extends NodeFlags {
  readonly tier: string
  readonly bytes?: string
}

const help = `
Without --bytes: every model of the tier in the order in which it would go, if room were needed. With --bytes: what would go to
make room for that much. Models that are pinned or in use stay, and are listed last.

Below it, what placement would do in its next round: which models this node would copy, prefetch and shed, which it keeps, and which
it leaves to others, each with its reason and what the sum is made of. Nothing is evicted or fetched.

Examples:
  $ holdfast plan
  $ holdfast plan --tier disk --bytes 20GB`

export function planCommand(): Command {
  return addNodeOptions(
    new Command('plan').description('show which models a node would evict, copy, prefetch and shed now, and why'),
  )
    .addOption(tierOption())
    .option('--bytes <size>', 'room that is needed, as in 6GB')
    .addHelpText('after', help)
    .action(runPlan)
}

async function runPlan(flags: PlanFlags): Promise<void> {
  const { parseBytes } = await import('../../node/config/index.ts')
  const bytes = flags.bytes === undefined ? '' : `&bytes=${parseBytes(flags.bytes, '--bytes')}`
  const plan = await clientOf(flags).get<EvictionView & { readonly placement: PlacementPlanView }>(
    `/v1/plan?tier=${flags.tier}${bytes}`,
  )
  if (flags.json) return printJson(plan)
  const { usedBytes, limitBytes, neededBytes } = plan
  console.log(`${plan.tier}: ${formatBytes(usedBytes)} of ${formatBytes(limitBytes)} used, policy ${plan.policy}`)
  if (neededBytes !== null) console.log(conclusion(plan, neededBytes))
  if (plan.models.length === 0) printNothing(`There are no models in the ${plan.tier} tier.`)
  else printRows(['PLACE', 'MODEL', 'SIZE', 'REASON', 'SCORE', 'MADE OF'], plan.models.map(cells))
  printPlacement(plan.placement)
}

function printPlacement({ replication, decisions }: PlacementPlanView): void {
  console.log(`\nplacement: ${replication ? 'on' : 'for pins only (placement.replication is off)'}`)
  if (decisions.length === 0) printNothing('There is no model to place here.')
  else printRows(['DECISION', 'MODEL', 'TIER', 'REASON', 'DISPLACES', 'MADE OF'], decisions.map(placementCells))
}

function placementCells({ kind, names, model, tier, reason, displaces, parts }: Decision): Cell[] {
  const title = names.join(' ') || (model === null ? null : shortId(model))
  return [kind, title, tier, reason, displaces.length === 0 ? null : displaces.map(shortId).join(' '), madeOf(parts)]
}

function madeOf(parts: Readonly<Record<string, number>>): string {
  return Object.entries(parts)
    .map(([name, value]) => `${name}=${formatPart(name, value)}`)
    .join(' ')
}

function conclusion({ models, enough, tier }: EvictionView, neededBytes: number): string {
  const count = models.filter(({ place }) => place !== null).length
  if (!enough)
    return `${formatBytes(neededBytes)} cannot be made free: the rest of the ${tier} tier is in use or pinned.`
  return count === 0
    ? `${formatBytes(neededBytes)} are free already.`
    : `${formatBytes(neededBytes)} take ${count} of them:`
}

function cells({ place, names, model, sizeBytes, reason, score, parts }: EvictionView['models'][number]): Cell[] {
  return [
    place,
    names.join(' ') || shortId(model),
    sizeBytes === null ? null : formatBytes(sizeBytes),
    reason,
    score === null ? '∞' : Number(score.toPrecision(3)),
    madeOf(parts),
  ]
}

/** Names carry the unit. JSON has no Infinity: null is one. */
function formatPart(name: string, value: number | null): string {
  if (name.endsWith('Bytes') && value !== null) return formatBytes(value).replace(' ', '')
  if (name.endsWith('Ms')) return formatMs(value).replace(' ', '')
  return value === null ? '∞' : String(Number(value.toPrecision(3)))
}
