/** Fills memories before the first request, as a cluster that has been up for days has them. */
import type { SimNode } from '../node/sim-node.ts'
import type { Scenario } from '../scenario/scenario.ts'
import type { SimModel } from './models.ts'
import type { PushedModel, RequestTable } from './requests.ts'

export interface PreloadInputs {
  readonly scenario: Scenario
  readonly requests: RequestTable
  readonly nodes: readonly SimNode[]
  readonly models: readonly SimModel[]
  readonly pushed: readonly PushedModel[]
}

/**
 * Each node gets what it will be asked for most, the most wanted first, until `preloadPercent` of its memory is full. Nobody has what is
 * pushed later.
 */
export function preload(
  { scenario, requests, nodes, models, pushed }: PreloadInputs,
  isAway: (node: SimNode) => boolean,
): void {
  const { preloadPercent } = scenario.models
  if (preloadPercent === 0) return
  const isLater = new Set(pushed.map(({ model }) => model.index))
  const counts = nodes.map(() => new Map<number, number>())
  for (let at = 0; at < requests.timesMs.length; at += 1) {
    const count = counts[requests.nodes[at]!]!
    count.set(requests.models[at]!, (count.get(requests.models[at]!) ?? 0) + 1)
  }
  for (const node of nodes) {
    if (isAway(node)) continue
    let freeBytes = (node.memory.limitBytes * preloadPercent) / 100
    const wanted = [...counts[node.index]!].sort((a, b) => b[1] - a[1] || a[0] - b[0])
    const preloaded: SimModel[] = []
    for (const [index] of wanted) {
      const model = models[index]!
      if (model.sizeBytes > freeBytes || isLater.has(index)) continue
      freeBytes -= model.sizeBytes
      preloaded.push(model)
    }
    node.preload(preloaded)
  }
}
