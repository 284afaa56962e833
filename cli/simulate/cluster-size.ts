/** The same scenario with more or less memory, or with more or fewer nodes. The requests stay what they are. */
import { HoldfastError } from '../../common/index.ts'
import { parseBytes } from '../../node/config/index.ts'
import { type Scenario, withValues } from '../../sim/index.ts'

/** Of a node: a multiple of what the scenario gives it, or bytes that are the same for all. */
export type MemorySize = { readonly factor: number } | { readonly bytes: number }

/** '0.5' is half of what the scenario says, '8GB' is that. */
export function parseMemory(option: string, text: string): MemorySize {
  if (/^\d*\.?\d+$/.test(text.trim())) {
    const factor = Number(text)
    if (factor > 0 && factor <= factorMax) return { factor }
    throw new HoldfastError(
      'BAD_REQUEST',
      `${option} has ${text}: without a unit it is a multiple of the scenario's memory, above 0 and up to ${factorMax}.`,
    )
  }
  const bytes = parseBytes(text, option)
  if (bytes >= 1) return { bytes }
  throw new HoldfastError('BAD_REQUEST', `${option} has ${text}; it has to be a size such as 8GB.`)
}

/** A larger one is a number of bytes whose unit was forgotten. */
const factorMax = 1_000

/** Sites with nodes of their own are scaled with the others. */
export function withMemory(scenario: Scenario, size: MemorySize): Scenario {
  const sized = (bytes: number) => ('bytes' in size ? size.bytes : Math.max(1, Math.round(bytes * size.factor)))
  const sites = scenario.sites.map((site) => {
    const own = site.node?.memoryBytes ?? null
    return own === null ? site : { ...site, node: { ...site.node, memoryBytes: sized(own) } }
  })
  return withValues(scenario, { 'node.memoryBytes': sized(scenario.node.memoryBytes), sites })
}

export function nodeCountOf({ sites, drawnSites }: Scenario): number {
  if (sites.length === 0) return drawnSites.count * drawnSites.nodesPerSite
  return sites.reduce((sum, { nodeCount }) => sum + nodeCount, 0)
}

/** Node counts are multiples of this, and not below `least`. */
export function nodeSteps({ sites, drawnSites }: Scenario): { least: number; step: number } {
  if (sites.length > 0) return { least: sites.length, step: 1 }
  return { least: drawnSites.nodesPerSite, step: drawnSites.nodesPerSite }
}

/** Named sites keep their shares of the nodes, and at least one each; of drawn sites there are more or fewer. */
export function withNodes(scenario: Scenario, nodeCount: number): Scenario {
  const { least, step } = nodeSteps(scenario)
  if (nodeCount < least || nodeCount % step !== 0) {
    const rule = step > 1 ? `a multiple of ${step}, the nodes of a site` : `at least ${least}, one for each site`
    throw new HoldfastError(
      'BAD_REQUEST',
      `${nodeCount} nodes do not fit the sites of ${scenario.name}: it takes ${rule}.`,
    )
  }
  if (scenario.sites.length === 0) return withValues(scenario, { 'drawnSites.count': nodeCount / step })
  const counts = apportioned(
    scenario.sites.map((site) => site.nodeCount),
    nodeCount,
  )
  // A site's part of the requests is what it was, however its nodes are rounded.
  const sites = scenario.sites.map((site, index) => ({
    ...site,
    nodeCount: counts[index]!,
    requestWeight: site.requestWeight ?? site.nodeCount,
  }))
  return withValues(scenario, { sites })
}

/** By largest remainder over one each. */
function apportioned(weights: readonly number[], total: number): number[] {
  const sum = weights.reduce((left, right) => left + right, 0)
  const quotas = weights.map((weight) => (weight / sum) * total)
  const counts = quotas.map((quota) => Math.max(1, Math.floor(quota)))
  const missing = () => total - counts.reduce((left, right) => left + right, 0)
  while (missing() !== 0) {
    const change = Math.sign(missing())
    const gaps = quotas.map((quota, index) =>
      change < 0 && counts[index] === 1 ? -Infinity : change * (quota - counts[index]!),
    )
    const place = gaps.indexOf(Math.max(...gaps))
    counts[place] = counts[place]! + change
  }
  return counts
}
