/** What the default policy saves: load delay beside the best that is known, online and clairvoyant; speed; exact plans. */

import { createPrng, evictionPolicyNames } from '../common/index.ts'
import type { AnyPolicyName } from '../placement/index.ts'
import { createPolicyFor, drawPlanGap, replay } from '../sim/traces/index.ts'
import { adapterCases, functionCases, type PlacementCase } from './placement-workloads.ts'
import { median } from './statistics.ts'
import type { Bench, BenchContext, BenchRow } from './types.ts'

const speedPolicies = ['lru', 'belady-am', 'holdfast'] as const
const planGapSeed = 301

export const placementBench: Bench = async (context) => [
  ...(await functionRows(context)),
  await adapterRow(context),
  ...planGapRows(context),
]

async function functionRows(context: BenchContext): Promise<BenchRow[]> {
  const [ratios, closed]: [number[], number[]] = [[], []]
  const [memories, oracleMemories]: [number[], number[]] = [[], []]
  const speeds = new Map<string, number[]>(speedPolicies.map((name) => [name, []]))
  for await (const one of functionCases(context)) {
    const online = delayMs('belady-am-online', one)
    const { ours, oracle } = { ours: delayMs('holdfast', one), oracle: delayMs('belady-am', one) }
    ratios.push(ours / online)
    closed.push((online - ours) / (online - oracle))
    memories.push(memoryAtEqualDelay('holdfast', one))
    oracleMemories.push(memoryAtEqualDelay('belady-am', one))
    for (const name of speedPolicies) speeds.get(name)!.push(requestsPerS(name, one))
    context.say(
      `${one.name}: ${ratios.at(-1)!.toFixed(3)} of online BeladyAM, gap closed ${closed.at(-1)!.toFixed(2)}, ` +
        `memory ${memories.at(-1)!.toFixed(2)} of LRU's where the BeladyAM oracle needs ${oracleMemories.at(-1)!.toFixed(2)}`,
    )
  }
  const n = ratios.length
  return [
    { id: 'load_delay_vs_online_beladyam/mean', value: mean(ratios), unit: 'ratio', n },
    { id: 'load_delay_vs_online_beladyam/worst', value: Math.max(...ratios), unit: 'ratio', n },
    { id: 'gap_to_oracle_closed', value: mean(closed), unit: 'share', n },
    { id: 'memory_at_equal_delay_vs_lru', value: mean(memories), unit: 'ratio', n },
    {
      id: 'memory_at_equal_delay_vs_lru/oracle',
      value: mean(oracleMemories),
      unit: 'ratio',
      n,
      note: 'BeladyAM, which knows the future',
    },
    ...speedPolicies.map((name) => ({
      id: `requests_per_s/${name}`,
      value: median(speeds.get(name)!),
      unit: '1/s',
      n,
    })),
  ]
}

/** The worst over all sizes of ours against the best of all other online policies at that size. */
async function adapterRow(context: BenchContext): Promise<BenchRow> {
  const ratios: number[] = []
  for await (const one of adapterCases(context)) {
    const others = evictionPolicyNames.filter((name) => name !== 'holdfast')
    const best = Math.min(...others.map((name) => delayMs(name, one)))
    ratios.push(delayMs('holdfast', one) / best)
    context.say(`${one.name}: ${ratios.at(-1)!.toFixed(3)} of the best other online policy`)
  }
  return { id: 'gentd26_vs_best_online', value: Math.max(...ratios), unit: 'ratio', n: ratios.length }
}

function planGapRows({ tiny, say }: BenchContext): BenchRow[] {
  say(`plans against exact search: seed ${planGapSeed}`)
  const prng = createPrng(planGapSeed)
  const gaps = Array.from({ length: tiny ? 20 : 200 }, (_, index) => drawPlanGap(prng.child(String(index))))
  const n = gaps.length
  return [
    { id: 'optimality_gap', value: mean(gaps), unit: 'share', n, note: 'mean over drawn memories of twelve models' },
    { id: 'optimality_gap/worst', value: Math.max(...gaps), unit: 'share', n },
  ]
}

function delayMs(name: AnyPolicyName, { trace, capacityBytes }: PlacementCase): number {
  return replay(createPolicyFor(name, trace), trace, { capacityBytes }).loadMs / trace.timesMs.length
}

function requestsPerS(name: AnyPolicyName, { trace, capacityBytes }: PlacementCase): number {
  const policy = createPolicyFor(name, trace)
  const startMs = performance.now()
  replay(policy, trace, { capacityBytes })
  return trace.timesMs.length / ((performance.now() - startMs) / 1000)
}

/** Share of LRU's memory with which a policy waits no longer than LRU does; found by halving, to a hundredth. */
function memoryAtEqualDelay(name: AnyPolicyName, one: PlacementCase): number {
  const lru = delayMs('lru', one)
  let [enough, tooLittle] = [1, 0]
  while (enough - tooLittle > 0.01) {
    const share = (enough + tooLittle) / 2
    if (delayMs(name, { ...one, capacityBytes: share * one.capacityBytes }) <= lru) enough = share
    else tooLittle = share
  }
  return enough
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
