/** `holdfast plan`: what a node would evict now, and why. */
import { Command } from 'commander'
import type { EvictionView } from '../../admin/index.ts'
import { formatBytes } from '../format-bytes.ts'
import { addNodeOptions, clientOf, type NodeFlags, tierOption } from '../node-option.ts'
import { type Cell, formatMs, printJson, printNothing, printRows, shortId } from '../print.ts'

interface PlanFlags extends NodeFlags {
  readonly tier: string
  readonly bytes?: string
}

const help = `
Without --bytes: every model of the tier in the order in which it would go, if room were needed. With --bytes: what would go to
make room for that much. Models that are pinned or in use stay, and are listed last. Nothing is evicted.

Examples:
  $ holdfast plan
  $ holdfast plan --tier disk --bytes 20GB`

export function planCommand(): Command {
  return addNodeOptions(new Command('plan').description('show which models a node would evict now, in order, and why'))
    .addOption(tierOption())
    .option('--bytes <size>', 'room that is needed, as in 6GB')
    .addHelpText('after', help)
    .action(runPlan)
}

async function runPlan(flags: PlanFlags): Promise<void> {
  const { parseBytes } = await import('../../config/parse-value.ts')
  const bytes = flags.bytes === undefined ? '' : `&bytes=${parseBytes(flags.bytes, '--bytes')}`
  const plan = await clientOf(flags).get<EvictionView>(`/v1/plan?tier=${flags.tier}${bytes}`)
  if (flags.json) return printJson(plan)
  const { usedBytes, limitBytes, neededBytes } = plan
  console.log(`${plan.tier}: ${formatBytes(usedBytes)} of ${formatBytes(limitBytes)} used, policy ${plan.policy}`)
  if (neededBytes !== null) console.log(conclusion(plan, neededBytes))
  if (plan.models.length === 0) return printNothing(`There are no models in the ${plan.tier} tier.`)
  printRows(['PLACE', 'MODEL', 'SIZE', 'REASON', 'SCORE', 'MADE OF'], plan.models.map(cells))
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
  const made = Object.entries(parts).map(([name, value]) => `${name}=${formatPart(name, value)}`)
  return [
    place,
    names.join(' ') || shortId(model),
    sizeBytes === null ? null : formatBytes(sizeBytes),
    reason,
    score === null ? '∞' : Number(score.toPrecision(3)),
    made.join(' '),
  ]
}

/** Names carry the unit. JSON has no Infinity: null is one. */
function formatPart(name: string, value: number | null): string {
  if (name.endsWith('Bytes') && value !== null) return formatBytes(value).replace(' ', '')
  if (name.endsWith('Ms')) return formatMs(value).replace(' ', '')
  return value === null ? '∞' : String(Number(value.toPrecision(3)))
}
